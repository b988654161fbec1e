"""Memories as NIR graphs in other simulators: their errors are those in Nengo.

Run by ``make peers-nir``, in an environment with snnTorch and Norse.
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
U = white_noise(1.5, DT, 10, 0.4, seed=3)
LIF = nengo.LIF(tau_ref=0, min_voltage=-np.inf)


def memory(order=3, n_neurons=40, **kwargs):
    return LegendreMemory(
        THETA,
        order,
        n_neurons,
        synapse=TAU,
        dt=DT,
        neuron_type=LIF,
        freq=10,
        rms=0.4,
        seed=0,
        **kwargs,
    )


def lowpass(values, tau):
    return nengo.Lowpass(tau).filt(values, dt=DT, y0=0) if tau else values


def error(states, order):
    """RMSE of the state of a memory, from the step of the input or the one after."""
    ideal = simulate(*discretize(*state_space(THETA, order), DT), U)
    late = [
        rmse(states[SETTLED + k :], ideal[SETTLED : len(ideal) - k]) for k in range(3)
    ]
    return min(late)


def in_nengo(network):
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
    ("Norse", "LI"): partial(nirtorch.load, model_map=norse_module),
}


@pytest.mark.parametrize("order", [3, 6])
@pytest.mark.parametrize(("simulator", "form"), SIMULATORS)
def test_the_error_of_a_memory_is_that_in_nengo(simulator, form, order, tmp_path):
    network = memory(order)
    states, data = in_nengo(network)
    path = tmp_path / "memory.nir"
    nir.write(path, to_nir(network, form=form, data=data))
    graph = nir.read(path)
    found = by_steps(SIMULATORS[simulator, form](graph))
    found = lowpass(found, graph.metadata["output_synapse"])
    ours, theirs = error(states, order), error(found, order)
    print(f"\n{simulator} {form}, order {order}: {theirs:.5f}, in Nengo {ours:.5f}")
    assert theirs == pytest.approx(ours, rel=0.1)
    # the error is small, and the two runs are alike
    assert ours < 0.2 * np.sqrt(np.mean(states**2) * order)
