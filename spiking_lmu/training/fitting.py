"""Train a network on sequences with NengoDL; what it learns stays in the network.

`fit` trains any Nengo network whose input is given: in parallel form where nothing
stands against it (see `parallel`), as for a network around the memory of a Legendre
Memory Unit, and else unrolled in time. Afterwards the network is what it was, with
other weights, and runs on any simulator.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Number
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nengo
import numpy as np
from nengo.exceptions import ValidationError
from tqdm import tqdm

from spiking_lmu.compatibility import require
from spiking_lmu.data.archives import read_archive, write_archive
from spiking_lmu.validation import (
    check_array,
    check_choice,
    check_flag,
    check_integer,
    check_number,
    check_path,
    refusal,
)

from .forms import Form, choose_form
from .losses import LOSSES, counts, keras_loss, score
from .weights import (
    check_network,
    check_storable,
    count_parameters,
    draw_weights,
    fix_seeds,
    load,
    save,
    store_weights,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Training", "evaluate", "fit", "load", "predict", "save"]

CHUNK = 2**26  # numbers handed to tensorflow at once
AT_ONCE = 1000  # sequences, or steps in parallel form, that are evaluated together
PRECISIONS = ("float32", "float64")

Arrays = dict[Any, np.ndarray]
Data = Any  # an array, or arrays by node or probe


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
        Why that form.
    best_epoch : int
        Whose weights the network has.
    n_parameters : int
        Numbers that were trained.
    seconds : float
        In all, those before an interruption included.
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
    form: str = "auto",
    dt: float | None = None,
    seed: int = 0,
    progress: bool = False,
) -> Training:
    r"""Train a network by gradient descent (Adam), on NengoDL.

    What learns is what NengoDL trains: connections with weights, encoders and biases,
    unless the network's configuration says ``trainable = False``; `networks.LMU` marks
    its fixed part itself. Weights that are distributions are drawn first, others are
    where training begins, so that calling again goes on. Objects without a seed get
    the one that Nengo would have drawn, so that neurons are the same ever after.

    Parameters
    ----------
    network : nengo.Network
        With nodes whose input is given, and probes. Changed in place.
    inputs : (n, n_steps, size) array_like, or dict of those by node
        An array is for the network's only node without input.
    targets : array_like, or dict of those by probe
        For every step (n, n_steps, size), or for the last ones (n, fewer, size);
        (n, size) is for the last step. For ``"crossentropy"`` integers: labels
        (n, n_steps), or (n,) for the last step. NaN, or a label of -1, does not count.
        An array is for the network's only probe.
    loss : str
        ``"mse"``, the mean squared error; or ``"crossentropy"``, for which the
        network's outputs are logits.
    validation : tuple of inputs and targets, optional
        The network keeps the weights of the epoch with the lowest loss on these.
        Without, it keeps the last.
    epochs : int
        The largest number of passes through the data.
    batch_size : int
        Sequences for each step of the descent; in parallel form, where each step
        with a target stands for itself, such steps.
    learning_rate : float or callable
        Or a function of the epoch (from 0).
    noise : float or dict of (size, size) array_like by node, optional
        In parallel form: noise added to what the linear part gives while training,
        anew in each epoch. A deviation, relative to the root mean square of each
        number; or the covariance by node, such as spikes will have.
    dropout : float
        Share of the neurons that are left out while training, others for each
        sequence; neurons with connections from them, not decoded ensembles.
    patience : int, optional
        Stop after this many epochs without a lower loss on the validation data.
    warm_up : int
        First steps of each sequence that do not count.
    checkpoint : path, optional
        A file that is written after each epoch. If it is there, training goes on where
        it stopped, and ends with the weights that it would have had; the arguments
        must be the same but for ``epochs`` and ``patience``.
    form : str
        ``"auto"``, ``"parallel"`` or ``"sequential"``.
    dt : float, optional
        Time step in seconds; that of the memories in the network by default, and else
        0.001.
    seed : int
        Of initial weights, order, noise and dropout.
    progress : bool
        Whether to show a progress bar on stderr.

    Returns
    -------
    training : Training

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is out of range, data are not finite or do not fit, the network
        has nothing to train, or the checkpoint is of another training.

    References
    ----------
    CE 2021 for the parallel form.
    """
    check_network(network)
    check_choice("loss", loss, LOSSES)
    check_integer("epochs", epochs)
    check_integer("batch_size", batch_size)
    check_integer("warm_up", warm_up, low=0)
    seed = check_integer("seed", seed, low=0, high=2**32 - 1)
    dropout = check_number("dropout", dropout, low=0, high=0.95)
    if patience is not None:
        check_integer("patience", patience)
        if validation is None:
            raise refusal("patience", patience, "None where there is no validation")
    if not callable(learning_rate):
        check_number("learning_rate", learning_rate, low=0, exclusive=True)
    check_flag("progress", progress)
    if checkpoint is not None:
        checkpoint = check_path("checkpoint", checkpoint)
    x, y = _check_data(network, inputs, targets, loss)
    held_out = None if validation is None else _check_pair(network, validation, loss)
    check_storable(network)
    if not count_parameters(network):
        raise refusal("network", network, "a network with something to train")

    fix_seeds(network, seed)
    draw_weights(network, seed)
    built = choose_form(network, list(x), list(y), form, dropout > 0, dt)
    samples = _samples(built, x, y, loss, warm_up)
    tests = None if held_out is None else _samples(built, *held_out, loss, warm_up)
    scales = built.standardize(samples.x)
    samples = samples.divided(scales)
    tests = None if tests is None else tests.divided(scales)
    batch_size = min(batch_size, len(samples))
    roots = _noise_roots(built, noise, samples.x, scales)
    plan = {
        "loss": loss, "batch_size": batch_size, "dropout": dropout, "seed": seed,
        "warm_up": warm_up, "form": built.name,
        "noise": [float(np.linalg.norm(root)) for root in roots.values()],
        "data": [samples.fingerprint(), tests.fingerprint() if tests else 0],
        "rates": [float(_rate(learning_rate, k)) for k in range(min(epochs, 3))],
    }  # fmt: skip
    with built.simulator(batch_size, "float32", seed) as sim:
        check_storable(network)  # layers of Keras have their weights by now
        descent = _Descent(sim, built, loss, checkpoint, plan)
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
                    scores = _score(loss, tests, descent.predict(tests))
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
    """What a network gives for inputs, on NengoDL.

    Parameters
    ----------
    network, inputs, form, dt
        As for `fit`.
    last : bool
        Only the last step of each sequence.
    batch_size : int, optional
        Sequences that are run together; in parallel form, steps.
    dtype : str
        ``"float32"`` or ``"float64"``.
    seed : int
        Of what is random in the network and has no seed of its own.

    Returns
    -------
    outputs : (n, n_steps, size) ndarray
        Of every step, whatever the ``sample_every`` of the probe. Or (n, 1, size) for
        the last step; a dict of those by probe, where the network has more than one.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is out of range, or the inputs are not finite or do not fit.
    """
    check_network(network)
    x = _check_inputs(network, inputs, check_choice("dtype", dtype, PRECISIONS))
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
        outputs = _run(sim, built, samples)
    shaped = {p: y.reshape(n, -1, y.shape[-1]) for p, y in outputs.items()}
    return shaped[probes[0]] if len(probes) == 1 else shaped


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
    x, y = _check_data(network, inputs, targets, loss)
    built = choose_form(network, list(x), list(y), form, False, dt)
    samples = _samples(built, x, y, loss, warm_up)
    with built.simulator(min(AT_ONCE, len(samples)), "float32", 0) as sim:
        return _score(loss, samples, _run(sim, built, samples))


@dataclass(frozen=True, eq=False)
class Samples:
    """What NengoDL is given: one row a sequence, or in parallel form a step.

    Attributes
    ----------
    x : dict of (n, steps, size) ndarray
        By node of the network that is simulated.
    y : dict of (n, steps, size) ndarray
        Targets by probe.
    """

    x: Arrays
    y: Arrays

    def __len__(self) -> int:
        return len(next(iter(self.x.values())))

    def divided(self, scales: Arrays) -> Samples:
        """The same, with each node's values divided."""
        x = {n: (a / scales.get(n, 1)).astype(np.float32) for n, a in self.x.items()}
        return Samples(x, self.y)

    def fingerprint(self) -> int:
        """A number that tells other data."""
        value = 0
        for array in (*self.x.values(), *self.y.values()):
            value = zlib.crc32(np.ascontiguousarray(array).data, value)
        return value

    def chunks(self, order: np.ndarray, batch_size: int) -> list[np.ndarray]:
        """Parts of an order of samples, each of whole batches."""
        width = sum(a[0].size for a in (*self.x.values(), *self.y.values()))
        few = max(1, CHUNK // (width * batch_size)) * batch_size
        return [order[k : k + few] for k in range(0, len(order), few)]


def _samples(built: Form, x: Arrays, y: Arrays, loss: str, warm_up: int) -> Samples:
    n_steps = next(iter(x.values())).shape[1]
    y = {p: np.array(v) for p, v in y.items()}
    for target in y.values():
        early = max(0, warm_up - (n_steps - target.shape[1]))
        target[:, :early] = -1 if loss == "crossentropy" else np.nan
    counted = {p: counts(loss, v) for p, v in y.items()}
    if not all(c.any() for c in counted.values()):
        raise refusal("targets", next(iter(y.values())), "such that some of them count")
    if built.cut is None:
        return Samples(built.data(x), y)
    steps = np.zeros((len(next(iter(x.values()))), max(v.shape[1] for v in y.values())))
    for c in counted.values():
        steps[:, -c.shape[1] :] += c
    marked = steps > 0
    rows = {}
    for p, target in y.items():
        missing = marked.shape[1] - target.shape[1]
        fill = -1 if loss == "crossentropy" else np.nan
        padded = np.pad(target, ((0, 0), (missing, 0), (0, 0)), constant_values=fill)
        rows[p] = padded[marked][:, None]
    return Samples(built.data(x, marked), rows)


def _run(sim: Any, built: Form, samples: Samples) -> Arrays:
    """What the probes give, (n, steps, size), by the user's probes."""
    n, batch = len(samples), sim.minibatch_size
    every = np.arange(-(-n // batch) * batch) % n
    outputs: dict[Any, list[np.ndarray]] = {p: [] for p in built.probes}
    for part in samples.chunks(every, batch):
        x = {node: a[part] for node, a in samples.x.items()}
        for ensemble, mask in built.masks.items():
            x[mask] = _ones(len(part), x, ensemble.n_neurons)
        given = sim.predict(x, verbose=0)
        for p, double in built.probes.items():
            outputs[p].append(given[double])
    return {p: np.concatenate(parts)[:n] for p, parts in outputs.items()}


def _ones(n: int, x: Arrays, size: int) -> np.ndarray:
    steps = next(iter(x.values())).shape[1]
    return np.broadcast_to(np.float32(1), (n, steps, size))


def _score(loss: str, samples: Samples, outputs: Arrays) -> dict[str, float]:
    """The sum of the losses of all probes, and their mean measure."""
    scores = [score(loss, y, outputs[p]) for p, y in samples.y.items()]
    total = {name: sum(s[name] for s in scores) for name in scores[0]}
    return {k: v if k == "loss" else v / len(scores) for k, v in total.items()}


class _Descent:
    """Gradient descent that can be stopped after any epoch and taken up again."""

    def __init__(
        self,
        sim: Any,
        built: Form,
        loss: str,
        checkpoint: str | os.PathLike[str] | None,
        plan: Mapping[str, Any],
    ) -> None:
        tf = require("tensorflow")
        self.sim, self.built, self.plan = sim, built, dict(plan)
        self.model = sim.keras_model
        self.optimizer = tf.keras.optimizers.Adam(jit_compile=False)
        losses = {p: keras_loss(loss) for p in built.probes.values()}
        sim.compile(self.optimizer, loss=losses)
        self.optimizer.build(self.model.trainable_variables)
        self.history: list[dict[str, float]] = []
        self.best, self.lowest = 0, np.inf
        self.best_weights = self._weights()
        self.checkpoint = None if checkpoint is None else Path(checkpoint)
        if self.checkpoint is not None and self.checkpoint.exists():
            self._resume()

    @property
    def epoch(self) -> int:
        """How many epochs are done."""
        return len(self.history)

    def run(
        self,
        samples: Samples,
        rate: float,
        rng: np.random.Generator,
        noise: Arrays,
        dropout: float,
    ) -> float:
        """One epoch; its mean loss. Samples that fill no batch wait for the next."""
        batch = self.sim.minibatch_size
        order = rng.permutation(len(samples))[: len(samples) // batch * batch]
        self.optimizer.learning_rate = rate
        total = 0.0
        for part in samples.chunks(order, batch):
            x = {node: a[part] for node, a in samples.x.items()}
            for node, root in noise.items():
                x[node] = x[node] + _normal(rng, x[node].shape, root)
            for ensemble, mask in self.built.masks.items():
                kept = rng.random((len(part), 1, ensemble.n_neurons)) >= dropout
                kept = (kept / (1 - dropout)).astype(np.float32)
                steps = next(iter(x.values())).shape[1]
                x[mask] = np.broadcast_to(kept, (len(part), steps, kept.shape[2]))
            y = {self.built.probes[p]: a[part] for p, a in samples.y.items()}
            done = self.sim.fit(x, y, epochs=1, shuffle=False, verbose=0)
            total += done.history["loss"][0] * len(part)
        return total / len(order)

    def predict(self, samples: Samples) -> Arrays:
        return _run(self.sim, self.built, samples)

    def finish_epoch(self, row: Mapping[str, float]) -> None:
        """Keep what an epoch gave, in the checkpoint too."""
        self.history.append(dict(row))
        value = row.get("validation_loss", -self.epoch)  # without: the last is the best
        if not np.isfinite(row["loss"]):
            raise ValidationError(
                f"was too high: the loss is {row['loss']} in epoch {self.epoch}; the "
                "network keeps the best weights before",
                attr="learning_rate",
            )
        if value < self.lowest:
            self.best, self.lowest = self.epoch, value
            self.best_weights = self._weights()
        if self.checkpoint is not None:
            self._save()

    def use_best(self) -> None:
        for variable, value in zip(self.model.trainable_variables, self.best_weights):
            variable.assign(value)

    def _weights(self) -> list[np.ndarray]:
        return [v.numpy() for v in self.model.trainable_variables]

    def _optimizer_state(self) -> list[Any]:
        return list(self.optimizer.variables)

    def _save(self) -> None:
        arrays = {f"best {k}": a for k, a in enumerate(self.best_weights)}
        arrays.update({f"weights {k}": a for k, a in enumerate(self._weights())})
        state = self._optimizer_state()
        arrays.update({f"state {k}": v.numpy() for k, v in enumerate(state)})
        texts = {"plan": self.plan, "history": self.history, "best": self.best}
        assert self.checkpoint is not None
        write_archive(self.checkpoint, arrays, texts)

    def _resume(self) -> None:
        assert self.checkpoint is not None
        arrays, texts = read_archive(self.checkpoint)
        plan = texts.get("plan")
        if not isinstance(plan, dict) or "history" not in texts:
            raise refusal("checkpoint", str(self.checkpoint), "a file of `fit`, or new")
        for name, value in self.plan.items():
            found = plan.get(name)
            if name == "rates" and isinstance(found, list):
                n = min(len(value), len(found))  # epochs may be other ones
                value, found = value[:n], found[:n]
            if value != found:
                raise ValidationError(
                    f"{self.checkpoint} is of another training, with another {name}; "
                    "name another file, or remove it",
                    attr="checkpoint",
                )
        variables = self.model.trainable_variables
        groups = {
            "weights": variables,
            "best": variables,
            "state": self._optimizer_state(),
        }
        for name, group in groups.items():
            shapes = [tuple(v.shape) for v in group]
            found = [arrays.get(f"{name} {k}") for k in range(len(group))]
            if any(a is None or a.shape != s for a, s in zip(found, shapes)):
                raise refusal(
                    "checkpoint", str(self.checkpoint), "of a network like this one"
                )
        for name in ("weights", "state"):
            for k, variable in enumerate(groups[name]):
                variable.assign(arrays[f"{name} {k}"])
        self.best_weights = [arrays[f"best {k}"] for k in range(len(variables))]
        self.history, self.best = texts["history"], int(texts["best"])
        row = self.history[self.best - 1]
        self.lowest = row.get("validation_loss", -self.best)


def _normal(
    rng: np.random.Generator, shape: tuple[int, ...], root: np.ndarray
) -> np.ndarray:
    drawn = rng.standard_normal(shape, dtype=np.float32)
    return drawn * root if root.ndim == 1 else drawn @ root.T


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


def _check_data(
    network: nengo.Network, inputs: Data, targets: Data, loss: str
) -> tuple[Arrays, Arrays]:
    x = _check_inputs(network, inputs)
    n, n_steps = next(iter(x.values())).shape[:2]
    by_probe = _by_object("targets", targets, network.all_probes, "probe")
    y = {}
    for probe, values in by_probe.items():
        size = probe.size_in
        y[probe] = _check_targets(values, loss, n, n_steps, size)
    return x, y


def _check_pair(network: nengo.Network, pair: Any, loss: str) -> tuple[Arrays, Arrays]:
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise refusal("validation", pair, "a pair of inputs and targets")
    return _check_data(network, pair[0], pair[1], loss)


def _check_inputs(
    network: nengo.Network, inputs: Data, dtype: str = "float32"
) -> Arrays:
    nodes = [n for n in network.all_nodes if n.size_in == 0]
    given = _by_object("inputs", inputs, nodes, "node without input")
    x = {}
    for node, values in given.items():
        array = check_array("inputs", values, ndims=(3,)).astype(dtype)
        if array.shape[2] != node.size_out:
            raise refusal(
                "inputs", array.shape, f"of shape (n, n_steps, {node.size_out})"
            )
        x[node] = array
    shapes = {a.shape[:2] for a in x.values()}
    if len(shapes) > 1:
        raise refusal("inputs", sorted(shapes), "of as many sequences and steps each")
    return x


def _by_object(name: str, data: Data, objects: list[Any], kind: str) -> dict[Any, Any]:
    if isinstance(data, Mapping):
        if not data or not all(key in objects for key in data):
            raise refusal(name, list(data), f"by {kind} of the network")
        return dict(data)
    if len(objects) != 1:
        allowed = f"a dict by {kind}: the network has {len(objects)} of them"
        raise refusal(name, type(data).__name__, allowed)
    return {objects[0]: data}


def _check_targets(
    values: Any, loss: str, n: int, n_steps: int, size: int
) -> np.ndarray:
    """Targets (n, steps, size), or labels (n, steps, 1), of the last steps."""
    try:
        array = np.asarray(values)
    except ValueError:
        array = np.asarray(None)
    labels = loss == "crossentropy"
    if array.dtype.kind not in ("iu" if labels else "iuf") or array.size == 0:
        kind = "integers" if labels else "numbers"
        raise refusal("targets", values, kind)
    if labels:
        shape, few = "(n,) or (n, n_steps)", 1
    else:
        shape, few = f"(n, {size}) or (n, n_steps, {size})", 2
    if array.ndim == few:
        array = array[:, None]
    right = array.ndim == few + 1 and len(array) == n and 1 <= array.shape[1] <= n_steps
    if not right or (not labels and array.shape[2] != size):
        raise refusal("targets", array.shape, f"{shape}, for inputs ({n}, {n_steps})")
    if labels:
        if array.min() < -1 or array.max() >= size:
            worst = array.min() if array.min() < -1 else array.max()
            raise refusal("targets", int(worst), f"labels 0 to {size - 1}, or -1")
        return array[..., None].astype(np.float32)
    if np.isinf(array).any():
        raise refusal("targets", np.inf, "finite, or NaN where it does not count")
    return array.astype(np.float32)
