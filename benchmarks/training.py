"""Training: the parallel form against unrolling in time, and where the seconds go.

The sequences are random, 784 steps of one number, and so are their labels: that changes
nothing about the time. Prints seconds for 1,000 sequences of one epoch in each form and
their ratio; then the parts of a whole training in parallel form.
"""

from __future__ import annotations

import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import nengo
import numpy as np

from spiking_lmu import training
from spiking_lmu.networks import SequenceNetwork
from spiking_lmu.training.forms import choose_form
from spiking_lmu.training.weights import draw_weights, fix_seeds

STEPS, CLASSES = 784, 10
ORDER, UNITS = 64, 100  # of the comparison of the two forms
LARGE_ORDER, LARGE_UNITS = 256, 346  # of the training that is taken apart
BATCH = 100
SEQUENCES = {"parallel": 20_000, "sequential": BATCH}
EPOCHS = 10
IMPORT = "import time; t = time.perf_counter(); import spiking_lmu; "
IMPORT += "spiking_lmu.require('nengo_dl'); print(time.perf_counter() - t)"


def draw(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.random((n, STEPS, 1), dtype=np.float32), rng.integers(0, CLASSES, n)


def make(order: int, units: int) -> SequenceNetwork:
    return SequenceNetwork(1, CLASSES, order, STEPS, units, seed=0)


def fit(network: SequenceNetwork, n: int, form: str, epochs: int) -> training.Training:
    x, y = draw(n)
    return training.fit(
        network, x, y, "crossentropy", epochs=epochs, batch_size=BATCH, form=form
    )


def compare() -> None:
    """Seconds of an epoch in each form, and what both give for the same weights."""
    seconds = {}
    for form, n in SEQUENCES.items():
        network = make(ORDER, UNITS)
        history = fit(network, n, form, epochs=3).history
        # the first epoch compiles
        seconds[form] = 1000 / n * history["seconds"][1:].min()
        x = draw(20)[0]
        answers = [training.predict(network, x, True, f) for f in SEQUENCES]
        difference = np.abs(answers[0] - answers[1]).max() / np.std(answers[0])
        print(
            f"{form:10} {seconds[form]:9.3f} s for 1,000 sequences of an epoch; "
            f"forms differ by {difference:.0e} of the answers' deviation"
        )
    print(f"ratio {seconds['sequential'] / seconds['parallel']:17,.0f}")


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    return function(), time.perf_counter() - start


def take_apart() -> None:
    """The seconds of a training in parallel form, part by part."""
    n = SEQUENCES["parallel"]
    done = subprocess.run(
        [sys.executable, "-c", IMPORT], check=True, capture_output=True, text=True
    )
    imported = float(done.stdout)
    whole, fitted = timed(
        lambda: fit(make(LARGE_ORDER, LARGE_UNITS), n, "parallel", EPOCHS)
    )
    descent = whole.history["seconds"]
    # once more, by themselves: what is prepared before the descent
    network = make(LARGE_ORDER, LARGE_UNITS)
    fix_seeds(network, 0)
    draw_weights(network, 0)
    form = choose_form(network, [network.stimulus], [network.probe], "parallel")
    assert form.cut is not None
    _, impulse = timed(partial(form.cut.responses, STEPS, form.dt))
    given, every = {network.stimulus: draw(n)[0]}, np.ones((n, 1), dtype=bool)
    _, states = timed(lambda: form.data(given, every))
    parts = {
        "import of nengo_dl, with tensorflow": imported,
        "preparation": fitted - descent.sum(),
        "first epoch, with compiling": descent[0],
        f"{EPOCHS - 1} more epochs": descent[1:].sum(),
    }
    total = sum(parts.values())
    print(
        f"{n:,} sequences, order {LARGE_ORDER}, {LARGE_UNITS} units, {EPOCHS} epochs: "
        f"{total:.1f} s"
    )
    for name, seconds in parts.items():
        print(f"  {name:36} {seconds:6.1f} s  {seconds / total:4.0%}")
    print(
        f"  preparation again: impulse responses {impulse:.1f} s, states {states:.1f} s"
    )


def main() -> None:
    nengo.rc.set("decoder_cache", "enabled", "False")
    warnings.simplefilter("ignore")  # of NengoDL, on versions and graphics cards
    compare()
    take_apart()


if __name__ == "__main__":
    main()
