"""Names mean one thing: arguments and attributes, in every public class."""

import dataclasses
import importlib
import inspect

import nengo
import numpy as np
import pytest
from nengo.dists import Choice, Uniform

from spiking_lmu import PoissonL2, Spectrum, SystematicSpiking
from spiking_lmu.networks import (
    LMU,
    ExactMemory,
    LegendreMemory,
    LSTMLayer,
    SequenceNetwork,
)
from spiking_lmu.neurons import NEURON_TYPES, neuron_type

MODULES = [
    "spiking_lmu",
    "spiking_lmu.networks",
    "spiking_lmu.training",
    "spiking_lmu.data",
    "spiking_lmu.hardware",
    "spiking_lmu.hardware.loihi",
    "spiking_lmu.experiments",
]
APART = {"Simulator"}  # has a test of its own
NETWORKS = {
    LegendreMemory: {"theta": 0.2, "order": 3, "n_neurons": 10},
    ExactMemory: {"theta": 0.2, "order": 3},
    LMU: {"units": 4, "order": 3, "theta": 0.2},
    SequenceNetwork: {"size_in": 1, "size_out": 2, "order": 3, "window": 20},
}
# every class that is no dataclass, with arguments that it needs or that test more
EXAMPLES = {
    **{kind: [args] for kind, args in NETWORKS.items()},
    PoissonL2: [{}, {"noise_tau": 0.1, "weights": True, "height": 2.0}],
    SystematicSpiking: [
        {"base_type": nengo.LIFRate()},
        {
            "base_type": nengo.RectifiedLinear(), "shift": "golden", "amplitude": 0.5,
            "initial_state": {"offset": Choice([0.25])},
        },
    ],
    LSTMLayer: [
        {
            "W_x": np.ones((8, 3)), "W_h": np.zeros((8, 2)), "bias": np.ones(8),
            "inputs": np.ones((1, 4, 3)),
        }
    ],
}  # fmt: skip
EXAMPLES[LegendreMemory] += [
    {
        "theta": 0.2, "order": 3, "n_neurons": 10, "synapse": 0.05, "dt": 0.002,
        "neuron_type": nengo.LIF(), "coordinates": "legendre", "allocation": "equal",
        "freq": 2, "rms": 0.3, "max_rates": Uniform(50, 60), "size_in": 2,
        "intercepts": Uniform(-0.5, 0.5), "label": "memory", "seed": 3,
    },
    {
        "theta": 0.2, "order": 3, "n_neurons": 10,
        "spectrum": Spectrum.flat(1.0, 0.2),
    },
]  # fmt: skip
EXAMPLES[LMU] += [
    {
        "units": 4, "order": 3, "theta": 0.2, "size_in": 2, "memory_d": 2,
        "memory_args": {"n_neurons": 5}, "synapse": 0.01, "bias": 0.1,
        "neuron_type": nengo.SpikingRectifiedLinear(), "scale": 100.0,
        "amplitude": 0.3, "label": "unit", "seed": 3,
    }
]  # fmt: skip
EXAMPLES[SequenceNetwork] += [
    {
        "size_in": 1, "size_out": 2, "order": 3, "window": 20, "units": [4, 3],
        "activation": "tanh", "presentation": 2, "dt": 0.002, "seed": 3,
    }
]  # fmt: skip
# of a network, n_neurons is the number of all its neurons; the argument is that of
# one dimension, as in nengo.networks.EnsembleArray
ZERO = Choice([0])
KEPT = {(LegendreMemory, "n_neurons")}


def public_classes():
    found = set()
    for name in MODULES:
        module = importlib.import_module(name)
        names = set(getattr(module, "__all__", [])) - APART
        found |= {getattr(module, n) for n in names if hasattr(module, n)}
    return sorted(
        (c for c in found if inspect.isclass(c) and not dataclasses.is_dataclass(c)),
        key=lambda kind: kind.__name__,
    )


def same(a, b):
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.array_equal(a, b)
    if dataclasses.is_dataclass(a):
        return all(
            same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a)
        )
    return type(a) is type(b) and a == b


def mixed_up(kind, arguments):
    """Arguments that give something else back under their own name."""
    one = kind(**arguments)
    for name in inspect.signature(kind).parameters:
        if hasattr(one, name) and (kind, name) not in KEPT:
            value = getattr(one, name)
            given = {k: v for k, v in arguments.items() if k == name or k not in OTHER}
            given = given if name in OTHER else arguments
            try:
                again = kind(**{**given, name: value})
            except Exception:
                yield name
                continue
            if not same(getattr(again, name), value):
                yield name


