"""Train a network on sequences with NengoDL; what it learns stays in the network.

`fit` trains any Nengo network whose input is given: in parallel form where nothing
stands against it (see `parallel`), as for a network around the memory of a Legendre
Memory Unit, and else unrolled in time. Afterwards the network is what it was, with
other weights, and runs on any simulator.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Number
from typing import TYPE_CHECKING, Any

import nengo
import numpy as np
from tqdm import tqdm

from spiking_lmu.validation import (
    check_array,
    check_choice,
    check_flag,
    check_integer,
    check_number,
    check_path,
    refusal,
)

from .descent import KEPT, Descent
from .evaluation import total_score
from .forms import Form, choose_form
from .losses import LOSSES
from .samples import Arrays, Data, check_data, check_pair, samples_of
from .weights import (
    check_network,
    check_storable,
    count_parameters,
    draw_weights,
    fix_seeds,
    store_weights,
)

if TYPE_CHECKING:
    import pandas as pd


#: Inputs that weights are drawn for.
INITIAL = ("plain", "standardized")


@dataclass(frozen=True, eq=False)
class Training:
    """What training gave, beside the weights in the network.

    Attributes
    ----------
    history : pandas.DataFrame
        One row an epoch: ``epoch`` (from 1), ``loss``, ``learning_rate``, ``seconds``,
        and with validation data ``validation_loss`` and ``validation_accuracy`` or
        ``validation_nrmse``.
    form : str
        ``"parallel"`` or ``"sequential"``.
    reason : str
        Reason for the form.
    best_epoch : int
        The epoch whose weights the network has.
    n_parameters : int
        Number of trained parameters.
    seconds : float
        Duration of training, including the time before an interruption.
    """

    history: pd.DataFrame
    form: str
    reason: str
    best_epoch: int
    n_parameters: int
    seconds: float

    def __repr__(self) -> str:
        best = self.history[self.history["epoch"] == self.best_epoch]
        kept = [n for n in best if n.startswith("validation_") or n == "loss"]
        scores = "".join(f", {n} {best[n].iloc[0]:.4g}" for n in kept if len(best))
        return (
            f"<Training: best epoch {self.best_epoch} of {len(self.history)}{scores}>"
        )

    def __str__(self) -> str:
        return (
            f"Trained {self.n_parameters:,} parameters in {self.form} form "
            f"({self.reason}): {len(self.history)} epochs, {self.seconds:.0f} s, "
            f"best after epoch {self.best_epoch}."
        )


def fit(
    network: nengo.Network,
    inputs: Data,
    targets: Data,
    loss: str = "mse",
    validation: tuple[Data, Data] | None = None,
    epochs: int = 10,
    batch_size: int = 100,
    learning_rate: float | Callable[[int], float] = 1e-3,
    noise: float | Mapping[nengo.Node, np.ndarray] | None = None,
    dropout: float = 0.0,
    patience: int | None = None,
    warm_up: int = 0,
    checkpoint: str | os.PathLike[str] | None = None,
    keep: str = "best",
    initial: str = "plain",
    form: str = "auto",
    dt: float | None = None,
    seed: int = 0,
    progress: bool = False,
) -> Training:
    r"""Train a network by gradient descent (Adam), on NengoDL.

    NengoDL trains connections with weights, encoders and biases, unless the network's
    configuration sets ``trainable = False``. `networks.LMU` marks its fixed part
    itself. Weights that are distributions are drawn first. Other weights are the
    initial weights, so that a second call continues the training. Objects without a
    seed receive the seed that Nengo would draw, so that their neurons stay the same.

    Parameters
    ----------
    network : nengo.Network
        A network with input nodes and probes. Its weights are changed in place.
    inputs : (n, n_steps, size) array_like, or dict of those by node
        An array is for the only node without input.
    targets : array_like, or dict of those by probe
        For every step (n, n_steps, size), for the last steps (n, fewer, size), or for
        the last step (n, size). For ``"crossentropy"``, integer labels (n, n_steps), or
        (n,) for the last step. NaN and labels of -1 are not counted. An array is for
        the only probe.
    loss : str
        ``"mse"``, the mean squared error; or ``"crossentropy"``, for which the
        network's outputs are logits.
    validation : tuple of inputs and targets, optional
        Data on which the loss is measured after each epoch.
    epochs : int
        The largest number of passes through the data.
    batch_size : int
        Number of sequences in each update. In parallel form, number of steps with a
        target.
    learning_rate : float or callable
        Learning rate, or a function of the epoch (from 0) that returns it.
    noise : float or dict of (size, size) array_like by node, optional
        Noise added to the output of the linear part during training, drawn again in
        each epoch; in parallel form only. A deviation, relative to the root mean square
        of each number; or a covariance by node, such as that of spikes.
    dropout : float
        Share of neurons that are omitted during training, drawn for each sequence. It
        applies to neurons with direct connections, not to decoded ensembles.
    patience : int, optional
        Stop after this many epochs without a lower loss on the validation data.
    warm_up : int
        Number of first steps of each sequence that are not counted.
    checkpoint : path, optional
        A file that is written after each epoch. If it exists, training continues where
        it stopped, and ends with the same weights. All arguments except ``epochs`` and
        ``patience`` must be the same.
    keep : str
        Weights that the network keeps: with ``"best"`` those of the epoch with the
        lowest loss on the validation data, or the last ones without such data; with
        ``"last"`` the last ones, for instance if few validation data would choose by
        chance.
    initial : str
        Inputs that weights are drawn for, if they are distributions. With ``"plain"``,
        inputs as they are. With ``"standardized"``, inputs divided by their root mean
        square, so that all state variables of a memory weigh the same at the beginning;
        in parallel form only.
    form : str
        ``"auto"``, ``"parallel"`` or ``"sequential"``.
    dt : float, optional
        Time step in seconds; by default that of the memories in the network, or 0.001
        without memories.
    seed : int
        Seed of initial weights, order of sequences, noise and dropout.
    progress : bool
        Whether to show a progress bar on stderr.

    Returns
    -------
    training : Training

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is out of range, data are not finite or do not fit, the network
        has no trainable weights, or the checkpoint belongs to another training.

    References
    ----------
    CE 2021 for the parallel form.
    """
    check_network(network)
    check_choice("loss", loss, LOSSES)
    check_choice("keep", keep, KEPT)
    check_choice("initial", initial, INITIAL)
    check_integer("epochs", epochs)
    check_integer("batch_size", batch_size)
    check_integer("warm_up", warm_up, low=0)
    seed = check_integer("seed", seed, low=0, high=2**32 - 1)
    dropout = check_number("dropout", dropout, low=0, high=0.95)
    if patience is not None:
        check_integer("patience", patience)
        if validation is None or keep == "last":
            allowed = "None without validation, or if the last weights are kept"
            raise refusal("patience", patience, allowed)
    if not callable(learning_rate):
        check_number("learning_rate", learning_rate, low=0, exclusive=True)
    check_flag("progress", progress)
    if checkpoint is not None:
        checkpoint = check_path("checkpoint", checkpoint)
    x, y = check_data(network, inputs, targets, loss)
    held_out = None if validation is None else check_pair(network, validation, loss)
    check_storable(network)
    if not count_parameters(network):
        raise refusal("network", network, "a network with trainable weights")

    fix_seeds(network, seed)
    drawn = draw_weights(network, seed)
    built = choose_form(network, list(x), list(y), form, dropout > 0, dt)
    if initial == "standardized" and built.cut is None:
        allowed = f"'plain' in sequential form ({built.reason})"
        raise refusal("initial", initial, allowed)
    samples = samples_of(built, x, y, loss, warm_up)
    tests = None if held_out is None else samples_of(built, *held_out, loss, warm_up)
    scales = built.standardize(samples.x, drawn if initial == "standardized" else ())
    samples = samples.divided(scales)
    tests = None if tests is None else tests.divided(scales)
    batch_size = min(batch_size, len(samples))
    roots = _noise_roots(built, noise, samples.x, scales)
    plan = {
        "loss": loss, "batch_size": batch_size, "dropout": dropout, "seed": seed,
        "warm_up": warm_up, "form": built.name, "keep": keep,
        "initial": initial,
        "noise": [float(np.linalg.norm(root)) for root in roots.values()],
        "data": [samples.fingerprint(), tests.fingerprint() if tests else 0],
        "rates": [float(_rate(learning_rate, k)) for k in range(min(epochs, 3))],
    }  # fmt: skip
    with built.simulator(batch_size, "float32", seed) as sim:
        check_storable(network)  # layers of Keras have their weights by now
        descent = Descent(sim, built, loss, checkpoint, plan)
        try:
            for epoch in _bar(epochs, descent.epoch, progress, built):
                if patience is not None and epoch - descent.best >= patience:
                    break
                start = time.perf_counter()
                rate = _rate(learning_rate, epoch)
                rng = np.random.default_rng([seed, epoch])
                row = {
                    "epoch": epoch + 1,
                    "loss": descent.run(samples, rate, rng, roots, dropout),
                    "learning_rate": rate,
                }
                if tests is not None:
                    scores = total_score(loss, tests, descent.predict(tests))
                    row.update({f"validation_{k}": v for k, v in scores.items()})
                row["seconds"] = time.perf_counter() - start
                descent.finish_epoch(row)
        finally:
            if descent.history:
                descent.use_best()
                store_weights(sim, built)
    import pandas as pd  # heavy

    history = pd.DataFrame(descent.history)
    return Training(
        history,
        built.name,
        built.reason,
        descent.best,
        count_parameters(network),
        float(history["seconds"].sum()),
    )


def _rate(learning_rate: float | Callable[[int], float], epoch: int) -> float:
    value = learning_rate(epoch) if callable(learning_rate) else learning_rate
    return check_number("learning_rate", value, low=0, exclusive=True)


def _bar(epochs: int, done: int, progress: bool, form: Form) -> Any:
    return tqdm(
        range(done, epochs),
        total=epochs,
        initial=done,
        unit="epoch",
        desc=f"training, {form.name}",
        disable=not progress,
    )


def _noise_roots(built: Form, noise: Any, x: Arrays, scales: Arrays) -> Arrays:
    """By node that takes data, what multiplies white noise: a root or a vector."""
    if noise is None:
        return {}
    if built.cut is None:
        allowed = f"None in sequential form ({built.reason})"
        raise refusal("noise", noise, allowed)
    states = {n: e for n, e in built.entries.items() if n not in built.cut.stimuli}
    if isinstance(noise, Number):
        deviation = check_number("noise", noise, low=0)
        return {
            e: (deviation * np.sqrt(np.mean(x[e] ** 2, axis=(0, 1)))).astype(np.float32)
            for e in states.values()
        }
    if not isinstance(noise, Mapping) or not set(noise) <= set(states):
        allowed = f"a deviation, or covariances by node, of {sorted(map(str, states))}"
        raise refusal("noise", noise, allowed)
    roots = {}
    for node, covariance in noise.items():
        P = check_array("noise", covariance, ndims=(2,))
        if P.shape != (node.size_out, node.size_out) or not np.allclose(P, P.T):
            raise refusal(
                "noise", P.shape, f"symmetric, of {node.size_out} x {node.size_out}"
            )
        powers, directions = np.linalg.eigh(P)
        if powers[0] < -1e-6 * abs(powers[-1]):
            raise refusal("noise", powers[0], "a covariance, without negative powers")
        root = directions * np.sqrt(np.maximum(powers, 0))
        entry = states[node]
        scale = np.reshape(scales.get(entry, np.ones(1)), (-1, 1))
        roots[entry] = (root / scale).astype(np.float32)
    return roots
