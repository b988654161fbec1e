"""The faster emulator against that of nengo-loihi: every spike, voltage and probe."""

import warnings

import nengo
import nengo_loihi
import numpy as np
import pytest
from nengo.exceptions import ValidationError
from nengo_loihi.builder import Model
from nengo_loihi.emulator import EmulatorInterface
from nengo_loihi.simulator import StepRunner

from spiking_lmu.hardware import emulator, wiring
from spiking_lmu.hardware.emulator import Emulator

TARGETS = ["sim", "simreal"]
STATES = ["current", "voltage", "spiked", "spike_count", "ref_count"]

pytestmark = [
    pytest.mark.filterwarnings("ignore:Lost .* extra bits in weight rounding"),
    pytest.mark.filterwarnings("ignore:invalid value encountered in cast"),
]


class Simulator(nengo_loihi.Simulator):
    """One that runs an emulator of our choice."""

    def __init__(self, network, kind, target="sim", prepare=None):
        model = Model(dt=0.001)
        model.decode_tau = 0.01
        model.pes_error_scale = 20.0
        super().__init__(network, model=model, target=target)
        if prepare is not None:
            prepare(self.model)
        self.sims["emulator"] = kind(self.model, seed=5)
        self._runner = StepRunner(self.model, self.sims, self.precompute, self.timers)

    @property
    def emulator(self):
        return self.sims["emulator"]


def simulate(network, kind, target, prepare=None, stretches=(150, 1, 9)):
    """Probed data, the last state, and the emulator."""
    with Simulator(network, kind, target, prepare) as sim:
        for steps in stretches:
            sim.run_steps(steps)
        compartment = sim.emulator.compartment
        states = [getattr(compartment, name).copy() for name in STATES]
        data = [np.array(sim.data[probe]) for probe in network.all_probes]
    return data, states, sim.emulator


def check_same(make, target, prepare=None, spiking=True):
    data, states, _ = simulate(make(), EmulatorInterface, target, prepare)
    ours, our_states, fast = simulate(make(), Emulator, target, prepare)
    for mine, stock in zip(ours + our_states, data + states):
        assert mine.dtype == stock.dtype
        np.testing.assert_array_equal(mine, stock)
    if spiking:
        assert states[3].sum() > 50 and len(np.unique(states[3])) > 3
    return fast


def connect(rng, pre, post, synapse=0.01):
    """One of the ways in which ensembles connect on the chip."""
    how = rng.randint(3)
    if how == 0:
        nengo.Connection(pre, post, synapse=synapse, transform=rng.choice([-1, 1]))
    elif how == 1:
        solver = nengo.solvers.LstsqL2(reg=0.1, weights=True)
        nengo.Connection(pre, post, synapse=synapse, solver=solver)
    else:
        weights = rng.normal(0, 0.01, (post.n_neurons, pre.n_neurons))
        nengo.Connection(pre.neurons, post.neurons, synapse=synapse, transform=weights)


def probe(ensemble):
    nengo.Probe(ensemble.neurons)
    nengo.Probe(ensemble.neurons[2:9:3], "voltage")
    nengo.Probe(ensemble.neurons, "input", synapse=0.01)
    nengo.Probe(ensemble, synapse=0.02)


def random_network(seed):
    rng = np.random.RandomState(seed)
    with nengo.Network(seed=seed) as network:
        nengo_loihi.add_params(network)
        network.config[nengo.Ensemble].max_rates = nengo.dists.Uniform(100, 200)
        stimulus = nengo.Node(lambda t: np.sin(30 * t))
        kinds = [nengo.LIF(tau_ref=0.003), nengo_loihi.neurons.LoihiLIF()]
        kinds += [nengo.SpikingRectifiedLinear()]
        sizes = rng.randint(10, 40, size=rng.randint(1, 5))
        ensembles = [
            nengo.Ensemble(n, 1, neuron_type=kinds[rng.randint(3)]) for n in sizes
        ]
        for post in ensembles:
            if rng.rand() < 0.3:
                shape = nengo_loihi.BlockShape((7,), (post.n_neurons,))
                network.config[post].block_shape = shape
            nengo.Connection(stimulus, post, synapse=0.01)
            for pre in ensembles:
                if rng.rand() < 0.7:
                    connect(rng, pre, post)
            probe(post)
    return network


