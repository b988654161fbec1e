"""The copy memory task with every weight learned, as it was published.

LMU and LSTM have as many parameters, read the same sequences, and learn by the same
algorithm for as many updates. Each has the learning rate that did best in a shorter run
of its own. The loss of validation sequences decides which rate and which weights are
kept.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from spiking_lmu.experiments.copying.cells import LMU, LSTM, cross_entropy
from spiking_lmu.experiments.copying.sequences import (
    ANSWERS,
    DELIMITER,
    LENGTH,
    draw_symbols,
    tested,
)
from spiking_lmu.experiments.sweeps import checkpoints
from spiking_lmu.training.recurrent_layers import Weights, stacked

PARAMETERS = 6500  # of each network, as nearly as whole units allow
UNITS = range(1, 100)  # of which there are
DENSITY = 4 / 3  # state variables for each step of the window: single steps resolve
BATCH = 20  # sequences in each update
DECAY = 0.9  # of RMSProp
FIRST_SQUARE = 1e-3  # its first mean square
TINY = 1e-8  # added to the root, which could be zero
CLIP = 1.0  # of each gradient
VALIDATION, TEST = 100, 1000  # sequences
EVERY = 200  # updates from one validation to the next
PILOT = 2000  # updates after which the learning rate is chosen, at most
SAVE_SECONDS = 60.0  # between checkpoints

Cell = LMU | LSTM


def make_cell(model: str, delay: int) -> Cell:
    """The network that comes closest to 6,500 parameters, of two the larger."""
    window = delay + 2 * LENGTH
    cells: Iterator[Cell]
    if model == "lstm":
        cells = (LSTM(units, DELIMITER + 1, ANSWERS) for units in UNITS)
    else:
        size = round(DENSITY * window), window, DELIMITER + 1, ANSWERS
        cells = (LMU(units, *size) for units in UNITS)
    return min(cells, key=lambda cell: (abs(cell.parameters - PARAMETERS), -cell.units))


@dataclass
class Run:
    """The state of training, which can be saved and continued.

    Attributes
    ----------
    rates : (N,) ndarray
        Learning rate of each network.
    generators : list of numpy.random.Generator
        What draws the sequences of each network.
    weights, squares : dict of arrays
        Weights of all networks, and mean squares of their gradients.
    done : int
        Number of updates so far.
    seconds : float
        Time of training so far.
    curve : list of (N,) lists
        Validation losses.
    lowest : (N,) ndarray
        The least validation loss of each network.
    best : dict of arrays
        The weights with that loss.
    """

    rates: np.ndarray
    generators: list[np.random.Generator]
    weights: Weights
    squares: Weights
    lowest: np.ndarray
    best: Weights
    done: int = 0
    seconds: float = 0.0
    curve: list[list[float]] = field(default_factory=list)

    @classmethod
    def start(cls, cell: Cell, seeds: list[int], rates: list[float]) -> Run:
        """One network for each seed and rate."""
        children = [np.random.SeedSequence(seed).spawn(2) for seed in seeds]
        weights = stacked([cell.initial(np.random.default_rng(a)) for a, _ in children])
        return cls(
            np.array(rates, np.float32)[:, None, None],
            [np.random.default_rng(b) for _, b in children],
            weights,
            {k: np.full_like(w, FIRST_SQUARE) for k, w in weights.items()},
            np.full(len(seeds), np.inf),
            {k: w.copy() for k, w in weights.items()},
        )

    def save(self, path: Path) -> None:
        """Write everything."""
        arrays = {
            "weights": self.weights,
            "squares": self.squares,
            "best": self.best,
            "lowest": {"lowest": self.lowest},
        }
        rest = {
            "done": self.done,
            "seconds": self.seconds,
            "curve": self.curve,
            "states": [g.bit_generator.state for g in self.generators],
        }
        checkpoints.write(path, arrays, rest)

    def load(self, path: Path) -> None:
        """Continue from what `save` wrote."""
        arrays, rest = checkpoints.read(path)
        self.weights, self.squares = arrays["weights"], arrays["squares"]
        self.best, self.lowest = arrays["best"], arrays["lowest"]["lowest"]
        self.done, self.seconds = rest["done"], rest["seconds"]
        self.curve = rest["curve"]
        for generator, state in zip(self.generators, rest["states"]):
            generator.bit_generator.state = state


Pairs = tuple[np.ndarray, np.ndarray]  # symbols shown and answers, (L, N, B)


def draw_all(n: int, delay: int, generators: list[np.random.Generator]) -> Pairs:
    """Different sequences for each network, steps first."""
    drawn = [draw_symbols(n, delay, generator) for generator in generators]
    shown, y = (np.stack(part).transpose(2, 0, 1) for part in zip(*drawn))
    return np.ascontiguousarray(shown), np.ascontiguousarray(y)


def update(cell: Cell, run: Run, x: np.ndarray, y: np.ndarray) -> None:
    """One step of RMSProp, with gradients clipped one by one."""
    answers, cache = cell.forward(run.weights, x)
    _, d = cross_entropy(answers, y)
    for name, gradient in cell.backward(run.weights, cache, d).items():
        g = np.clip(gradient, -CLIP, CLIP)
        square = run.squares[name]
        square *= DECAY
        square += (1 - DECAY) * g**2
        run.weights[name] -= run.rates * g / (np.sqrt(square) + TINY)
    run.done += 1


def train(
    cell: Cell,
    run: Run,
    delay: int,
    updates: int,
    validation: Pairs,
    checkpoint: Path | None = None,
) -> None:
    """Train to a number of updates, and keep the weights that validate best."""
    if checkpoint is not None and checkpoint.is_file():
        run.load(checkpoint)
    saved = time.perf_counter()
    for stop in stops_of(updates, run.done):
        start = time.perf_counter()
        while run.done < stop:
            update(cell, run, *draw_all(BATCH, delay, run.generators))
        run.seconds += time.perf_counter() - start
        losses, _ = cross_entropy(
            cell.forward(run.weights, validation[0])[0], validation[1]
        )
        run.curve.append([float(loss) for loss in losses])
        # a run that has diverged has no loss
        better = np.nan_to_num(losses, nan=np.inf) < run.lowest
        run.lowest = np.where(better, losses, run.lowest)
        for name, w in run.weights.items():
            run.best[name][better] = w[better]
        due = stop == updates or time.perf_counter() - saved > SAVE_SECONDS
        if checkpoint is not None and due:
            run.save(checkpoint)
            saved = time.perf_counter()


def stops_of(updates: int, done: int = 0) -> list[int]:
    """Updates after which networks are validated, without those already done."""
    return [n for n in (*range(EVERY, updates, EVERY), updates) if n > done]


def run_learned(
    task: dict[str, Any], folder: str | os.PathLike[str] | None = None
) -> list[dict[str, Any]]:
    """Choose a learning rate, train the networks of one model and delay, test them.

    Parameters
    ----------
    task : dict
        Of `trials.make_tasks`.
    folder : path, optional
        Where training is stored once a minute, so that it can be continued.

    Returns
    -------
    rows : list of dict
        One a network.
    """

    def place(name: str) -> Path | None:
        return None if folder is None else checkpoints.place(folder, task, name)

    delay, updates = task["delay"], task["updates"]
    cell = make_cell(task["model"], delay)
    held_out, test = (
        np.random.default_rng(s) for s in np.random.SeedSequence(task["seed"]).spawn(2)
    )
    validation = _shared(draw_symbols(VALIDATION, delay, held_out))
    rates = task["rates"]
    pilot_losses: list[float] = []
    rate = rates[0]
    if len(rates) > 1:
        # none of the networks below has this seed
        pilot = Run.start(cell, [task["pilot_seed"]] * len(rates), rates)
        where = place("pilot")
        many = _repeated(validation, len(rates))
        train(cell, pilot, delay, min(PILOT, updates), many, where)
        pilot_losses = [float(loss) for loss in pilot.lowest]
        rate = rates[int(np.argmin(pilot_losses))]
    run = Run.start(cell, task["seeds"], [rate] * len(task["seeds"]))
    where = place("run")
    train(cell, run, delay, updates, _repeated(validation, len(task["seeds"])), where)
    shown, y = _shared(draw_symbols(TEST, delay, test))
    rows = []
    for k, seed in enumerate(task["seeds"]):
        one = {name: w[k : k + 1] for name, w in run.best.items()}
        answers, _ = cell.forward(one, shown)
        outputs, wanted = answers[:, 0].swapaxes(0, 1), y[:, 0].T
        losses = [losses[k] for losses in run.curve]
        rows.append(
            {
                "model": task["model"],
                "encoders": "learned",
                "delay": delay,
                "seed": seed,
                "units": cell.units,
                "order": cell.order if isinstance(cell, LMU) else None,
                "state_variables": cell.state_variables,
                "parameters": cell.parameters,
                "updates": run.done,
                "learning_rate": rate,
                "rates": " ".join(f"{r:g}" for r in rates),
                "rate_losses": " ".join(f"{loss:.4g}" for loss in pilot_losses),
                **tested(outputs, wanted),
                "seconds": run.seconds / len(task["seeds"]),
                "curve_updates": " ".join(str(n) for n in stops_of(updates)),
                "curve_loss": " ".join(f"{loss:.4g}" for loss in losses),
            }
        )
    return rows


def _shared(pair: tuple[np.ndarray, np.ndarray]) -> Pairs:
    """The same sequences for all networks: (L, 1, B)."""
    x, y = (part.T[:, None] for part in pair)
    return np.ascontiguousarray(x), np.ascontiguousarray(y)


def _repeated(pair: Pairs, n: int) -> Pairs:
    return np.repeat(pair[0], n, axis=1), np.repeat(pair[1], n, axis=1)
