"""Memories, and the links of their plans for Loihi."""

import nengo
import numpy as np

from spiking_lmu.networks import LegendreMemory

THETA, ORDER, TAU, DT = 0.2, 3, 0.1, 0.001


def make(**kwargs):
    return LegendreMemory(
        THETA, ORDER, 20, **{"synapse": TAU, "freq": 1 / THETA, **kwargs}
    )


def stimulate(memory, **kwargs):
    stimulus = nengo.Node(np.zeros(memory.size_in))
    nengo.Connection(stimulus, memory.input, **{"synapse": None, **kwargs})
    return stimulus


def links_from(plan, sources, target, tau):
    """Transform (target.size_in, n) from ensembles of one dimension to a target."""
    matrix = np.zeros((target.size_in, len(sources)))
    for link in plan.links:
        if link.target == target and link.tau == tau and link.source.pre_obj in sources:
            matrix[:, [sources.index(link.source.pre_obj)]] += link.transform
    return matrix


def feeds_to(plan, memory, target, tau):
    matrix = np.zeros((target.size_in, memory.size_in))
    for feed in plan.feeds:
        if (feed.memory, feed.target, feed.tau) == (memory, target, tau):
            matrix += feed.transform
    return matrix


def system(plan, memory, tau=TAU):
    """Recurrent and input transform, as links and feeds make them."""
    pieces = [
        (links_from(plan, memory.ensembles, e, tau), feeds_to(plan, memory, e, tau))
        for e in memory.ensembles
    ]
    return [np.vstack(parts) for parts in zip(*pieces)]


def check_system(plan, memory, fed=1.0):
    """The transforms of the memory itself, but for what weights cannot tell apart."""
    recurrent, feed = memory.realization.transforms
    one = np.eye(memory.size_in)
    scale = np.tile(memory.realization.radii, memory.size_in)
    ours = system(plan, memory)
    np.testing.assert_allclose(
        ours[0] / scale[:, None] * scale,
        np.kron(one, recurrent) / scale[:, None] * scale,
        rtol=0,
        atol=1e-5,
    )
    np.testing.assert_allclose(ours[1], fed * np.kron(one, feed), rtol=1e-9, atol=1e-12)


def number_of(plan, target):
    return sum(part.target == target for part in [*plan.links, *plan.feeds])