# ways to say what input is expected, of which a memory takes one
OTHER = ("freq", "rms", "spectrum", "realization", "coordinates")


@pytest.mark.parametrize("kind", public_classes(), ids=lambda kind: kind.__name__)
def test_an_attribute_is_what_the_argument_of_its_name_was(kind):
    assert kind in EXAMPLES, f"no arguments for {kind.__name__} in this test"
    for arguments in EXAMPLES[kind]:
        assert list(mixed_up(kind, arguments)) == []


def test_mixed_names_are_found():
    class Mixed:
        def __init__(self, memory="exact", size=3, kept=1):
            self.memory, self.size, self.kept = object(), size + 1, kept
            if not isinstance(memory, str):
                raise TypeError

    assert list(mixed_up(Mixed, {})) == ["memory", "size"]


def test_every_public_class_of_networks_is_looked_at():
    assert set(NETWORKS) <= set(public_classes())


def test_the_simulator_gives_back_what_it_was_given():
    from spiking_lmu.hardware import loihi

    with nengo.Network(seed=0) as network:
        nengo.Ensemble(5, 1, neuron_type=nengo.LIF(initial_state={"voltage": ZERO}))
    arguments = {
        "dt": 0.002, "seed": 4, "target": "simreal", "progress_bar": False,
        "minibatch_size": 2, "precompute": True,
    }  # fmt: skip
    with loihi.Simulator(network, **arguments) as sim:
        assert sim.network is network
        for name, value in arguments.items():
            if hasattr(sim, name):
                assert getattr(sim, name) == value, name


@pytest.mark.parametrize("kind", NETWORKS, ids=lambda kind: kind.__name__)
def test_networks_join_their_container_as_those_of_nengo(kind):
    arguments = NETWORKS[kind]
    kind(**arguments)  # no container, and none needed
    with nengo.Network() as outer:
        joined = [kind(**arguments), kind(**arguments, add_to_container=True)]
        apart = kind(**arguments, add_to_container=False)
    assert outer.networks == joined and apart.all_connections
    assert apart not in outer.all_networks
    with pytest.raises(nengo.exceptions.NetworkContextError):
        kind(**arguments, add_to_container=True)


@pytest.mark.parametrize("kind", NETWORKS, ids=lambda kind: kind.__name__)
def test_networks_follow_the_configuration_around_them(kind):
    """Neuron types, tuning and noise; what was given goes first."""
    arguments = dict(NETWORKS[kind])
    if kind in (LMU, SequenceNetwork):
        arguments["memory_args"] = {"n_neurons": 5}
    noise = nengo.processes.WhiteNoise(seed=0)
    with nengo.Network() as outer:
        config = outer.config[nengo.Ensemble]
        config.neuron_type = nengo.LIFRate(tau_ref=0.003)
        config.max_rates, config.intercepts = Uniform(70, 80), Uniform(-0.5, 0.5)
        config.noise = noise
        network = kind(**arguments)
    memories = [network, *network.all_networks]
    for memory in (m for m in memories if isinstance(m, LegendreMemory)):
        assert memory.neuron_type == config.neuron_type
        assert (memory.max_rates, memory.intercepts) == (
            config.max_rates, config.intercepts,
        )  # fmt: skip
        for e in memory.ensembles:
            assert e.neuron_type == config.neuron_type
            assert e.max_rates == config.max_rates
            assert e.intercepts == config.intercepts
    for ensemble in network.all_ensembles:
        assert ensemble.noise is noise
    if kind is LMU:
        assert network.hidden.neuron_type == config.neuron_type
        assert network.amplitude == pytest.approx(0.003)
    if kind is SequenceNetwork:  # its activation is given
        assert network.lmu.hidden.neuron_type == nengo.RectifiedLinear()


def test_hidden_units_have_no_neurons_of_nengo_direct():
    with nengo.Network() as outer:
        outer.config[nengo.Ensemble].neuron_type = nengo.Direct()
        unit = LMU(4, 3, 0.2, memory_args={"n_neurons": 5})
        given = LMU(4, 3, 0.2, neuron_type=nengo.Sigmoid())
    assert unit.memory.neuron_type == nengo.Direct()
    assert unit.hidden.neuron_type == nengo.Tanh(tau_ref=1)
    assert given.hidden.neuron_type == nengo.Sigmoid()


