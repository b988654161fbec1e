"""Networks of PyTorch, what NeuroBench measures of them, and how that is compared."""

import pytest
import torch
from neurobench.benchmarks import Benchmark
from neurobench.metrics.static import ConnectionSparsity, Footprint
from neurobench.metrics.workload import ActivationSparsity, SynapticOperations
from neurobench.models import TorchModel
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

METRICS = [[Footprint, ConnectionSparsity], [ActivationSparsity, SynapticOperations]]


def neurobench(model, x):
    """What NeuroBench measures on samples (n, n_steps, size), one in a batch."""
    data = TensorDataset(torch.as_tensor(x), torch.zeros(len(x)))
    benchmark = Benchmark(model, DataLoader(data, batch_size=1), [], [], METRICS)
    return benchmark.run(quiet=True)


def check(found, expected):
    """All results are the same numbers; shares and means up to the order of sums."""
    assert found["Footprint"] == expected["Footprint"]
    assert found["ConnectionSparsity"] == expected["ConnectionSparsity"]
    shares = found["ActivationSparsity"], expected["ActivationSparsity"]
    assert shares[0] == pytest.approx(shares[1], rel=1e-12)
    ours, theirs = found["SynapticOperations"], expected["SynapticOperations"]
    assert ours == pytest.approx(theirs, rel=1e-12)


def linear(weights, bias=None):
    """A layer of PyTorch with these weights, in 64 bits as Nengo."""
    layer = nn.Linear(*weights.shape[::-1], bias=bias is not None, dtype=torch.float64)
    layer.weight.data = torch.tensor(weights)
    if bias is not None:
        layer.bias.data = torch.tensor(bias)
    return layer


class Stepped(nn.Module):
    """A network that is run step by step, from an empty state."""

    def forward(self, x):
        for buffer in self.buffers():
            buffer.zero_()
        with torch.no_grad():
            return torch.stack([self.step(x[:, k]) for k in range(x.shape[1])], 1)


def wrapped(net, *activations):
    """For NeuroBench, with the modules whose outputs are those of neurons."""
    model = TorchModel(net)
    for module in activations:
        model.add_activation_module(module)
    return model
