"""From a trained network to one whose memory is made of neurons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from nengo.dists import Choice, Uniform
from numpy.typing import ArrayLike

from spiking_lmu.legendre import state_space
from spiking_lmu.neurons import LINEAR, NEURON_TYPES, neuron_type
from spiking_lmu.realization import COORDINATES, Realization, realize_for
from spiking_lmu.training.weights import fix_seeds, read_weights
from spiking_lmu.validation import (
    check_choice,
    check_integer,
    check_number,
    check_seed,
    check_sequences,
    refusal,
)

from .lmu import LMU
from .sequence import SequenceNetwork

Network = TypeVar("Network", SequenceNetwork, LMU)

MEMORY_TYPES = ("exact", *NEURON_TYPES)
SEQUENCES = 200  # at most, to choose coordinates for
MOMENTS = 100  # at most, of each sequence
STEP = 1e-4  # of the differences that approximate slopes


def freeze(
    network: Network,
    memory_type: str = "exact",
    n_neurons: int | None = None,
    inputs: ArrayLike | None = None,
    presentation: int | None = None,
    synapse: float = 0.3,
    coordinates: str = "balanced",
    classes: bool | None = None,
    seed: int | None = None,
    hidden: str | None = None,
    hidden_rates: float = 1000.0,
    hidden_synapse: float = 0.005,
    **memory_args: Any,
) -> Network:
    """Build a trained network anew, with the same weights and another kind of memory.

    Parameters
    ----------
    network : SequenceNetwork or LMU
        A trained network. `LMU.rebuilt` makes the hidden units of an `LMU` spike.
    memory_type : str
        ``"exact"``, or the neurons of the memory by the names of
        `spiking_lmu.neurons.neuron_type`. With rectified linear tuning curves
        (``"relu"``, ``"poisson-relu"``, ``"coordinated-relu"``,
        ``"coordinated-golden-relu"``, ``"coordinated-carry-relu"`` and
        ``"coordinated-nearest-relu"``) they have intercepts of 0 unless ``memory_args``
        sets others. Run the result on `hardware.loihi.Simulator` for Loihi.
    n_neurons : int, optional
        Mean number of neurons for each state variable; required for neurons.
    inputs : (n, n_items, size_in) array_like, optional
        Examples of the sequences that the network was trained on; required for
        neurons. Coordinates, radii and shares of neurons are chosen for the states
        that these sequences cause and for the network's use of them (`realize_for`).
        At most 200 of them are used.
    presentation : int, optional
        Number of time steps for which each item is shown; that of ``network`` by
        default. Not for an `LMU`, which computes anew in every time step.
    synapse : float
        Recurrent synapse of the memory, in seconds; slower than the default of
        `LegendreMemory`, as in the commands for sequences.
    coordinates : str
        ``"balanced"`` or ``"legendre"``.
    classes : bool, optional
        Whether the network's answers are logits; see `SequenceNetwork.sensitivity`.
        True by default if there is more than one. Not for an `LMU`.
    seed : int, optional
        Seed of the neurons.
    hidden : str, optional
        Neurons of the hidden units, if these spike as well: ``"relu"``
        (integrate-and-fire), ``"poisson-relu"``, ``"coordinated-relu"``,
        ``"coordinated-golden-relu"``, ``"coordinated-carry-relu"`` or
        ``"coordinated-nearest-relu"``. The network must have rectified linear hidden
        units, and ``inputs`` are required. By default hidden units are real numbers.
        Not for an `LMU`.
    hidden_rates : float
        Rate in Hz of hidden units at the largest hidden state of their layer that
        ``inputs`` cause at their end. Above ``1 / dt``, a neuron spikes several times
        in a step.
    hidden_synapse : float
        Time constant in seconds of the filter on the spikes of hidden units. It is the
        time over which the answer is read; 0 for the spikes of the last step alone.
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
    check_choice("memory_type", memory_type, MEMORY_TYPES)
    check_choice("coordinates", coordinates, COORDINATES)
    seed = check_seed(seed)
    in_neurons = (memory_type, n_neurons, synapse, memory_args)
    if isinstance(network, LMU):
        if presentation is not None:
            raise refusal("presentation", presentation, "None for an LMU")
        if classes is not None:
            raise refusal("classes", classes, "None for an LMU")
        if hidden is not None:
            raise refusal("hidden", hidden, "None for an LMU")
        unit: dict[str, Any] = {"seed": seed}
        arrays = network.trained_arrays()  # refuses what has not been trained
        if memory_type != "exact":
            realization = realize_unit(network, arrays, inputs, synapse, coordinates)
            unit.update(_in_neurons(realization, *in_neurons))
        return _seeded(network.rebuilt(**unit), seed)
    read_weights(network)  # refuses what has not been trained
    build = {**network.architecture, "seed": seed}
    if presentation is not None:
        build["presentation"] = check_integer("presentation", presentation, high=10**4)
    if memory_type != "exact":
        realization = realize_memory(
            network, inputs, build["presentation"], synapse, coordinates, classes
        )
        build.update(_in_neurons(realization, *in_neurons))
    if hidden is not None:
        build["hidden_args"] = _spiking(
            network, inputs, hidden, hidden_rates, hidden_synapse
        )
    frozen = SequenceNetwork(**build)
    frozen.learn_from(network)
    frozen.in_neurons = {
        "memory": memory_type,
        "presentation": frozen.presentation,
        "seed": seed,
    }
    if memory_type != "exact":
        frozen.in_neurons["neurons"] = frozen.lmu.memory.n_neurons
        frozen.in_neurons["synapse"] = float(synapse)
        frozen.in_neurons["coordinates"] = coordinates
        rates = frozen.lmu.memory.max_rates
        if isinstance(rates, Uniform) and rates.low == rates.high / 2:
            frozen.in_neurons["rates"] = float(rates.high)
        if frozen.lmu.memory.noise_shaping:
            frozen.in_neurons["noise_shaping"] = True
    if hidden is not None:
        frozen.in_neurons["hidden"] = hidden
        frozen.in_neurons["hidden_rates"] = float(hidden_rates)
        frozen.in_neurons["hidden_synapse"] = float(hidden_synapse)
    return _seeded(frozen, seed)