def test_poisson_neurons_have_the_curves_of_their_names():
    curves = {"poisson": nengo.LIFRate, "poisson-relu": nengo.RectifiedLinear}
    for name in NEURON_TYPES:
        kind = neuron_type(name)
        assert isinstance(kind, nengo.PoissonSpiking) == (name in curves)
        if name in curves:
            assert type(kind.base_type) is curves[name]


def results():
    """What users get back and may look at, made without effort."""
    import pandas as pd

    from spiking_lmu import Floor, Scaling, realize
    from spiking_lmu.data.datasets import Dataset, Split
    from spiking_lmu.experiments.pages.report import Report
    from spiking_lmu.experiments.sweeps.backends import Recording
    from spiking_lmu.experiments.sweeps.tasks import SweepResult
    from spiking_lmu.hardware.energy import Counts, Energy, estimate
    from spiking_lmu.hardware.resources import resources
    from spiking_lmu.legendre import state_space
    from spiking_lmu.networks.batched import Answers
    from spiking_lmu.training.fitting import Training

    with nengo.Network() as network:
        memory = LegendreMemory(0.2, 3, 10, neuron_type=nengo.LIF())
        unit = LMU(4, 3, 0.2, **{k: np.ones(s) for k, s in WEIGHTS.items()})
    frame = pd.DataFrame({"epoch": [1, 2], "loss": [0.5, 0.25], "rmse": [1.0, 2.0]})
    counts = Counts(10, 0.001, 2, 100, 1000, 50.0, 5.0, 60.0, 900.0)
    split = Split(np.zeros((7, 20, 1)), np.zeros(7, int))
    spectrum = Spectrum.flat(2.0, 0.4)
    return {
        "<Spectrum: 0.4 rms, up to 2 Hz>": spectrum,
        "<Scaling: exponent -0.5 (-0.6 to -0.4), constant 1.23>": Scaling(
            -0.5, -0.6, -0.4, 1.2345
        ),
        "<Floor: exponent -0.5 (-0.6 to -0.4), ": Floor(
            -0.5, 1.2, 0.03, (-0.6, -0.4), (1, 2), (0.02, 0.04)
        ),
        "<Realization: order 3, balanced, dt 0.001 s, synapse 0.1 s>": realize(
            *state_space(0.2, 3), 0.001, 0.1, spectrum
        ),
        "<RangeCheck: largest 0 of a radius, ": memory.check_range(np.zeros(5)),
        "<UnitRun: 2 sequences of 5 steps, 4 hidden units>": unit.run(
            np.zeros((2, 5, 1))
        ),
        "<Answers: 3 values for 2 sequences, 1,000 spikes each>": Answers(
            np.zeros((2, 3)), 1000.0
        ),
        "<Resources: 30 compartments and ": resources(network),
        "<Energy: ": Energy(counts, estimate(counts), (), ()),
        "<Training: best epoch 2 of 2, loss 0.25>": Training(
            frame, "parallel", "it can", 2, 100, 3.0
        ),
        "<Split: 7 sequences of 20 steps of 1>": split,
        "<Dataset 'lines': 2 classes, 20 steps of 1; 7 to train": Dataset(
            "lines", split, split, split, ("up", "down")
        ),
        "<SweepResult: 2 rows; 1 tasks run, 3 reused, 0 failed>": SweepResult(
            frame, [], 3, 1
        ),
        "<Report 'precision': Precision; 0 sections, 0 laws>": Report(
            "precision", "Precision", "It grows."
        ),
        "<Recording: out (5, 2), 0.5 s>": Recording(
            {"out": np.zeros((5, 2))}, None, 0.1, 0.5
        ),
    }


WEIGHTS = {
    "e_x": (1, 1), "e_h": (1, 4), "e_m": (1, 3), "W_x": (4, 1), "W_h": (4, 4),
    "W_m": (4, 3),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:overflow")
def test_results_say_what_they_are():
    """In one line, with their main numbers, whatever arrays they hold."""
    pytest.importorskip("nengo_loihi")
    for expected, result in results().items():
        shown = repr(result)
        assert shown.startswith(expected), shown
        assert "\n" not in shown and len(shown) < 150 and "array" not in shown
