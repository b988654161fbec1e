"""The complexity of a Nengo network, counted while it runs."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import nengo
import numpy as np
from numpy.typing import ArrayLike

from spiking_lmu.neurons import spike_height
from spiking_lmu.simulator.program import lane_seed
from spiking_lmu.simulator.simulator import Simulator
from spiking_lmu.validation import (
    check_array,
    check_integer,
    check_positive,
    check_sequences,
    refusal,
)

from .complexity import Complexity, Tally
from .multiplied_out import MultipliedOut
from .sequence import SequenceNetwork
from .synaptic_layers import INPUT, NEURONS, VALUE, BuiltNetwork, Form, has_neurons

__all__ = ["NetworkComplexity", "measure_complexity"]

AT_ONCE = 16  # samples side by side
MOST_VALUES = 2**21  # numbers that are recorded before they are counted

Key = tuple[Any, str]  # an object, and which of its signals


@dataclass(frozen=True)
class NetworkComplexity:
    """NeuroBench's measures of a Nengo network, in two forms. Print it for a table.

    Attributes
    ----------
    factors : Complexity
        With encoders, decoders and transforms, as Nengo multiplies by them.
    weights : Complexity
        With these multiplied out, as on chips: a weight for each neuron and each
        neuron, or number of the input, that it receives.
    """

    factors: Complexity
    weights: Complexity

    def __repr__(self) -> str:
        return f"<NetworkComplexity: {self.factors!r} in factors, {self.weights!r}>"

    def __str__(self) -> str:
        columns = (self.factors.table, self.weights.table)
        rows = [("", "factors", "weights")]
        rows += [(name, value, columns[1][name]) for name, value in columns[0].items()]
        return "\n".join(f"{name:<28}{a:>17}{b:>17}" for name, a, b in rows)


def measure_complexity(
    network: nengo.Network,
    inputs: ArrayLike | Mapping[nengo.Node, ArrayLike] | int,
    dt: float = 0.001,
    seed: int = 0,
    bytes_per_number: int = 4,
) -> NetworkComplexity:
    """Run a network on samples, and count what NeuroBench counts.

    Parameters
    ----------
    network : nengo.Network
        Any network without convolutions, such as one with a `LegendreMemory`, or a
        trained or frozen `SequenceNetwork`. What Python functions compute is not
        counted, and ensembles of `nengo.Direct` have no neurons.
    inputs : array_like, mapping of array_like, or int
        The samples. For a `SequenceNetwork`, sequences (n, n_items, size_in); each item
        is shown for as many steps as the network has it. For any network, values
        (n, n_steps, size) of nodes without inputs; or a number of steps, for a network
        that has an input of its own.
    dt : float
        Time step in seconds; a `SequenceNetwork` has its own.
    seed : int
        Seed of neurons without a seed of their own, initial states and random spikes.
    bytes_per_number : int
        Size of weights, biases and states, for the footprint; 4 as in PyTorch.

    Returns
    -------
    complexity : NetworkComplexity

    Raises
    ------
    nengo.exceptions.ValidationError
        If the inputs do not fit the network, or it has convolutions.

    Notes
    -----
    Whether a layer adds or multiplies in a step is decided for each sample alone, as by
    NeuroBench with batches of one sample. A spike counts as 1, and two spikes of a
    neuron in one step as 2, which is no longer binary.
    """
    if not isinstance(network, nengo.Network):
        raise refusal("network", network, "a nengo.Network")
    seed = check_integer("seed", seed, low=0, high=2**32 - 1)
    size = check_integer("bytes_per_number", bytes_per_number, high=64)
    if isinstance(network, SequenceNetwork) and not isinstance(inputs, (Mapping, int)):
        x = check_sequences(inputs, network.size_in)
        inputs = {network.stimulus: np.repeat(x, network.presentation, axis=1)}
    if isinstance(network, SequenceNetwork):
        dt = network.dt
    given, samples, steps = _check_inputs(inputs)
    dt = check_positive("dt", dt)
    lanes = min(samples, AT_ONCE)
    with nengo.Network(seed=seed) as whole:
        nengo.Network.add(network)
        probes = _probes(network)
    simulator = Simulator(whole, dt, seed, progress_bar=False, minibatch_size=lanes)
    width = sum(probe.size_in for probe in probes.values())
    stretch = max(1, MOST_VALUES // (lanes * max(width, 1)))
    with simulator as sim, warnings.catch_warnings():
        # a single value beyond the expected ones is no fault of the samples
        warnings.filterwarnings("ignore", "the input of .* is ")
        built = BuiltNetwork(network, sim.model)
        forms = [built.factors(), MultipliedOut(built).form()]
        tallies = [Tally() for _ in forms]
        for k in range(0, samples, lanes):
            sim.reset(lane_seed(seed, k))
            rows = np.arange(k, k + lanes) % samples
            for start in range(0, steps, stretch):
                some = slice(start, min(start + stretch, steps))
                part = {node: values[rows, some] for node, values in given.items()}
                sim.run_steps(some.stop - start, data=part)
                recorded = {
                    key: _in_spikes(sim.data[probe][: samples - k], key, dt)
                    for key, probe in probes.items()
                }
                sim.clear_probes()
                for form, tally in zip(forms, tallies):
                    _count(form, tally, recorded)
    return NetworkComplexity(
        *(
            tally.complexity(
                size * (form.weights + form.others),
                form.weights,
                form.zero_weights,
                samples,
                steps,
            )
            for form, tally in zip(forms, tallies)
        )
    )


def _check_inputs(inputs: Any) -> tuple[dict[Any, np.ndarray], int, int]:
    """Values (n, n_steps, size) by node, and their numbers of samples and of steps."""
    if not isinstance(inputs, Mapping):
        return {}, 1, check_integer("inputs", inputs)
    arrays = {n: check_array("inputs", v, ndims=(3,)) for n, v in inputs.items()}
    lengths = {array.shape[:2] for array in arrays.values()}
    if len(lengths) != 1 or 0 in min(lengths):
        allowed = "of nodes, with as many samples and steps for each"
        raise refusal("inputs", sorted(lengths), allowed)
    ((samples, steps),) = lengths
    return arrays, samples, steps


def _probes(network: nengo.Network) -> dict[Key, nengo.Probe]:
    """Probes of all that a layer may receive, in the network around."""
    probes: dict[Key, nengo.Probe] = {}
    for ensemble in filter(has_neurons, network.all_ensembles):
        probes[ensemble, NEURONS] = nengo.Probe(ensemble.neurons)
        probes[ensemble, INPUT] = nengo.Probe(ensemble, "input")
    for sender in {connection.pre_obj: None for connection in network.all_connections}:
        if isinstance(sender, (nengo.Node, nengo.Ensemble)) and not has_neurons(sender):
            probes[sender, VALUE] = nengo.Probe(sender)
    return probes


def _in_spikes(values: np.ndarray, key: Key, dt: float) -> np.ndarray:
    """Outputs of spiking neurons as numbers of spikes; all other values as they are."""
    obj, kind = key
    if kind == NEURONS and obj.neuron_type.spiking:
        return np.asarray(np.rint(values * (dt / spike_height(obj.neuron_type))))
    return values


def _count(form: Form, tally: Tally, recorded: Mapping[Key, np.ndarray]) -> None:
    fan_outs: dict[Any, np.ndarray] = {}
    for layer in form.layers:  # those with the same inputs at once
        fan_outs[layer.source] = fan_outs.get(layer.source, 0) + layer.fan_out
    for source, fan_out in fan_outs.items():
        tally.add_inputs(source.of(recorded[source.obj, source.kind]), fan_out)
    for (_, kind), values in recorded.items():
        if kind == NEURONS:
            tally.add_activations(values)
