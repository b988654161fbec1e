"""Synapses, inhibition, units and random neurons on the emulator."""

from contextlib import nullcontext

import nengo
import nengo_loihi
import numpy as np
import pytest
from nengo.dists import Choice, Uniform

from loihi_cases import (
    IDEAL,
    ORDER,
    SETTLED,
    TARGETS,
    THETA,
    fed,
    feeding_ensemble,
    make,
    run,
    several_synapses,
    simulator,
    stimulus,
)
from spiking_lmu.metrics import nrmse
from spiking_lmu.networks import LMU
from spiking_lmu.neurons import poisson

IN_UNIT = {"n_neurons": 60, "neuron_type": nengo.LIF(), "freq": 5, "rms": 0.5}


def heard(lmu):
    """A probe of what a unit makes of the stimulus."""
    nengo.Connection(stimulus(), lmu.input, synapse=None)
    return nengo.Probe(lmu.output, synapse=0.02)


def filtered(synapse):
    """An ensemble feeds a memory through a synapse in front of the memory's own."""
    return feeding_ensemble(synapse)


@pytest.mark.parametrize("synapse", [0.02, 0.1, 0.3])
def test_synapses_in_front_of_a_memory_are_kept(synapse):
    network = filtered(synapse)
    theirs, ours = run(network, "nengo"), run(network)
    assert any("passes through the host" in text for text in ours.changes)
    (probe,) = network.all_probes
    expected = theirs.data[probe][SETTLED]
    assert nrmse(ours.data[probe][SETTLED], expected) < 0.2


NEURONS = {
    "lif": nengo.LIF(),
    "relu": nengo.SpikingRectifiedLinear(),
    "chip": poisson(),
}


def inhibit(memory, how, w, gate):
    """A gate of -w on all neurons of a memory."""
    if how == "neurons":
        inhibitor = nengo.Ensemble(
            30, 1, encoders=np.ones((30, 1)), intercepts=nengo.dists.Uniform(0, 0.5)
        )
        nengo.Connection(gate, inhibitor)
    for ensemble in memory.ensembles:
        ones = np.ones((ensemble.n_neurons, 1))
        if how == "weights":
            nengo.Connection(gate, ensemble.neurons, transform=-w * ones)
        elif how == "values":
            nengo.Connection(
                gate, ensemble.neurons, transform=ones, function=lambda x: -w * x
            )
        else:  # w at a mean of 100 Hz
            weights = np.tile(-w / 3000 * ones, 30)
            nengo.Connection(inhibitor.neurons, ensemble.neurons, transform=weights)


def telling_of_synapses(how):
    """Neurons of the chip reach a memory's through its synapse, not their own."""
    if how == "neurons":
        return pytest.warns(
            UserWarning, match=r"0.1 s instead of 0.005.*arrives 0.095 s"
        )
    return nullcontext()


@pytest.mark.parametrize("w", [2, 100])
@pytest.mark.parametrize("how", ["weights", "values", "neurons"])
@pytest.mark.parametrize("kind", NEURONS)
def test_inhibited_neurons_are_silent(kind, how, w):
    network, memory = fed(n_neurons=25, neuron_type=NEURONS[kind])
    with network:
        inhibit(memory, how, w, nengo.Node(1))
        probes = [nengo.Probe(ensemble.neurons) for ensemble in memory.ensembles]
    with telling_of_synapses(how):
        sim = run(network, steps=450)
    for probe in probes:
        assert not sim.data[probe][250:].any()
    assert any("own synapse of 0.1 s" in t for t in sim.changes) == (how == "neurons")


@pytest.mark.parametrize("target", TARGETS)
def test_gates_open_and_close_at_once(target):
    """A memory is reset, and then remembers as if nothing had been."""
    network, memory = fed(n_neurons=60)
    with network:
        gate = nengo.Node(lambda t: float(0.3 < t < 0.4))
        inhibit(memory, "weights", 30, gate)
        state = nengo.Probe(memory.output)
        probes = [nengo.Probe(ensemble.neurons) for ensemble in memory.ensembles]
    sim = run(network, target)
    expected = run(network, "nengo").data[state]
    spikes = np.hstack([sim.data[probe] for probe in probes])
    assert not spikes[350:400].any()
    assert spikes[430:].mean() > 30
    for part in (slice(150, 300), slice(700, None)):
        assert nrmse(sim.data[state][part], expected[part]) < 0.12


def test_closed_gates_cost_no_precision():
    """Weights of -100 that nothing comes through, beside those of the memory."""
    errors = []
    for how in (None, "weights", "neurons"):
        network, memory = fed(n_neurons=60)
        with network:
            state = nengo.Probe(memory.output)
            if how is not None:
                inhibit(memory, how, 100, nengo.Node(-1 if how == "neurons" else 0))
        with telling_of_synapses(how):
            sim = run(network)
        errors.append(nrmse(sim.data[state][SETTLED], IDEAL[SETTLED]))
    assert max(errors) < 1.2 * errors[0], errors


