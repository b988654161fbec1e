"""The faster emulator against that of nengo-loihi: every spike, voltage and probe."""

import warnings

import nengo
import nengo_loihi
import numpy as np
import pytest
from nengo_loihi.builder import Model
from nengo_loihi.emulator import EmulatorInterface
from nengo_loihi.simulator import StepRunner

from emulator_cases import (
    STATES,
    TARGETS,
    all_to_all,
    built,
    collected,
    connect,
    convolution,
    probe,
    random_network,
)
from spiking_lmu.hardware import emulator, wiring
from spiking_lmu.hardware.emulator import Emulator

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