def _spiking(
    network: SequenceNetwork,
    inputs: Any,
    hidden: str,
    rates: float,
    synapse: float,
) -> dict[str, Any]:
    """Arguments of a network whose hidden units spike."""
    check_choice("hidden", hidden, LINEAR)
    rates = check_number("hidden_rates", rates, low=0, exclusive=True)
    synapse = check_number("hidden_synapse", synapse, low=0)
    x = _examples(inputs, network.size_in)
    states = network.hidden_states(network.final_states(x), x[:, -1])
    return {
        "neuron_type": neuron_type(hidden),
        "scale": [rates / (float(h.max()) or 1.0) for h in states],
        "synapse": synapse or None,
    }


def _seeded(frozen: Any, seed: int | None) -> Any:
    if seed is not None:
        fix_seeds(frozen, seed)  # also for parts that are built alone
    return frozen


def _in_neurons(
    realization: Realization,
    memory_type: str,
    n_neurons: int | None,
    synapse: float,
    memory_args: dict[str, Any],
) -> dict[str, Any]:
    """Arguments of a network whose memory is made of neurons."""
    if n_neurons is None:
        raise refusal("n_neurons", n_neurons, "a number of neurons")
    if memory_type in LINEAR:
        # half of the neurons for each sign: all linear, so there is no distortion
        memory_args = {"intercepts": Choice([0.0]), **memory_args}
    chosen = {
        "realization": realization,
        "n_neurons": n_neurons,
        "synapse": synapse,
        "neuron_type": neuron_type(memory_type),
    }
    return {"memory_args": {**memory_args, **chosen}}


def realize_unit(
    unit: LMU,
    arrays: Mapping[str, np.ndarray],
    inputs: Any,
    synapse: float,
    coordinates: str,
) -> Realization:
    """Choose coordinates for the memory of a unit, for the states of given sequences.

    They suit the change of the hidden state with the memory's state: the root mean
    square of f' at the input of each hidden unit, times its weights.
    """
    x = _examples(inputs, unit.size_in)
    run = unit.run(x)
    some = slice(None, None, max(1, x.shape[1] // MOMENTS))
    states = run.m[:, some]
    C = np.eye(unit.order)
    if "W_m" in arrays:
        z = run.z[:, some].reshape(-1, unit.units)
        slopes = (unit.response(z + STEP) - unit.response(z - STEP)) / (2 * STEP)
        root = np.sqrt(np.mean(slopes**2, axis=0))
        C = root[:, None] * arrays["W_m"]
    return _realize(
        unit.theta, unit.order, unit.dt, synapse, coordinates, states, C, run.u
    )


def realize_memory(
    network: SequenceNetwork,
    inputs: Any,
    presentation: int,
    synapse: float,
    coordinates: str = "balanced",
    classes: bool | None = None,
) -> Realization:
    """Choose coordinates for the memory of a trained network; see `freeze`."""
    x = _examples(inputs, network.size_in)
    states = network.states(x, every=max(1, x.shape[1] // MOMENTS))
    C = network.sensitivity(x, classes)
    theta = network.window * presentation * network.dt
    return _realize(
        theta, network.order, network.dt, synapse, coordinates, states, C, x
    )


def _examples(inputs: Any, size_in: int) -> np.ndarray:
    """Some of the sequences that coordinates are chosen for."""
    if inputs is None:
        raise refusal("inputs", inputs, "sequences, for a memory of neurons")
    x = check_sequences(inputs, size_in)
    if not x.any():
        raise refusal("inputs", 0.0, "sequences that are not all zero")
    return x[np.linspace(0, len(x) - 1, min(len(x), SEQUENCES)).astype(int)]


def _realize(
    theta: float,
    order: int,
    dt: float,
    synapse: float,
    coordinates: str,
    states: np.ndarray,
    C: np.ndarray,
    u: np.ndarray,
) -> Realization:
    """Coordinates that all memories of a network share."""
    return realize_for(
        *state_space(theta, order),
        dt,
        synapse,
        states.reshape(-1, order),
        C.reshape(-1, order),
        coordinates,
        largest_input=float(np.abs(u).max()) or 1.0,
    )