def all_to_all(order=3, n_neurons=20, block=None):
    """What a memory looks like on the chip."""
    rng = np.random.RandomState(1)
    with nengo.Network(seed=1) as network:
        nengo_loihi.add_params(network)
        network.config[nengo.Ensemble].max_rates = nengo.dists.Uniform(200, 250)
        stimulus = nengo.Node(lambda t: np.sin(30 * t))
        xs = [nengo.Ensemble(n_neurons, 1) for _ in range(order)]
        for post in xs:
            if block is not None:
                shape = nengo_loihi.BlockShape((block,), (n_neurons,))
                network.config[post].block_shape = shape
            nengo.Connection(stimulus, post, synapse=0.01)
            for pre in xs:
                solver = nengo.solvers.LstsqL2(reg=0.1, weights=True)
                transform = rng.uniform(-0.5, 0.5)
                nengo.Connection(
                    pre, post, synapse=0.01, transform=transform, solver=solver
                )
            probe(post)
    return network


def convolution(pop_type=32):
    """Synapses that share weights, which nengo-loihi's code takes care of."""
    with nengo.Network(seed=3) as network:
        nengo_loihi.add_params(network)
        transform = nengo.Convolution(4, (5, 5, 2), kernel_size=(3, 3))
        one, pre, post = (
            nengo.Ensemble(
                n,
                1,
                neuron_type=nengo.SpikingRectifiedLinear(),
                max_rates=nengo.dists.Choice([100]),
                intercepts=nengo.dists.Choice([-0.3]),
            )
            for n in (50, 50, transform.output_shape.size)
        )
        connect(np.random.RandomState(2), one, pre)
        for source in (pre, one):
            conv = nengo.Connection(
                source.neurons, post.neurons, transform=transform, synapse=0.01
            )
            network.config[conv].pop_type = pop_type
        nengo.Probe(pre.neurons)
        nengo.Probe(post.neurons)
        nengo.Probe(post.neurons, "voltage")
    return network


def built(network, target="sim"):
    model = Model(dt=0.001)
    model.decode_tau = 0.01
    with nengo_loihi.Simulator(network, model=model, target=target) as sim:
        return sim.model


def random_spikes(model, seed, steps=40):
    """Some for each input, as a host would send them."""
    rng = np.random.RandomState(seed)
    return [
        (source, t, np.flatnonzero(rng.rand(source.n_neurons) < 0.4))
        for source in model.inputs
        for t in range(1, steps)
    ]


def collected(runner, model, **item):
    return [runner.collect_probe_output(p, **item) for p in model.probes]


# equality with nengo-loihi


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("seed", range(8))
def test_random_networks(seed, target):
    check_same(lambda: random_network(seed), target)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("block", [None, 7])
def test_all_to_all_is_one_product(block, target):
    with Simulator(all_to_all(block=block), Emulator, target) as sim:
        assert len(sim.emulator._projections) == 1
        assert not sim.emulator._rest.slices
    check_same(lambda: all_to_all(block=block), target)


@pytest.mark.parametrize("target", TARGETS)
def test_groups_apart_give_the_same(target, monkeypatch):
    monkeypatch.setattr(wiring, "PADDED", 0)
    fast = check_same(lambda: random_network(3), target)
    assert fast._projections == []  # closed
    with Simulator(random_network(3), Emulator, target) as sim:
        assert len(sim.emulator._projections) > 1


@pytest.mark.parametrize("target", TARGETS)
def test_orders_in_conflict_give_the_same(target):
    """Float sums are in another order for each of the two."""

    def make():
        with nengo.Network(seed=0) as network:
            pres = [nengo.Ensemble(30, 1) for _ in range(3)]
            for order in ([0, 1, 2, 0], [2, 1, 0, 1]):
                post = nengo.Ensemble(20, 1)
                for k in order:
                    solver = nengo.solvers.LstsqL2(weights=True)
                    nengo.Connection(pres[k], post, synapse=0.01, solver=solver)
                probe(post)
        return network

    check_same(make, target)
    with Simulator(make(), Emulator, target) as sim:
        assert len(sim.emulator._projections) == (1 if target == "sim" else 2)


@pytest.mark.parametrize("target", TARGETS)
def test_learning(target):
    def make():
        with nengo.Network(seed=2) as network:
            stimulus = nengo.Node(lambda t: np.sin(20 * t))
            pre, post = nengo.Ensemble(40, 1), nengo.Node(size_in=1)
            other = nengo.Ensemble(20, 1)
            error = nengo.Node(size_in=1)
            nengo.Connection(stimulus, pre, synapse=0.01)
            connect(np.random.RandomState(1), pre, other)
            learned = nengo.Connection(
                pre,
                post,
                function=lambda x: 0,
                synapse=0.02,
                learning_rule_type=nengo.PES(1e-3),
            )
            nengo.Connection(post, error)
            nengo.Connection(stimulus, error, transform=-1)
            nengo.Connection(error, learned.learning_rule)
            probe(other)
            nengo.Probe(post)
        return network

    data, _, _ = simulate(make(), EmulatorInterface, target)
    assert np.ptp(data[-1]) > 0.05  # something is learned
    check_same(make, target)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("pop_type", [16, 32])
