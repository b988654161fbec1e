"""What Loihi cannot run is refused, and random neurons do what they can."""

import nengo
import nengo_loihi
import numpy as np
import pytest
from nengo.builder.ensemble import get_activities
from nengo.dists import Uniform
from nengo.exceptions import BuildError, ValidationError

from loihi_cases import DT, fed, make, run, simulator
from spiking_lmu.hardware import loihi
from spiking_lmu.neurons import coordinated, poisson


def test_random_neurons_reach_others_through_nodes():
    """Of a network without memories: a node that is read, and one that is not."""
    with nengo.Network(seed=1) as network:
        source = nengo.Ensemble(200, 1, neuron_type=poisson())
        unread, read = nengo.Node(size_in=1), nengo.Node(size_in=1)
        reader = nengo.Ensemble(100, 1)
        nengo.Connection(nengo.Node(0.5), source)
        nengo.Connection(source, unread)
        nengo.Connection(source, read, transform=-1, synapse=0.05)
        nengo.Connection(read, reader, synapse=None)
        probe = nengo.Probe(reader, synapse=0.1)
    assert run(network).data[probe][500:].mean() == pytest.approx(-0.5, abs=0.1)


@pytest.mark.parametrize("beneath, read", [(0.3, False), (2, True)])
def test_amplitudes_of_random_neurons_do_what_they_do_in_nengo(beneath, read):
    """That of the spikes is unknown to decoders; the one beneath is of the rates."""
    amplitude = 0.1
    rectified = nengo.RectifiedLinear(amplitude=beneath)
    with nengo.Network(seed=1) as network:
        source = nengo.Ensemble(
            200,
            1,
            neuron_type=nengo.PoissonSpiking(rectified, amplitude=amplitude),
            max_rates=nengo.dists.Uniform(50, 200 if read else 85),
        )
        nengo.Connection(nengo.Node(0.5), source)
        memory = make(rms=0.1)
        nengo.Connection(source, memory.input, synapse=0.05)
        scaled = nengo.Ensemble(200, 1)
        nengo.Connection(source, scaled, transform=1 / amplitude, synapse=0.1)
        values = {"decoded": source, "on the chip": scaled}
        probes = {k: nengo.Probe(v, synapse=0.1) for k, v in values.items()}
        if read:
            values["read"] = nengo.Node(size_in=1)
            mean = np.full((1, 200), 1 / 200)
            nengo.Connection(source.neurons, values["read"], transform=mean)
            probes["read"] = nengo.Probe(values["read"])
        probes["memory"] = nengo.Probe(memory.output[:1], synapse=0.1)
        probes["spikes"] = nengo.Probe(source.neurons)
    steps = 1000
    with nengo.Simulator(network, progress_bar=False) as sim:
        sim.run_steps(steps)
    here = run(network, steps=steps)
    for name, probe in probes.items():
        if name == "spikes" and read:
            continue  # fewer and higher ones: none beyond 180 Hz are to be had
        expected = sim.data[probe][400:].mean()
        assert here.data[probe][400:].mean() == pytest.approx(expected, rel=0.15), name
    assert here.data[probes["spikes"]].max() == pytest.approx(amplitude / DT)


@pytest.mark.parametrize("in_memory", [True, False])
def test_random_neurons_that_no_chip_has(in_memory):
    tanh = nengo.PoissonSpiking(nengo.Tanh(tau_ref=0.0025))
    with nengo.Network(seed=0) as network:
        if in_memory:
            make(neuron_type=tanh, max_rates=Uniform(100, 200))
        else:
            nengo.Ensemble(10, 1, neuron_type=tanh, max_rates=Uniform(100, 200))
    with pytest.raises(ValidationError, match="neuron_type.*no equivalent on the chip"):
        simulator(network)


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("way", ["node", "ensemble", "neurons"])
def test_parts_of_ensembles_are_refused(way, in_memory):
    network = fed()[0] if in_memory else nengo.Network()
    with network:
        pre, post = nengo.Ensemble(10, 1), nengo.Ensemble(10, 2)
        node = nengo.Node(0)
        if way == "neurons":
            nengo.Connection(pre.neurons[:2], post.neurons[3:5])
        else:
            nengo.Connection(node if way == "node" else pre, post[1])
    with pytest.raises(
        ValidationError, match="a part of an ensemble on the chip.*zero"
    ):
        simulator(network)


@pytest.mark.parametrize("in_memory", [True, False])
def test_other_synapses_are_refused(in_memory):
    network = fed()[0] if in_memory else nengo.Network()
    with network:
        one, two = nengo.Ensemble(10, 1), nengo.Ensemble(10, 1)
        nengo.Connection(one, two, synapse=nengo.Alpha(0.01))
    with pytest.raises(ValidationError, match="Alpha.*must be a nengo.Lowpass or None"):
        simulator(network)


ALPHA, FAST = nengo.Alpha(0.01), nengo.Lowpass(0.01)


@pytest.mark.filterwarnings("ignore:.*not support initial values")
@pytest.mark.parametrize("beside_memory", [True, False])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({"synapse": ALPHA}, {}), "Ensemble 'a'.*Alpha.*must be a nengo.Lowpass"),
        (({"synapse": None}, {"synapse": ALPHA}), "Ensemble 'b'.*Alpha"),
        (({"synapse": FAST}, {"synapse": ALPHA}), "Alpha.*remove_passthrough=False"),
        (({}, {"transform": Uniform(-1, 1)}), "must be an array"),
    ],
)
def test_what_nodes_cannot_pass_on_between_ensembles(arguments, message, beside_memory):
    network = fed()[0] if beside_memory else nengo.Network()
    with network:
        a, b = nengo.Ensemble(10, 1, label="a"), nengo.Ensemble(10, 1, label="b")
        node = nengo.Node(size_in=1)
        nengo.Connection(a, node, **arguments[0])
        nengo.Connection(node, b, **arguments[1])
    with pytest.raises(ValidationError, match=message):
        simulator(network)
    with simulator(network, "simreal", remove_passthrough=False) as sim:
        sim.run_steps(2)


