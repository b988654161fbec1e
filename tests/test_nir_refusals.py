"""What cannot be written as a NIR graph, and how that is said."""

import sys

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError

import spiking_lmu
from nir_cases import LIF, SRL, memory
from spiking_lmu.networks import LMU, LegendreMemory, SequenceNetwork, to_nir


def small(connect=None, neuron_type=LIF, **kwargs):
    """A network with an ensemble, changed somewhere."""
    with nengo.Network(seed=0) as network:
        network.input = nengo.Node(size_in=1)
        network.output = nengo.Node(size_in=1)
        network.a = nengo.Ensemble(10, 1, neuron_type=neuron_type, label="a", **kwargs)
        nengo.Connection(network.input, network.a)
        network.c = nengo.Connection(network.a, network.output)
        if connect is not None:
            connect(network)
    return network


def to(post, pre=None, **kwargs):
    """Add a connection, from the input if from nothing else."""

    def connect(network):
        source = network.input if pre is None else pre()
        target = getattr(network, post)
        nengo.Connection(source, target, **{"synapse": None, **kwargs})

    return connect


def loop(network):
    node = nengo.Node(size_in=1)
    nengo.Connection(network.input, node, synapse=None)
    nengo.Connection(node, node, synapse=None)
    nengo.Connection(node, network.a)


def neuron_loop(network):
    nengo.Connection(network.a, network.a, synapse=None)


def learned(network):
    network.c.learning_rule_type = nengo.PES()


def decoded_weights(network):
    solver = nengo.solvers.LstsqL2(weights=True)
    nengo.Connection(network.a, network.a, solver=solver)


def probed(network):
    network.output = None
    nengo.Probe(network.a.neurons, "voltage")


def square():
    return nengo.Node(lambda t, x: x**2, size_in=1, label="square")


def exact():
    return nengo.Ensemble(1, 1, neuron_type=nengo.Direct())


def drawn():
    return nengo.Node(nengo.processes.WhiteNoise(), label="noise")


CONVOLUTION = nengo.Convolution(1, (1, 1), kernel_size=(1,), strides=(1,))


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (lambda: small(neuron_type=nengo.LIF()), ".a.*refractory periods"),
        (lambda: small(neuron_type=nengo.LIF(tau_ref=0)), "lowest voltage.*below_rest"),
        (lambda: small(neuron_type=spiking_lmu.poisson()), "Poisson.*no such spikes"),
        (lambda: small(neuron_type=spiking_lmu.coordinated()), "Systematic.*no such"),
        (lambda: small(neuron_type=nengo.AdaptiveLIF(tau_ref=0)), "Adaptive.*no such"),
        (lambda: small(neuron_type=nengo.Tanh()), "Tanh.*no such response curve"),
        (lambda: small(neuron_type=SRL), ".a.*never negative.*below_rest"),
        (lambda: LegendreMemory(0.1, 3, 5), "neuron_type.*x.*PoissonSpiking"),
        (lambda: LMU(5, 3, 0.1), "neuron_type.*hidden.*Tanh"),
        (
            lambda: SequenceNetwork(1, 2, 3, 10),
            "neuron_type.*hidden.*RectifiedLinear",
        ),
        (lambda: small(noise=nengo.processes.WhiteNoise()), "noise of.*a.*None"),
        (lambda: small(to("a", square)), ".square.*a function in a node"),
        (lambda: small(to("a", drawn)), "inputs: must include.*noise.*WhiteNoise"),
        (lambda: small(to("a", exact, function=np.sin)), "function: .*sin.*exact"),
        (lambda: small(to("a", transform=CONVOLUTION)), "transform.*Dense"),
        (lambda: small(to("a", synapse=nengo.synapses.Triangle(0.1))), "nengo.Lowpass"),
        (lambda: small(learned), "learning_rule_type.*PES.*Train first"),
        (lambda: small(decoded_weights), "solver.*weights=False"),
        (lambda: small(probed), "probes of output, decoded_output, spikes"),
        (lambda: small(loop), "without a loop that has no synapse"),
        (lambda: small(neuron_loop), "without a loop that has no synapse"),
        (lambda: nengo.Network(), "outputs: must be at least one"),
        (lambda: "network", "network: must be a nengo.Network"),
    ],
)
def test_what_the_format_does_not_have_is_refused(network, said):
    with pytest.raises(ValidationError, match=f"(?s){said}"):
        to_nir(network())


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (lambda: small(neuron_type=SRL), "must be nengo.LIF"),
        (lambda: small(to("a")), "connections to.*a.*without a lowpass synapse"),
        (lambda: small(to("a", synapse=0.1)), r"several time.*\(0.005 s, 0.1 s\)"),
        (lambda: small(to("output", synapse=0.1)), "several time.*the outputs"),
        (lambda: small(to("output", synapse=nengo.Alpha(0.005))), "follow one another"),
    ],
)
def test_what_neurons_with_a_synapse_do_not_have_is_refused(network, said):
    with pytest.raises(ValidationError, match=said):
        to_nir(network(), form="CubaLIF")


def test_bad_arguments_are_refused():
    network, other = small(), small()
    for name, value in (
        ("form", "LIF"),
        ("integrator", "rk4"),
        ("below_rest", 1),
        ("dt", 0),
        ("data", {}),
        ("inputs", network.input),
        ("inputs", [other.input]),
        ("inputs", [network.input] * 2),
        ("inputs", [network.a]),
        ("inputs", [[1]]),
        ("outputs", []),
        ("outputs", "output"),
        ("outputs", [network.a]),
    ):
        with pytest.raises(ValidationError, match=f"{name}: must be"):
            to_nir(network, **{name: value})
    with pytest.raises(ValidationError, match="dt: must be 0.001, for which Leg"):
        to_nir(memory(), dt=0.002)


def test_what_outputs_do_not_depend_on_is_not_looked_at():
    network = small(to("output", synapse=0.005))
    with network:
        nengo.Ensemble(5, 1)
        nengo.Connection(network.a, square())
        unrelated = nengo.Node([1])
    assert set(to_nir(network, outputs=[network.output]).outputs) == {"output"}
    network.input = None
    with pytest.raises(ValidationError, match="inputs: must be at least one"):
        to_nir(network, outputs=[unrelated])


def test_below_rest_allows_a_lowest_voltage():
    lowest = small(neuron_type=nengo.LIF(tau_ref=0))
    assert "neurons" in to_nir(lowest, below_rest=True).nodes
    assert "neurons" in to_nir(small(neuron_type=SRL), below_rest=True).nodes


def test_the_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "nir", None)
    with pytest.raises(ImportError, match=r"to_nir.*nir.*spiking-lmu\[nir\]"):
        to_nir(small())