def test_convolution(pop_type, target):
    def make():
        return convolution(pop_type)

    check_same(make, target)
    with Simulator(make(), Emulator, target) as sim:
        assert sim.emulator._rest.slices and sim.emulator._projections


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("at_membrane", [0, 1])
def test_noise_is_drawn_alike(at_membrane, target):
    def prepare(model):
        for k, block in enumerate(model.blocks):
            compartment = block.compartment
            compartment.enable_noise = k % 2 == 0
            compartment.noise_exp = 12 if target == "sim" else -1.5
            compartment.noise_offset = 2 if target == "sim" else 0.1
            compartment.noise_at_membrane = at_membrane

    check_same(all_to_all, target, prepare)
    quiet, _, _ = simulate(all_to_all(), Emulator, target)
    noisy, _, _ = simulate(all_to_all(), Emulator, target, prepare)
    assert any((a != b).any() for a, b in zip(quiet, noisy))


def test_nothing_is_drawn_in_vain():
    fast = Emulator(built(all_to_all()), seed=0)
    before = fast.rng.get_state()[1].copy()
    fast.run_steps(5)
    np.testing.assert_array_equal(fast.rng.get_state()[1], before)


@pytest.mark.parametrize("factor", [8, 64, 512])
@pytest.mark.parametrize("what", ["weights", "bias"])
def test_overflow(what, factor):
    def prepare(model):
        for block in model.blocks:
            if what == "bias":
                block.compartment.bias *= factor
            for synapse in block.synapses if what == "weights" else ():
                for weights in synapse.weights:
                    weights *= factor

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_same(lambda: all_to_all(5, 40), "sim", prepare, spiking=False)
    texts = [str(w.message) for w in caught if "Overflow" in str(w.message)]
    assert len(texts) % 2 == 0
    half = len(texts) // 2
    assert texts[:half] == texts[half:]
    assert texts or factor == 8


def test_overflow_is_an_error_where_strict(monkeypatch):
    monkeypatch.setattr(Emulator, "strict", True)
    model = built(all_to_all())
    for block in model.blocks:
        block.compartment.bias += 2**24
    with pytest.raises(nengo.exceptions.SimulationError, match="Overflow in u2"):
        Emulator(model).run_steps(3)


@pytest.mark.parametrize("target", TARGETS)
def test_voltages_may_be_clipped_below_threshold(target):
    def prepare(model):
        for block in model.blocks:
            block.compartment.vmax = block.compartment.vth.min() * 0.9

    _, states, _ = simulate(all_to_all(), EmulatorInterface, target, prepare)
    assert states[3].sum() == 0 and states[1].max() > 0
    check_same(all_to_all, target, prepare, spiking=False)


@pytest.mark.parametrize("target", TARGETS)
def test_spikes_in_any_order_and_more_than_once(target):
    """Inputs that are built with their spikes may have them so, and keep them."""
    results = []
    for kind in (EmulatorInterface, Emulator):
        model = built(all_to_all(), target)
        for k, source in enumerate(model.inputs):
            for t, idxs in enumerate([[1, 0], [1, 1, 0], [], [0, 1], [0, 0]]):
                source.add_spikes(3 * t + 1, idxs, permanent=k == 0)
        run = kind(model, seed=0)
        run.run_steps(20)
        results.append([run.compartment.voltage, *collected(run, model)])
        assert len(model.inputs) and all(
            bool(source.spikes) == (k == 0) for k, source in enumerate(model.inputs)
        )
    for stock, mine in zip(*results):
        np.testing.assert_array_equal(mine, stock)
    np.testing.assert_array_equal(run.input_spike_counts[0], [5, 4])


def test_stretches_do_not_show(monkeypatch):
    whole, states, _ = simulate(all_to_all(), Emulator, "sim")
    monkeypatch.setattr(emulator, "STRETCH", 7)
    parts, part_states, _ = simulate(all_to_all(), Emulator, "sim")
    for one, other in zip(whole + states, parts + part_states):
        np.testing.assert_array_equal(one, other)


def test_step_by_step():
    models = [built(all_to_all()) for _ in range(2)]
    stock, fast = EmulatorInterface(models[0]), Emulator(models[1])
    for _ in range(30):
        for run in (stock, fast):
            run.step()
        np.testing.assert_array_equal(fast.compartment.spiked, stock.compartment.spiked)
        np.testing.assert_array_equal(fast.compartment.input, stock.compartment.input)
    assert fast.t == stock.t == 30


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
