"""What a network is trained on: checks of data, and the rows that NengoDL is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import nengo
import numpy as np

from spiking_lmu.data.archives import fingerprint
from spiking_lmu.validation import check_array, refusal

from .forms import Form
from .losses import counts

CHUNK = 2**26  # numbers handed to tensorflow at once
Arrays = dict[Any, np.ndarray]
Data = Any  # an array, or arrays by node or probe


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
        return fingerprint(*self.x.values(), *self.y.values())

    def chunks(self, order: np.ndarray, batch_size: int) -> list[np.ndarray]:
        """Parts of an order of samples, each of whole batches."""
        width = sum(a[0].size for a in (*self.x.values(), *self.y.values()))
        few = max(1, CHUNK // (width * batch_size)) * batch_size
        return [order[k : k + few] for k in range(0, len(order), few)]


def samples_of(built: Form, x: Arrays, y: Arrays, loss: str, warm_up: int) -> Samples:
    n_steps = next(iter(x.values())).shape[1]
    y = {p: np.array(v) for p, v in y.items()}
    for target in y.values():
        early = max(0, warm_up - (n_steps - target.shape[1]))
        target[:, :early] = -1 if loss == "crossentropy" else np.nan
    counted = {p: counts(loss, v) for p, v in y.items()}
    if not all(c.any() for c in counted.values()):
        raise refusal(
            "targets", next(iter(y.values())), "such that at least one is counted"
        )
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


def check_data(
    network: nengo.Network, inputs: Data, targets: Data, loss: str
) -> tuple[Arrays, Arrays]:
    x = check_inputs(network, inputs)
    n, n_steps = next(iter(x.values())).shape[:2]
    by_probe = _by_object("targets", targets, network.all_probes, "probe")
    y = {}
    for probe, values in by_probe.items():
        size = probe.size_in
        y[probe] = _check_targets(values, loss, n, n_steps, size)
    return x, y


def check_pair(network: nengo.Network, pair: Any, loss: str) -> tuple[Arrays, Arrays]:
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise refusal("validation", pair, "a pair of inputs and targets")
    return check_data(network, pair[0], pair[1], loss)


def check_inputs(
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
        raise refusal(
            "inputs", sorted(shapes), "of equal numbers of sequences and steps"
        )
    return x


def _by_object(name: str, data: Data, objects: list[Any], kind: str) -> dict[Any, Any]:
    if isinstance(data, Mapping):
        if not data or not all(key in objects for key in data):
            raise refusal(
                name, list(data), f"a dict whose keys are {kind}s of the network"
            )
        return dict(data)
    if len(objects) != 1:
        allowed = f"a dict by {kind}, since the network has {len(objects)} of them"
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
        raise refusal("targets", np.inf, "finite, or NaN if not counted")
    return array.astype(np.float32)
