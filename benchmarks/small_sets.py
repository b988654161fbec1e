"""Training on few sequences: what its defaults bring, by cross-validation.

``python benchmarks/small_sets.py A_TRAIN.ts B_TRAIN.ts ...`` reads these files and no
others: five folds, six times, each for the test once. It trains the network of
`classify` in NumPy, with all folds side by side, as `training.fit` does: Adam on the
last state of an exact memory, a learning rate that falls as half a cosine, noise and
dropout. Prints the percentage of correct answers in each file, after one change and
then another.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from spiking_lmu.data.datasets import held_out_of, stratified
from spiking_lmu.data.sequence_files import number_labels, read_sequences
from spiking_lmu.networks import SequenceNetwork

ORDER, EPOCHS, BATCH, RATE, DROPOUT = 32, 100, 10, 1e-2, 0.5
FOLDS, REPEATS = 5, 6
DECAYS, SMALL = (0.9, 0.999), 1e-7  # of Adam
SMALLEST = 1e-4  # of scales, relative to the largest


@dataclass(frozen=True)
class Plan:
    """How networks are trained: hidden units, and the arguments of `training.fit`."""

    units: int = 100
    noise: float = 0.1
    held_out: float = 1 / 8  # share of the training sequences that is for validation
    initial: str = "plain"
    whiten: bool = False  # states are made uncorrelated, and not only of equal size


BEFORE = Plan()
ALL = replace(BEFORE, held_out=0)
STANDARDIZED = replace(ALL, initial="standardized")
QUIET = replace(STANDARDIZED, noise=0.05)
CHOSEN = replace(QUIET, units=300)
PLANS = {
    "100 units, noise 0.1, plain, 1/8 held out": BEFORE,
    "... trained on all sequences": ALL,
    "... initial weights standardized": STANDARDIZED,
    "... noise 0.05": QUIET,
    "... 300 units: the defaults": CHOSEN,
    "defaults, but 1/8 held out": replace(CHOSEN, held_out=1 / 8),
    "defaults, but plain initial weights": replace(CHOSEN, initial="plain"),
    "defaults, but whitened states": replace(CHOSEN, whiten=True),
}


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Sequences (n, T, size), with zeros before shorter ones, and classes."""
    found = read_sequences(path)
    (y,), _ = number_labels({path: found})
    return found.padded(max(map(len, found.sequences))).astype(float), y


