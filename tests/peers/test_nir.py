"""Memories as NIR graphs in other simulators: their errors are those in Nengo.

``make peers-nir`` runs this in an environment with snnTorch and Norse.
"""

from functools import partial

import nengo
import nir
import nirtorch
import norse.torch
import numpy as np
import pytest
import torch
from norse.torch.module.leaky_integrator_box import LIBoxCell, LIBoxParameters
from norse.torch.utils.import_nir import _import_norse_module
from snntorch.import_nir import import_from_nir

from spiking_lmu import discretize, rmse, state_space
from spiking_lmu.linear_systems import simulate
from spiking_lmu.networks import LegendreMemory, to_nir
from spiking_lmu.signals import white_noise

DT = 1e-4  # snnTorch's importer knows no other
THETA, TAU = 0.1, 0.05
SETTLED = int((THETA + 5 * TAU) / DT)
U = white_noise(1.2, DT, 10, 0.4, seed=3)
# NIR has no initial states
LIF = nengo.LIF(
    tau_ref=0, min_voltage=-np.inf, initial_state={"voltage": nengo.dists.Choice([0])}
)


def memory(order, neuron_type=None, **kwargs):
    return LegendreMemory(
        THETA,
        order,
        40,
        synapse=TAU,
        dt=DT,
        neuron_type=neuron_type or LIF,
        freq=10,
        rms=0.4,
        seed=0,
        **kwargs,
    )


def in_nengo(network):
    """The state (n_steps, order), and the data of the simulator."""
    with nengo.Network(seed=0) as model:
        model.add(network)
        stimulus = nengo.Node(nengo.processes.PresentInput(U[:, None], DT))
        nengo.Connection(stimulus, network.input, synapse=None)
        probe = nengo.Probe(network.output)
    with nengo.Simulator(model, dt=DT, progress_bar=False) as sim:
        sim.run_steps(len(U))
    return sim.data[probe], sim.data


def by_steps(module):
    """What a torch module gives that takes an input and a state."""
    outputs, state = [], None
    with torch.no_grad():
        for u in torch.tensor(U, dtype=torch.float32)[:, None, None]:
            output, state = module(u, state)
            outputs.append(output.numpy().ravel())
    return np.array(outputs, dtype=float)


def lowpass(values, tau):
    return nengo.Lowpass(tau).filt(values, dt=DT, y0=0) if tau else values


def error(states, ahead):
    """RMSE of states that are some steps ahead of those in Nengo."""
    ideal = simulate(*discretize(*state_space(THETA, states.shape[1]), DT), U)
    return rmse(states[SETTLED : len(U) - ahead], ideal[SETTLED + ahead :])


def state(decoded, network):
    """The state (n_steps, order) that decoded values make."""
    recurrent, feed = network.realization.transforms
    drive = decoded @ recurrent.T + U[:, None] @ feed.T
    return lowpass(drive, TAU) @ network.realization.T.T


def norse_module(node):
    """Norse's cells by its own importer, which leaves out its cell for LI."""
    if isinstance(node, nir.LI):
        assert np.all(node.r == 1)
        inverse, leak = torch.tensor(1 / node.tau), torch.tensor(node.v_leak)
        return LIBoxCell(LIBoxParameters(inverse.float(), leak.float()), dt=DT)
    return _import_norse_module(node, dt=DT)


SIMULATORS = {
    ("snnTorch", "CubaLIF"): import_from_nir,
    ("Norse", "CubaLIF"): partial(norse.torch.from_nir, dt=DT),
    ("Norse", "CubaLIF-full"): partial(norse.torch.from_nir, dt=DT),
    ("Norse", "LI"): partial(nirtorch.load, model_map=norse_module),
}


@pytest.mark.parametrize("order", [3, 6])
@pytest.mark.parametrize(("simulator", "form"), SIMULATORS)
def test_the_error_of_a_memory_is_that_in_nengo(simulator, form, order, tmp_path):
    network = memory(order)
    states, data = in_nengo(network)
    ours = error(states, 0)
    # without synapses as nodes, the input would have to go around the neurons
    outputs = network.decoded if form == "CubaLIF-full" else None
    graph = to_nir(network, form=form, outputs=outputs, data=data)
    nir.write(tmp_path / "memory.nir", graph)
    found = by_steps(SIMULATORS[simulator, form](nir.read(tmp_path / "memory.nir")))
    if form == "CubaLIF-full":
        found = state(found, network)
    theirs = error(lowpass(found, graph.metadata["output_synapse"]), 1)
    print(f"\n{simulator} {form}, order {order}: {theirs:.4f}, in Nengo {ours:.4f}")
    assert theirs == pytest.approx(ours, rel=0.05)
    assert ours < 0.2  # of a state of about 1


def test_integrate_and_fire_neurons_lose_what_is_above_the_threshold():
    rates = {"max_rates": nengo.dists.Uniform(100, 200)}
    positive = {"intercepts": nengo.dists.Choice([-1])}
    network = memory(3, nengo.SpikingRectifiedLinear(), **rates, **positive)
    states, data = in_nengo(network)
    ours = error(states, 0)
    theirs = error(by_steps(SIMULATORS["Norse", "LI"](to_nir(network, data=data))), 1)
    print(f"\nNorse IF: {theirs:.4f}, in Nengo {ours:.4f}")
    assert ours < theirs < 1.3 * ours
