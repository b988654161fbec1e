"""From a network as it was trained to one whose memory is made of neurons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import nengo
import numpy as np
from nengo.dists import Choice, Uniform
from numpy.typing import ArrayLike

from spiking_lmu.legendre import state_space
from spiking_lmu.neurons import NEURON_TYPES, neuron_type
from spiking_lmu.realization import COORDINATES, Realization, realize_for
from spiking_lmu.training.weights import fix_seeds, read_weights
from spiking_lmu.validation import check_choice, check_integer, check_seed, refusal

from .lmu import LMU, check_sequences
from .sequence import SequenceNetwork

Network = TypeVar("Network", SequenceNetwork, LMU)

MEMORIES = ("exact", *NEURON_TYPES)
SEQUENCES = 200  # that coordinates are chosen for
MOMENTS = 100  # of each
STEP = 1e-4  # of differences that stand for slopes


def freeze(
    network: Network,
    memory: str = "exact",
    n_neurons: int | None = None,
    inputs: ArrayLike | None = None,
    presentation: int | None = None,
    synapse: float = 0.3,
    coordinates: str = "balanced",
    classes: bool | None = None,
    seed: int | None = None,
    **memory_args: Any,
) -> Network:
    """The same network with the same weights, around a memory of another kind.

    Parameters
    ----------
    network : SequenceNetwork or LMU
        Trained. The hidden units of an `LMU` are made to spike by `LMU.rebuilt`.
    memory : str
        ``"exact"``, or the neurons that the memory is to be made of: ``"rate"``,
        ``"lif"``, ``"relu"`` (integrate-and-fire) or ``"poisson"``. The last two have
        linear tuning curves with intercepts of 0 unless ``memory_args`` says otherwise.
        To run on chip, give the result to `hardware.loihi.Simulator`.
    n_neurons : int, optional
        Mean for each state variable; needed for neurons.
    inputs : (n, n_items, size_in) array_like, optional
        Sequences such as the network was trained on; needed for neurons. Coordinates,
        radii and shares of neurons are chosen for the states that these bring about and
        for what the network makes of them (`realize_for`). Of many, some are taken.
    presentation : int, optional
        Time steps for which each item is shown; that of ``network`` by default. An
        `LMU` computes anew in every time step and has none.
    synapse : float
        Recurrent synapse of the memory, in seconds; slower than that of a
        `LegendreMemory`, as the commands for sequences have it.
    coordinates : str
        ``"balanced"`` or ``"legendre"``.
    classes : bool, optional
        Whether the network's answers are logits; see `SequenceNetwork.sensitivity`.
        True by default where there is more than one. Not for an `LMU`.
    seed : int, optional
        Of the neurons.
    **memory_args
        Further arguments of `LegendreMemory`.

    Returns
    -------
    frozen : SequenceNetwork or LMU

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is out of range or missing, or the network is not trained.
    """
    if not isinstance(network, (SequenceNetwork, LMU)):
        raise refusal("network", network, "a SequenceNetwork or an LMU")
    check_choice("memory", memory, MEMORIES)
    in_neurons = (memory, n_neurons, synapse, memory_args)
    if isinstance(network, LMU):
        if presentation is not None:
            raise refusal("presentation", presentation, "None for an LMU")
        if classes is not None:
            raise refusal("classes", classes, "None for an LMU")
        unit: dict[str, Any] = {"seed": check_seed(seed)}
        arrays = network.arrays  # refuses what has not been trained
        if memory != "exact":
            realization = realize_unit(network, arrays, inputs, synapse, coordinates)
            unit.update(_in_neurons(realization, *in_neurons))
        return _seeded(network.rebuilt(**unit), seed)
    read_weights(network)  # refuses what has not been trained
    build = {**network.architecture, "seed": check_seed(seed)}
    if presentation is not None:
        build["presentation"] = check_integer("presentation", presentation, high=10**4)
    if memory != "exact":
        realization = realize_memory(
            network, inputs, build["presentation"], synapse, coordinates, classes
        )
        build.update(_in_neurons(realization, *in_neurons))
    frozen = SequenceNetwork(**build)
    frozen.learn_from(network)
    frozen.in_neurons = {"memory": memory, "presentation": frozen.presentation}
    if memory != "exact":
        frozen.in_neurons["neurons"] = frozen.lmu.memory.n_neurons
        frozen.in_neurons["synapse"] = float(synapse)
        rates = frozen.lmu.memory.max_rates
        if isinstance(rates, Uniform) and rates.low == rates.high / 2:
            frozen.in_neurons["rates"] = float(rates.high)
    return _seeded(frozen, seed)


def _seeded(frozen: Any, seed: int | None) -> Any:
    if seed is not None:
        fix_seeds(frozen, seed)  # for parts of it, too, whoever runs them
    return frozen


def _in_neurons(
    realization: Realization,
    memory: str,
    n_neurons: int | None,
    synapse: float,
    memory_args: dict[str, Any],
) -> dict[str, Any]:
    """Arguments of a network whose memory is made of neurons."""
    if n_neurons is None:
        raise refusal("n_neurons", n_neurons, "a number of neurons")
    kind = neuron_type(memory)
    if memory == "poisson":
        kind = nengo.PoissonSpiking(nengo.RectifiedLinear())
    if memory in ("relu", "poisson"):
        # half of the neurons for each sign, all linear: without any distortion
        memory_args = {"intercepts": Choice([0.0]), **memory_args}
    told = {
        "realization": realization,
        "n_neurons": n_neurons,
        "synapse": synapse,
        "neuron_type": kind,
    }
    return {"memory": "spiking", "memory_args": {**memory_args, **told}}


def realize_unit(
    unit: LMU,
    arrays: Mapping[str, np.ndarray],
    inputs: Any,
    synapse: float,
    coordinates: str,
) -> Realization:
    """Coordinates for the memory of a unit: for its states, and what it hears of them.

    What counts is how the hidden state changes with that of the memory: the mean
    square of f' at what goes into each hidden unit, times its weights.
    """
    check_choice("coordinates", coordinates, COORDINATES)
    if inputs is None:
        raise refusal("inputs", inputs, "sequences, for a memory of neurons")
    x = check_sequences(inputs, unit.size_in)
    if not x.any():
        raise refusal("inputs", 0.0, "sequences that are not all zero")
    x = x[np.linspace(0, len(x) - 1, min(len(x), SEQUENCES)).astype(int)]
    run = unit.run(x)
    some = slice(None, None, max(1, x.shape[1] // MOMENTS))
    states = run.m[:, some].reshape(-1, unit.order)
    C = np.eye(unit.order)
    if "W_m" in arrays:
        z = run.z[:, some].reshape(-1, unit.units)
        slopes = (unit.response(z + STEP) - unit.response(z - STEP)) / (2 * STEP)
        root = np.sqrt(np.mean(slopes**2, axis=0))
        C = (root[:, None] * arrays["W_m"]).reshape(-1, unit.order)
    return realize_for(
        *state_space(unit.theta, unit.order),
        unit.dt,
        synapse,
        states,
        C,
        coordinates,
        largest_input=float(np.abs(run.u).max()) or 1.0,
    )


def realize_memory(
    network: SequenceNetwork,
    inputs: Any,
    presentation: int,
    synapse: float,
    coordinates: str = "balanced",
    classes: bool | None = None,
) -> Realization:
    """Coordinates for the memory of a trained network; see `freeze`."""
    check_choice("coordinates", coordinates, COORDINATES)
    if inputs is None:
        raise refusal("inputs", inputs, "sequences, for a memory of neurons")
    x = check_sequences(inputs, network.size_in)
    if not x.any():
        raise refusal("inputs", 0.0, "sequences that are not all zero")
    some = np.linspace(0, len(x) - 1, min(len(x), SEQUENCES)).astype(int)
    x = x[some]
    states = network.states(x, every=max(1, x.shape[1] // MOMENTS))
    # all memories of a network share their coordinates
    by_memory = states.reshape(-1, network.order)
    C = network.sensitivity(x, classes).reshape(-1, network.order)
    theta = network.window * presentation * network.dt
    return realize_for(
        *state_space(theta, network.order),
        network.dt,
        synapse,
        by_memory,
        C,
        coordinates,
        largest_input=float(np.abs(x).max()) or 1.0,
    )