def splits(y: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Sequences to train on and to test, of each fold of each repeat."""
    sizes = [len(part) for part in np.array_split(y, FOLDS)]
    parts = [stratified(y, sizes, seed) for seed in range(REPEATS)]
    everything = np.arange(len(y))
    return [(np.setdiff1d(everything, p), p) for folds in parts for p in folds]


def nearest(x: np.ndarray, y: np.ndarray) -> float:
    """Share of correct answers of the nearest neighbour by Euclidean distance."""
    flat = x.reshape(len(x), -1)
    square = np.sum(flat**2, axis=1)
    distances = square[:, None] + square - 2 * flat @ flat.T
    right = [
        y[train][distances[np.ix_(test, train)].argmin(axis=1)] == y[test]
        for train, test in splits(y)
    ]
    return float(np.mean(np.concatenate(right)))


def standardizing(m: np.ndarray, whiten: bool) -> np.ndarray:
    """What states (n, size) are multiplied by."""
    if whiten:
        powers, directions = np.linalg.eigh(m.T @ m / len(m))
        return directions / np.sqrt(np.maximum(powers, SMALLEST * powers[-1]))
    rms = np.sqrt(np.mean(m**2, axis=0))
    return np.diag(1 / np.maximum(rms, SMALLEST * max(rms.max(), 1e-12)))


def network_share(x: np.ndarray, y: np.ndarray, plan: Plan) -> float:
    """Share of correct answers of networks, one for each fold."""
    memory = SequenceNetwork(x.shape[2], 2, ORDER, x.shape[1], 1, seed=0)
    parts, n_classes = [memory.final_states(x), x[:, -1]], int(y.max()) + 1
    folds = splits(y)
    if plan.held_out:
        held = [held_out_of(y[train], plan.held_out, 0)[0] for train, _ in folds]
        folds = [(train[h], test) for (train, test), h in zip(folds, held)]
    n = min(len(train) for train, _ in folds)
    inputs, weights = [], []
    for k, (train, _) in enumerate(folds):
        rng = np.random.default_rng([1, k])
        whole, initial = [], []
        for part, whiten in zip(parts, (plan.whiten, False)):
            T = standardizing(part[train], whiten)
            size = len(T)
            W = rng.normal(0, np.sqrt(2 / (size + plan.units)), (size, plan.units))
            plain = plan.initial == "plain"
            initial.append(np.linalg.solve(T, W) if plain else W)
            whole.append(part @ T)
        inputs.append(np.hstack(whole))
        V = rng.normal(
            0, np.sqrt(2 / (plan.units + n_classes)), (plan.units, n_classes)
        )
        weights.append((np.vstack(initial), np.zeros((1, plan.units)), V))
    z = np.stack(inputs).astype(np.float32)
    chosen = np.stack([np.random.default_rng(0).permutation(t)[:n] for t, _ in folds])
    targets = np.eye(n_classes, dtype=np.float32)[y[chosen]]
    states = np.take_along_axis(z, chosen[..., None], axis=1)
    start = [np.stack(arrays).astype(np.float32) for arrays in zip(*weights)]
    W, b, V = descend(states, targets, start, plan.noise, len(parts[0][0]))
    answers = (np.maximum(z @ W + b, 0) @ V).argmax(axis=2)
    right = [answers[k, test] == y[test] for k, (_, test) in enumerate(folds)]
    return float(np.mean(np.concatenate(right)))


def descend(
    x: np.ndarray, y: np.ndarray, weights: list[np.ndarray], noise: float, noisy: int
) -> list[np.ndarray]:
    """Train networks side by side; noise is added to the first ``noisy`` inputs."""
    rng = np.random.default_rng(0)
    n_folds, n, _ = x.shape
    deviations = noise * np.sqrt(np.mean(x[..., :noisy] ** 2, axis=1, keepdims=True))
    means, squares = ([np.zeros_like(w) for w in weights] for _ in range(2))
    steps, batch = 0, min(BATCH, n)
    for epoch in range(EPOCHS):
        rate = RATE * max(0.5 * (1 + np.cos(np.pi * epoch / EPOCHS)), 0.01)
        order = np.stack([rng.permutation(n) for _ in range(n_folds)])
        for k in range(n // batch):
            part = order[:, k * batch : (k + 1) * batch, None]
            z = np.take_along_axis(x, part, axis=1)
            drawn = rng.standard_normal((*z.shape[:2], noisy), dtype=np.float32)
            z[..., :noisy] += deviations * drawn
            W, b, V = weights
            drive = z @ W + b
            mask = (rng.random(drive.shape) >= DROPOUT) / (1 - DROPOUT) * (drive > 0)
            hidden = np.float32(mask) * drive
            logits = hidden @ V
            shares = np.exp(logits - logits.max(axis=2, keepdims=True))
            shares /= shares.sum(axis=2, keepdims=True)
            error = (shares - np.take_along_axis(y, part, axis=1)) / batch
            slope = (error @ V.transpose(0, 2, 1)) * np.float32(mask)
            slopes = [
                z.transpose(0, 2, 1) @ slope,
                slope.sum(axis=1, keepdims=True),
                hidden.transpose(0, 2, 1) @ error,
            ]
            steps += 1
            for w, mean, square, g in zip(weights, means, squares, slopes):
                mean += (1 - DECAYS[0]) * (g - mean)
                square += (1 - DECAYS[1]) * (g**2 - square)
                first, second = mean / (1 - DECAYS[0] ** steps), square
                second = np.sqrt(second / (1 - DECAYS[1] ** steps))
                w -= np.float32(rate) * first / (second + SMALL)
    return weights


def main(paths: list[str]) -> None:
    if not paths:
        print("small_sets: name files of training sequences, such as A_TRAIN.ts")
        return
    sets = [read(Path(path)) for path in paths]
    print(" " * 44, *(f"{Path(path).stem[:6]:>6}" for path in paths), "  mean")
    show("nearest neighbour", [nearest(x, y) for x, y in sets])
    for name, plan in PLANS.items():
        show(name, [network_share(x, y, plan) for x, y in sets])


def show(name: str, shares: list[float]) -> None:
    cells = [f"{100 * share:6.1f}" for share in (*shares, float(np.mean(shares)))]
    print(f"{name:44}", *cells, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
