"""Simulators of Nengo that leave no traces: in a network, in Nengo's settings."""

import nengo
import numpy as np
import pytest
from nengo.exceptions import ValidationError

from spiking_lmu.networks import LegendreMemory
from spiking_lmu.simulators import presented


def test_presented_input_is_put_back_whatever_happens():
    with nengo.Network():
        stimulus = nengo.Node([3.0])

    def fails():
        with presented(stimulus, np.ones((5, 1)), 0.001):
            assert isinstance(stimulus.output, nengo.processes.PresentInput)
            raise RuntimeError("in between")

    with pytest.raises(RuntimeError, match="in between"):
        fails()
    np.testing.assert_array_equal(stimulus.output, [3.0])


def test_a_network_that_nengo_dl_refuses_leaves_the_precision():
    from spiking_lmu import training

    with nengo.Network(seed=0) as network:
        stimulus = nengo.Node([0.0])
        memory = LegendreMemory(theta=0.1, order=2, n_neurons=10, dt=0.002)
        nengo.Connection(stimulus, memory.input, synapse=None)
        nengo.Probe(memory.output)
    bits = nengo.rc.get("precision", "bits")
    with pytest.raises(ValidationError, match="dt"):
        training.predict(network, np.zeros((1, 5, 1)), dt=0.001)
    assert nengo.rc.get("precision", "bits") == bits