def test_what_is_drawn_is_what_nengo_draws():
    """Transforms of several ways into a memory, and the points of decoders."""
    network, memory = fed()
    with network:
        source = nengo.Ensemble(40, 1, neuron_type=poisson(), max_rates=Choice([90]))
        draw = {"transform": Uniform(0.4, 0.6), "synapse": None}
        ways = [
            nengo.Connection(network.nodes[0], memory.input, **draw),
            nengo.Connection(memory.output, memory.input, **draw | {"synapse": 0.01}),
            nengo.Connection(source.neurons[:5], memory.input, **draw),
        ]
        out = nengo.Node(size_in=1)
        read = nengo.Connection(source, out, eval_points=Uniform(-1, 1), **draw)
        nengo.Probe(out)
    with simulator(network, "nengo") as theirs, simulator(network) as ours:
        for connection in (ways[0], ways[1]):
            found = ours.model.host.params[connection].weights
            np.testing.assert_array_equal(found, theirs.data[connection].weights)
        wanted = memory.realization.transforms[1] @ theirs.data[ways[2]].weights
        links = [k for k in ours.model.plan.links if k.source is ways[2]]
        found = np.vstack([link.transform for link in links])
        np.testing.assert_allclose(found, wanted)
        found, wanted = ours.data[read], theirs.data[read]
        np.testing.assert_array_equal(found.eval_points, wanted.eval_points)
        for name in ("encoders", "intercepts", "max_rates", "eval_points"):
            np.testing.assert_allclose(
                getattr(ours.data[source], name),
                getattr(theirs.data[source], name),
                rtol=1e-9,
                atol=1e-9,
            )


UNITS = {
    "tanh": nengo.Tanh(tau_ref=1),
    "sigmoid": nengo.Sigmoid(tau_ref=1),
    "relu": nengo.RectifiedLinear(),
}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", UNITS)
def test_whole_units_with_feedback_from_the_host(kind, target):
    """A hidden state that no chip has hears the memory on it, and drives it."""
    units = 5
    with nengo.Network(seed=0) as network:
        lmu = LMU(
            units,
            ORDER,
            THETA,
            e_x=[[0.8]],
            e_h=np.full((1, units), 0.04),
            W_h=0.1 * np.eye(units),
            neuron_type=UNITS[kind],
            memory_args=IN_UNIT,
        )
        probe = heard(lmu)
    sim = run(network, target)
    assert any("stay on the host: hidden" in text for text in sim.changes)
    expected = run(network, "nengo").data[probe][SETTLED]
    # the chip and Nengo are two draws of the same noise
    assert nrmse(sim.data[probe][SETTLED], expected) < 0.05


@pytest.mark.parametrize("target", TARGETS)
def test_whole_units_of_random_neurons_with_feedback(target):
    """They hear themselves, the input and the memory through three synapses."""
    weights = {
        "W_x": np.full((4, 1), 0.3), "W_m": 0.3 * np.eye(4, ORDER),
        "W_h": 0.5 * np.eye(4), "e_x": [[1.0]], "e_h": None, "bias": np.full(4, 0.5),
    }  # fmt: skip
    with nengo.Network(seed=0) as network:
        lmu = LMU(
            *(4, ORDER, THETA),
            **weights,
            neuron_type=nengo.PoissonSpiking(nengo.RectifiedLinear()),
            scale=10000,
            synapse=0.005,
            memory_args=IN_UNIT,
        )
        probe = heard(lmu)
    sim = run(network, target, minibatch_size=8)
    assert any("'hidden'> stays on the host" in text for text in sim.changes)
    found = sim.data[probe].mean(axis=0)[SETTLED]
    expected = run(network, "nengo").data[probe][SETTLED]
    assert np.mean(found) == pytest.approx(expected.mean(), rel=0.1)
    # the mean of eight draws of the noise, and one more: two differ by 0.08 to 0.12
    assert nrmse(found, expected) < 0.1


def test_ensembles_can_be_kept_on_the_chip():
    network = several_synapses()
    nengo_loihi.add_params(network)
    (reader,) = network.ensembles
    network.config[reader].on_chip = True
    with pytest.warns(UserWarning, match=r"all inputs of .* 0.1 s, some instead of"):
        sim = run(network, steps=2)
    assert reader in sim.model.plan.chip


def test_random_neurons_without_a_memory_tell_of_their_synapse():
    with nengo.Network() as network:
        pre, post = (nengo.Ensemble(10, 1, neuron_type=poisson()) for _ in range(2))
        for synapse in (0.1, 0.02):
            nengo.Connection(
                pre.neurons, post.neurons, transform=np.eye(10), synapse=synapse
            )
    with pytest.warns(UserWarning, match="0.1 s, some instead of 0.02 s") as told:
        simulator(network).close()
    assert len(told) == 1


@pytest.mark.parametrize("excess", [1, 3])
@pytest.mark.parametrize("max_rates", [(200, 400), (100, 200)])
def test_fast_neurons_do_not_overflow(max_rates, excess):
    """Their currents are large, and wrap around at the chip's limit."""
    with nengo.Network(seed=0) as network:
        memory = make(rms=3)
        rates = nengo.dists.Uniform(*max_rates)
        ensemble = nengo.Ensemble(100, 1, max_rates=rates)
        nengo.Connection(nengo.Node(excess), ensemble, synapse=None)
        nengo.Connection(ensemble, memory.input, synapse=None)
        probe = nengo.Probe(ensemble.neurons)
    with simulator(network) as sim:
        sim.run_steps(200)
    built = sim.data[ensemble]
    # those that are driven by it fire as fast as they do at the edge, or faster
    driven = built.encoders[:, 0] > 0
    rates = sim.data[probe][50:].mean(axis=0)
    assert np.all(rates[driven] > 0.9 * max_rates[0])
    assert np.all(rates[~driven & (built.intercepts > -0.9)] < 10)
