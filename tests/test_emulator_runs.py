"""Several runs at once on the emulator, and what it counts and refuses."""

import nengo
import nengo_loihi
import numpy as np
import pytest
from nengo.exceptions import ValidationError
from nengo_loihi.emulator import EmulatorInterface

from emulator_cases import (
    STATES,
    TARGETS,
    all_to_all,
    built,
    collected,
    convolution,
    random_network,
)
from spiking_lmu.hardware.emulator import Emulator

pytestmark = [
    pytest.mark.filterwarnings("ignore:Lost .* extra bits in weight rounding"),
    pytest.mark.filterwarnings("ignore:invalid value encountered in cast"),
]


def random_spikes(model, seed, steps=40):
    """Some for each input, as a host would send them."""
    rng = np.random.RandomState(seed)
    return [
        (source, t, np.flatnonzero(rng.rand(source.n_neurons) < 0.4))
        for source in model.inputs
        for t in range(1, steps)
    ]


# counts


class Counting(EmulatorInterface):
    """Counts synapses as spikes reach them, one after the other."""

    events = 0

    def step(self):
        super().step()
        for synapse, queue in self.synapses.spikes_in.items():
            for spike in queue:
                weights, _ = synapse.axon_weights_indices(spike.axon_idx, spike.atom)
                self.events += weights.size


@pytest.mark.parametrize("make", [all_to_all, lambda: random_network(0)])
def test_synaptic_events_are_those_counted_on_the_way(make):
    models = [built(make()) for _ in range(2)]
    runs = [Counting(models[0]), Emulator(models[1])]
    for run, model, steps in zip(runs, models, [51, 50]):  # they take one step
        run.host2chip(random_spikes(model, 0), [])
        run.run_steps(steps)
    stock, fast = runs
    assert fast.synaptic_events() == stock.events > 500


def test_counts_outlive_the_emulator():
    model = built(all_to_all())
    spikes = random_spikes(model, 0)
    with Emulator(model) as run:
        run.host2chip(spikes, [])
        run.run_steps(50)
        events = run.synaptic_events()
    assert run.compartment is None
    assert run.synaptic_events() == events
    assert run.spike_count.sum() > 100
    for source, counts in zip(model.inputs, run.input_spike_counts):
        sent = np.concatenate([idxs for s, _, idxs in spikes if s is source])
        np.testing.assert_array_equal(counts, np.bincount(sent, minlength=len(counts)))


# several runs at once


class Receiver:
    def __init__(self):
        self.received = []

    def receive(self, t, x):
        self.received.append((t, *x))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("block", [None, 7])
def test_each_of_several_runs_is_as_it_is_alone(block, target):
    n_runs = 3
    model = built(all_to_all(block=block), target)
    together = Emulator(model, batch_size=n_runs)
    for item in range(n_runs):
        together.host2chip(random_spikes(model, item), [], item=item)
    for steps in (30, 1, 20):
        together.run_steps(steps)
    events = 0
    for item in range(n_runs):
        model_alone = built(all_to_all(block=block), target)
        alone = Emulator(model_alone)
        alone.host2chip(random_spikes(model_alone, item), [])
        alone.run_steps(51)
        for name in STATES:
            mine, expected = (
                getattr(run.compartment, name) for run in (together, alone)
            )
            np.testing.assert_array_equal(mine[item], expected)
        ours = collected(together, model, item=item)
        for mine, expected in zip(ours, collected(alone, model_alone)):
            np.testing.assert_array_equal(mine, expected)
        for mine, expected in zip(
            together.input_spike_counts, alone.input_spike_counts
        ):
            np.testing.assert_array_equal(mine[item], expected)
        events += alone.synaptic_events()
    assert together.synaptic_events() == events
    assert (together.spike_count[0] != together.spike_count[1]).any()


def test_spikes_for_all_runs():
    model, model_alone = (built(all_to_all()) for _ in range(2))
    together, alone = Emulator(model, batch_size=2), Emulator(model_alone)
    spikes = random_spikes(model, 0)
    for run, sent in ((together, spikes), (alone, random_spikes(model_alone, 0))):
        run.host2chip(sent, [])
        run.run_steps(45)
    for item in range(2):
        np.testing.assert_array_equal(together.spike_count[item], alone.spike_count)
    # one more spike for one of them, of a neuron that spikes at that time already
    source, neuron = next(iter(model.inputs)), np.array([0])
    together.host2chip([(source, 46, neuron)], [])
    together.host2chip([(source, 46, neuron)], [], item=1)
    together.run_steps(3)
    voltages = together.compartment.voltage
    assert (voltages[0] != voltages[1]).any()


