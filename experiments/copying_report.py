"""The page of the copy experiment."""

from __future__ import annotations

import numpy as np
import pandas as pd

from spiking_lmu.experiments.copying_figures import NAMES, SOLVED, cells
from spiking_lmu.experiments.copying_trials import BLANKS, LENGTH
from spiking_lmu.experiments.report import Law, Report, Section, number
from spiking_lmu.state_space import choose_order

TASK = (
    "A sequence shows ten symbols out of eight, then T − 1 blanks, a delimiter and ten "
    "blanks. The answer is blank up to the delimiter, then the ten symbols in their "
    "order: each has to be kept for T + 10 steps. Without memory, one can at best "
    "answer blanks and then guess: a cross entropy of 10 ln 8 / (T + 20), averaged "
    "over all steps (Hochreiter and Schmidhuber 1997; as in Arjovsky, Shah and Bengio "
    "2016)."
)
PUBLISHED = (
    "Arjovsky, Shah and Bengio (2016, figure 1) trained an LSTM for T = 100, 200, 300 "
    "and 500: it got below the baseline at T = 100 only. Their unitary network, whose "
    "eigenvalues all lie on the unit circle, solved all four."
)
LSTM = (
    "The LSTM has as many parameters as the LMU has trained ones, starts as Keras has "
    "it, and learns by Adam through whole sequences, which are new in each update. It "
    "first learns when to be blank, which brings it down to the baseline; what more "
    "updates than these would give, --lstm-updates tells."
)


def report(frame: pd.DataFrame) -> Report:
    """What the trials say; the figures are "loss" and "training".

    Parameters
    ----------
    frame : pandas.DataFrame
        As `run` returns it.
    """
    means = cells(frame)
    laws = tuple(_law(cell) for _, cell in means.iterrows())
    lead = f"{len(frame)} networks that had to recall ten symbols after T steps. "
    longest = means.groupby("model", sort=False)["delay"].idxmax()
    lead += " ".join(laws[k].words for k in longest)
    sections = (
        _task_section(),
        Section(
            "Training",
            (LSTM,) if "lstm" in set(means["model"]) else (),
            figure="training",
            caption=(
                "Cross entropy of validation sequences over that of the best answers "
                "without memory, against seconds of training; a line a network. The "
                f"dashed line is {SOLVED} times below."
            ),
        ),
        _memory_section(means),
        Section(
            "All networks",
            table=_table(means),
            table_caption=(
                "Loss in nats per step, how many times less it is than without memory, "
                "and the bounds of the 95 % interval of that."
            ),
        ),
    )
    title = f"Copy memory: ten symbols kept for {means['delay'].max():,} steps"
    return Report("copy", title, lead, sections, laws)


def _law(cell: pd.Series) -> Law:
    """How far a model came at one T."""
    ratio = cell["baseline"] / cell["loss"]
    # the baseline over the bounds of the loss, which change places
    low, high = (
        cell["baseline"] / cell["loss_high"],
        cell["baseline"] / cell["loss_low"],
    )
    bounds, what = (ratio, low, high), "times below that of no memory"
    if ratio < 2:
        bounds, what = (1 / ratio, 1 / high, 1 / low), "times that of no memory"
    middle, least, most = map(number, bounds)
    between = (
        f" (95 % interval {least} to {most})" if np.isfinite([low, high]).all() else ""
    )
    words = (
        f"{NAMES[cell['model']]} at T = {cell['delay']:,}: a loss {middle} {what}"
        f"{between}, and {number(100 * cell['accuracy'])} % of the symbols right."
    )
    values = {
        "law": "loss",
        "model": cell["model"],
        "delay": int(cell["delay"]),
        "ratio": float(ratio),
        "ratio_low": float(low),
        "ratio_high": float(high),
        "accuracy": float(cell["accuracy"]),
        "solved": bool(ratio >= SOLVED),
    }
    return Law(words, values)


def _task_section() -> Section:
    return Section(
        "The task",
        (TASK, PUBLISHED),
        figure="loss",
        caption=(
            "Mean cross entropy on test sequences, with 95 % intervals over the trials "
            "(a). The line is the best that can be had without memory; what lies below "
            f"the dashed one, {SOLVED} times less, counts as solved. One test sequence "
            "that each model was to recall at its longest T, and its answers; a dash "
            "is a blank (b)."
        ),
    )


def _memory_section(means: pd.DataFrame) -> Section:
    short = 2 * LENGTH
    order = choose_order(short / 2, 0.1)
    paragraphs = [
        "Symbols of one step have all frequencies up to half the sampling rate. A "
        "window that keeps them needs an order in proportion to its length: for an "
        f"error below 10 % at all of these, a window of {short} steps needs an order "
        f"of {order}, {number(order / short)} for each step. Without feedback, the "
        "order would have to grow with T.",
        f"Here the window is {LENGTH} steps long, one memory for each symbol and one "
        "for the delimiter, and the unit's own path from the memory to its input, e_m, "
        "feeds the end of the window back: what was written goes round and round. That "
        "e_m follows from A and B by least squares and is not trained, nor is e_x, "
        "which lets blanks out; so all before the hidden state is linear, and training "
        "is feed-forward. What is learned is to read: W_x, W_m and the weights of the "
        "answers, that is which place of the ring to answer, and to be silent before "
        "the delimiter. Of the blanks between the symbols and the delimiter, "
        f"{BLANKS} random ones of each sequence are trained on; losses are over all "
        "steps.",
    ]
    if "lstm" in set(means["model"]):
        paragraphs.append(
            "The comparison is thus one of what is built in: the LSTM has to learn to "
            "keep things, while the LMU is made to, and learns what to do with them."
        )
    return Section("What remembers", tuple(paragraphs))


def _table(means: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Model": means["model"].map(NAMES),
            "T": means["delay"],
            "Order": means["order"],
            "Weights": means["parameters"],
            "Loss": means["loss"],
            "Times less": means["baseline"] / means["loss"],
            "Low": means["baseline"] / means["loss_high"],
            "High": means["baseline"] / means["loss_low"],
            "Right, %": 100 * means["accuracy"],
            "Seconds": means["seconds"],
        }
    )
