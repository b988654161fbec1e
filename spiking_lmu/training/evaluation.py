"""What a network gives for inputs, and how well it does, on NengoDL."""

from __future__ import annotations

from typing import Any

import nengo
import numpy as np

from spiking_lmu.validation import check_choice, check_flag, check_integer, refusal

from .forms import Form, choose_form
from .losses import LOSSES, score
from .samples import Arrays, Data, Samples, check_data, check_inputs, samples_of
from .weights import check_network

AT_ONCE = 1000  # sequences, or steps in parallel form, that are evaluated together
PRECISIONS = ("float32", "float64")


def predict(
    network: nengo.Network,
    inputs: Data,
    last: bool = False,
    form: str = "auto",
    batch_size: int | None = None,
    dtype: str = "float32",
    dt: float | None = None,
    seed: int = 0,
) -> np.ndarray | dict[nengo.Probe, np.ndarray]:
    """Outputs of a network for given inputs, on NengoDL.

    Parameters
    ----------
    network, inputs, form, dt
        As for `fit`.
    last : bool
        Whether to return only the last step of each sequence.
    batch_size : int, optional
        Number of sequences that are run together; in parallel form, number of steps.
    dtype : str
        ``"float32"`` or ``"float64"``.
    seed : int
        Seed of random parts of the network without a seed.

    Returns
    -------
    outputs : (n, n_steps, size) ndarray
        Outputs of every step, or of the steps that ``sample_every`` of the probe
        selects. With ``last``, outputs of the last step, (n, 1, size). A dict by probe
        if the network has several probes.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is out of range, or the inputs are not finite or do not fit.
    """
    check_network(network)
    x = check_inputs(network, inputs, check_choice("dtype", dtype, PRECISIONS))
    check_flag("last", last)
    seed = check_integer("seed", seed, low=0, high=2**32 - 1)
    if batch_size is not None:
        check_integer("batch_size", batch_size)
    if not network.all_probes:
        raise refusal("network", network, "a network with a probe")
    probes = list(network.all_probes)
    built = choose_form(network, list(x), probes, form, False, dt)
    n, n_steps = next(iter(x.values())).shape[:2]
    steps = np.ones((n, 1 if last else n_steps), dtype=bool)
    samples = Samples(built.data(x, steps, dtype), {})
    few = min(batch_size or AT_ONCE, len(samples))
    with built.simulator(few, dtype, seed, last) as sim:
        outputs = run_samples(sim, built, samples)
    shaped = {p: y.reshape(n, -1, y.shape[-1]) for p, y in outputs.items()}
    if not last:
        shaped = {p: y[:, _taken(p, n_steps, built.dt)] for p, y in shaped.items()}
    return shaped[probes[0]] if len(probes) == 1 else shaped


def _taken(probe: nengo.Probe, n_steps: int, dt: float) -> np.ndarray:
    """Which steps a probe takes, as `nengo.Simulator` decides it."""
    every = dt if probe.sample_every is None else probe.sample_every
    return np.arange(1, n_steps + 1) % (every / dt) < 1


def evaluate(
    network: nengo.Network,
    inputs: Data,
    targets: Data,
    loss: str = "mse",
    warm_up: int = 0,
    form: str = "auto",
    dt: float | None = None,
) -> dict[str, float]:
    """The loss of a network, and its accuracy or NRMSE.

    Parameters are those of `fit`.

    Returns
    -------
    scores : dict of float
        ``"loss"``, and ``"accuracy"`` for cross entropy or ``"nrmse"``, the root mean
        square of the error relative to that of the targets.

    Raises
    ------
    nengo.exceptions.ValidationError
        As for `fit`.
    """
    check_network(network)
    check_choice("loss", loss, LOSSES)
    check_integer("warm_up", warm_up, low=0)
    x, y = check_data(network, inputs, targets, loss)
    built = choose_form(network, list(x), list(y), form, False, dt)
    samples = samples_of(built, x, y, loss, warm_up)
    with built.simulator(min(AT_ONCE, len(samples)), "float32", 0) as sim:
        return total_score(loss, samples, run_samples(sim, built, samples))


def run_samples(sim: Any, built: Form, samples: Samples) -> Arrays:
    """What the probes give, (n, steps, size), by the user's probes."""
    n, batch = len(samples), sim.minibatch_size
    every = np.arange(-(-n // batch) * batch) % n
    outputs: dict[Any, list[np.ndarray]] = {p: [] for p in built.probes}
    for part in samples.chunks(every, batch):
        x = {node: a[part] for node, a in samples.x.items()}
        for ensemble, mask in built.masks.items():
            shape = (*next(iter(x.values())).shape[:2], ensemble.n_neurons)
            x[mask] = np.broadcast_to(np.float32(1), shape)
        given = sim.predict(x, verbose=0)
        for p, double in built.probes.items():
            outputs[p].append(given[double])
    return {p: np.concatenate(parts)[:n] for p, parts in outputs.items()}


def total_score(loss: str, samples: Samples, outputs: Arrays) -> dict[str, float]:
    """The sum of the losses of all probes, and their mean measure."""
    scores = [score(loss, y, outputs[p]) for p, y in samples.y.items()]
    total = {name: sum(s[name] for s in scores) for name in scores[0]}
    return {k: v if k == "loss" else v / len(scores) for k, v in total.items()}
