"""The targets of a deployment: each runs sequences through a frozen network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nengo
import numpy as np
from tqdm import tqdm

from spiking_lmu.experiments.classification.chip import run_on_chip
from spiking_lmu.networks import SequenceNetwork, run_sequences
from spiking_lmu.networks.counting import add_counter
from spiking_lmu.neurons import spike_height
from spiking_lmu.simulators import repeatable
from spiking_lmu.training.forms import choose_form

Run = tuple[np.ndarray, float, dict[str, Any]]

BATCH = 100  # sequences at once, on NengoDL


def run_compiled(
    network: SequenceNetwork, inputs: np.ndarray, seed: int, progress: bool
) -> Run:
    """By `networks.run_sequences`: many sequences side by side, compiled."""
    answers = run_sequences(network, inputs, seed, progress)
    return answers.values, answers.spikes, {}


def run_nengo(
    network: SequenceNetwork, inputs: np.ndarray, seed: int, progress: bool
) -> Run:
    """On `nengo.Simulator` itself, one sequence after the other."""
    shown: dict[str, np.ndarray] = {}
    dt, counter = network.dt, add_spike_probe(network)
    network.stimulus.output = lambda t: shown["items"][round(t / dt) - 1]
    values, spikes = [], 0.0
    with repeatable(network, dt, seed) as sim:
        for k, items in enumerate(tqdm(inputs, unit="sequence", disable=not progress)):
            (drawn,) = np.random.SeedSequence([seed, k]).generate_state(1)
            sim.reset(seed=int(drawn))
            shown["items"] = np.repeat(items, network.presentation, axis=0)
            sim.run_steps(len(shown["items"]))
            values.append(sim.data[network.probe][-1])
            spikes += 0.0 if counter is None else float(sim.data[counter][-1, 0])
    return np.array(values), spikes / len(inputs), {}


def run_dl(
    network: SequenceNetwork, inputs: np.ndarray, seed: int, progress: bool
) -> Run:
    """On NengoDL, unrolled in time, in minibatches."""
    counter = add_spike_probe(network)
    probes = [network.probe, *([] if counter is None else [counter])]
    form = choose_form(network, [network.stimulus], probes, "sequential")
    values, counts = [], []
    n, batch = len(inputs), min(len(inputs), BATCH)
    with (
        tqdm(total=n, unit="sequence", disable=not progress) as bar,
        form.simulator(batch, "float32", seed, last=True) as sim,
    ):
        for k in range(0, n, batch):
            # minibatches are all of one size: the last begins again at the front
            rows = np.arange(k, k + batch) % n
            shown = np.repeat(inputs[rows], network.presentation, axis=1)
            given = sim.predict(form.data({network.stimulus: shown}), verbose=0)
            new = min(batch, n - k)
            values.append(given[form.probes[network.probe]][:new, -1])
            if counter is not None:
                counts.append(given[form.probes[counter]][:new, -1, 0])
            bar.update(new)
    spikes = float(np.concatenate(counts).mean()) if counts else 0.0
    return np.concatenate(values), spikes, {}


TARGETS: dict[str, Callable[[SequenceNetwork, np.ndarray, int, bool], Run]] = {
    "compiled": run_compiled,
    "nengo": run_nengo,
    "dl": run_dl,
    "loihi": run_on_chip,
}
#: The neurons of memories that Loihi has, or equal ones.
ON_CHIP = ("lif", "poisson", "regular", "relu", "poisson-relu")
#: The packages that a target needs beside Nengo.
NEEDS = {
    "compiled": ("numba",),
    "dl": ("nengo-dl", "tensorflow"),
    "loihi": ("nengo-loihi",),
}


def add_spike_probe(network: SequenceNetwork) -> nengo.Probe | None:
    """A probe of how often the network's neurons have fired since the beginning.

    Neurons are those of the memory, and hidden units that spike. One number: a record
    of each neuron would take gigabytes. For simulators of Nengo and NengoDL; on the
    chip spikes have another height, and `run_on_chip` counts them.
    """
    groups = (network.lmu.memory.all_ensembles, network.layers)
    spiking = [[e for e in group if e.neuron_type.spiking] for group in groups]
    if not any(spiking):
        return None
    with network:
        total = nengo.Node(size_in=1, label="spikes so far")
        for group in filter(None, spiking):
            spike = network.dt / spike_height(group[0].neuron_type)
            counter = add_counter(group, "spikes", spike)
            nengo.Connection(counter, total, synapse=None)
        nengo.Connection(total, total, synapse=0)  # a step later, the same
        return nengo.Probe(total)
