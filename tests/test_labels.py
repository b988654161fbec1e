"""Programs that show networks, such as NengoGUI, find names for all that is in them."""

import nengo
import pytest

from spiking_lmu import coordinated
from spiking_lmu.networks import LMU, ExactMemory, LegendreMemory, SequenceNetwork


def memory_of_two_inputs():
    memory = LegendreMemory(0.1, 3, 20, freq=10, size_in=2)
    memory.add_readout([0.05, 0.1])
    memory.add_output(lambda window: window[0], [0.1], label="product")
    memory.add_output(lambda window: window[1], [0.1])
    return memory


def spiking_sequences():
    spiking = {
        "neuron_type": nengo.SpikingRectifiedLinear(),
        "scale": [100, 100],
        "synapse": 0.005,
    }
    of_neurons = {"n_neurons": 20, "freq": 5, "neuron_type": coordinated()}
    return SequenceNetwork(
        1, 2, 3, 100, [4, 5], memory_args=of_neurons, hidden_args=spiking
    )


NETWORKS = {
    "memory": memory_of_two_inputs,
    "exact memory": lambda: ExactMemory(0.1, 3, size_in=2),
    "unit": lambda: LMU(4, 3, 0.1, memory_args={"n_neurons": 20, "freq": 10}),
    "sequences": lambda: SequenceNetwork(2, 2, 3, 50, [4, 5]),
    "spiking sequences": spiking_sequences,
}


@pytest.fixture(params=NETWORKS)
def network(request):
    with nengo.Network():
        return NETWORKS[request.param]()


def test_siblings_have_labels_of_their_own(network):
    for each in [network, *network.all_networks]:
        labels = [one.label for one in each.ensembles + each.nodes + each.networks]
        assert None not in labels
        assert len(set(labels)) == len(labels), labels


def test_attributes_can_be_looked_through(network):
    """NengoGUI reads each public attribute, and looks for the members of each list."""
    for each in [network, *network.all_networks]:
        for name in dir(each):
            if not name.startswith("_"):
                value = getattr(each, name)
                if isinstance(value, list):
                    assert len(set(value)) <= len(value)


def test_labels_of_inputs_and_functions():
    memory = memory_of_two_inputs()
    assert [node.label for node in memory.decoded] == ["decoded", "decoded of input 1"]
    assert [e.label for e in memory.ensembles[::3]] == ["x0", "x0 of input 1"]
    product, unnamed = memory.networks
    assert product.label == product.nodes[0].label == "product"
    assert product.ensembles[0].label == "product: values"
    assert unnamed.ensembles[0].label == "function of the window: values"