@pytest.mark.filterwarnings("ignore:.*not support initial values")
def test_the_host_may_filter_what_goes_through_nodes():
    with nengo.Network() as network:
        a, b = nengo.Ensemble(10, 1), nengo.Ensemble(10, 1)
        node = nengo.Node(size_in=1)
        nengo.Connection(a, node, synapse=None)
        nengo.Connection(nengo.Node(0), node, synapse=ALPHA)
        nengo.Connection(node, b, synapse=None)
    simulator(network).close()


def test_a_chip_is_refused_where_none_is():
    if loihi.HAS_NXSDK:
        pytest.skip("there is one")
    with pytest.raises(ValidationError, match="target.*NxSDK"):
        simulator(fed()[0], "loihi")


@pytest.mark.parametrize("steps", [-1, 0.5, None])
def test_bad_numbers_of_steps(steps):
    with simulator(fed()[0]) as sim, pytest.raises(ValidationError, match="steps"):
        sim.run_steps(steps)


def test_a_network_is_needed():
    with pytest.raises(ValidationError, match="network: must be a nengo.Network"):
        loihi.Simulator(None)


STRANGE = [
    nengo.Izhikevich(),
    nengo.StochasticSpiking(nengo.LIFRate()),
    nengo.LIFRate(),
    nengo.AdaptiveLIFRate(),
    nengo.Sigmoid(),
    nengo.RegularSpiking(nengo.Tanh()),
]


@pytest.mark.parametrize("neuron_type", STRANGE, ids=lambda kind: type(kind).__name__)
def test_neurons_that_no_chip_has(neuron_type):
    """Beside a memory they stay on the host; it cannot be made of them."""
    network, memory = fed(n_neurons=10)
    with network:
        beside = nengo.Ensemble(10, 1, neuron_type=neuron_type, label="beside")
        nengo.Connection(memory.output[0], beside)
        read = nengo.Probe(beside)
    with simulator(network) as sim:
        sim.run_steps(3)
    name = type(neuron_type).__name__
    assert any(f"on the host: beside ({name})" in text for text in sim.changes)
    assert sim.data[read].shape == (3, 1)
    network, _ = fed(neuron_type=neuron_type)
    with pytest.raises(ValidationError, match=f"chip has no {name} neurons for .*x0"):
        simulator(network)


@pytest.mark.parametrize("shift", ["random", "golden"])
def test_no_chip_has_coordinated_neurons(shift):
    """They are refused in memories and alone."""
    alone = nengo.Network()
    with alone:
        ensemble = nengo.Ensemble(10, 1, neuron_type=coordinated(shift), label="alone")
    for network, name in [
        (fed(neuron_type=coordinated(shift))[0], "x0"),
        (alone, "al"),
    ]:
        refused = f"{name}.* share a random number .*choose nengo.LIF or nengo.Poisson"
        with pytest.raises(ValidationError, match=refused):
            simulator(network)
        with pytest.raises(ValidationError, match=refused):
            loihi.resources(network)
    with alone:
        nengo_loihi.add_params(alone)
        alone.config[ensemble].on_chip = False
        other = nengo.Ensemble(10, 1, neuron_type=poisson())
        nengo.Connection(ensemble, other)
    simulator(alone).close()


@pytest.mark.parametrize("shift", ["random", "golden"])
def test_coordinated_neurons_beside_a_memory_stay_on_the_host(shift):
    network, memory = fed(n_neurons=10)
    with network:
        beside = nengo.Ensemble(50, 1, neuron_type=coordinated(shift), label="beside")
        nengo.Connection(nengo.Node(0.5), beside, synapse=None)
        nengo.Connection(beside, memory.input)
        spikes = nengo.Probe(beside.neurons)
    with simulator(network) as sim:
        sim.run_steps(200)
    rates = get_activities(sim.data[beside], beside, np.array([[0.5]]))
    assert any("on the host: beside (SystematicSpiking)" in t for t in sim.changes)
    expected = rates.sum() * DT
    counts = sim.data[spikes][10:].sum(axis=1) * DT
    assert set(counts.round(6)) == {np.floor(expected), np.floor(expected) + 1}


@pytest.mark.parametrize("in_memory", [True, False])
def test_neurons_that_adapt(in_memory):
    network, _ = fed(neuron_type=nengo.AdaptiveLIF() if in_memory else None)
    with network:
        kind = nengo.LIF() if in_memory else nengo.AdaptiveLIF()
        nengo.Ensemble(10, 1, neuron_type=kind)
    with pytest.raises(ValidationError, match="adapt, .*choose nengo.LIF, or leave"):
        simulator(network)


def test_neurons_of_a_network_without_memory_are_for_nengo_loihi():
    with nengo.Network() as network:
        nengo.Ensemble(10, 1, neuron_type=nengo.LIFRate())
    with pytest.raises(BuildError, match="'LIFRate' cannot be simulated on Loihi"):
        simulator(network)


def test_networks_too_large_are_refused_before_anything_is_solved(monkeypatch):
    network, _ = fed(n_neurons=1500)

    def solved(*args, **kwargs):
        raise AssertionError("solved")

    monkeypatch.setattr("spiking_lmu.decoders.PoissonL2.__call__", solved)
    with pytest.raises(ValidationError, match="4,096 input axons"):
        simulator(network)