def test_convolution_in_several_runs():
    runs = [Emulator(built(convolution()), batch_size=n) for n in (1, 2)]
    for run in runs:
        run.run_steps(50)
    assert runs[1]._rest.slices
    for item in range(2):
        np.testing.assert_array_equal(runs[1].spike_count[item], runs[0].spike_count)


def test_noise_differs_between_runs():
    model = built(all_to_all())
    for block in model.blocks:
        block.compartment.enable_noise[:] = True
        block.compartment.noise_exp = 14
    run = Emulator(model, seed=0, batch_size=2)
    run.run_steps(50)
    assert (run.spike_count[0] != run.spike_count[1]).any()


def test_host_gets_each_run():
    model = built(all_to_all())
    spiking = [p for p in model.probes if p.key == "spiked" and p.synapse is None]
    together = Emulator(model, batch_size=2)
    for item in range(2):
        together.host2chip(random_spikes(model, item), [], item=item)
    together.run_steps(40)
    seen = []
    for item in range(2):
        receivers = {p: Receiver() for p in spiking}
        together.chip2host(receivers, item=item)
        seen.append([receiver.received for receiver in receivers.values()])
    assert [len(rows) for rows in seen[0]] == [40] * len(spiking)
    assert seen[0] != seen[1]


# what is refused


def learning_network():
    with nengo.Network(seed=2) as network:
        pre, post = nengo.Ensemble(10, 1), nengo.Node(size_in=1)
        rule = nengo.PES()
        learned = nengo.Connection(pre, post, learning_rule_type=rule)
        nengo.Connection(post, learned.learning_rule)
    return network


def test_learning_in_several_runs_is_refused():
    model = built(learning_network())
    with pytest.raises(ValidationError, match="batch_size.*learns, but is 2"):
        Emulator(model, batch_size=2)
    Emulator(model)


@pytest.mark.parametrize("batch_size", [0, 1.5, None])
def test_batch_sizes_are_refused(batch_size):
    with pytest.raises(ValidationError, match="batch_size"):
        Emulator(built(all_to_all()), batch_size=batch_size)


def test_runs_must_be_named():
    model = built(all_to_all())
    run = Emulator(model, batch_size=2)
    for item in (None, 2, -1):
        with pytest.raises(ValidationError, match="item"):
            run.collect_probe_output(model.probes[0], item=item)
        with pytest.raises(ValidationError, match="item"):
            run.chip2host({}, item=item)
    with pytest.raises(ValidationError, match="item"):
        run.host2chip([], [], item=2)
    once = [(next(iter(model.inputs)), 1, np.array([0]))]
    run.host2chip(once, [], item=1)
    with pytest.raises(ValidationError, match="spikes: .* but is 1"):
        run.host2chip(once, [], item=1)
    with pytest.raises(ValidationError, match="item"):
        Emulator(model).host2chip([], [], item=1)


@pytest.mark.parametrize("release", ["1.0.0", "1.10.0", "2.0.0"])
def test_other_releases_of_nengo_loihi_are_refused(monkeypatch, release):
    model = built(all_to_all())
    monkeypatch.setattr(nengo_loihi, "__version__", release)
    with pytest.raises(ValidationError, match=f"nengo_loihi, which is {release} .*1.1"):
        Emulator(model)


def test_other_kinds_of_inputs_and_probes_are_refused():
    model = built(all_to_all())
    model.probes[0].key = "weights"
    with pytest.raises(ValidationError, match="current, voltage, spiked.* 'weights'"):
        Emulator(model)
    model.probes[0].key = "spiked"
    source = next(iter(model.inputs))
    source.__class__ = type("OtherInput", (type(source),), {"__slots__": ()})
    with pytest.raises(ValidationError, match="SpikeInputs alone.*OtherInput"):
        Emulator(model)
