"""The page of the copy experiment."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from spiking_lmu.experiments.copying.figures import NAMES, SOLVED, cells
from spiking_lmu.experiments.copying.learned import (
    BATCH,
    CLIP,
    DECAY,
    EVERY,
    PARAMETERS,
    PILOT,
    TEST,
    VALIDATION,
)
from spiking_lmu.experiments.copying.sequences import LENGTH
from spiking_lmu.experiments.copying.trials import BLANKS
from spiking_lmu.experiments.pages.report import Law, Report, Section, number

TASK = (
    "A sequence shows ten symbols out of eight, then T − 1 blanks, a delimiter and ten "
    "blanks. The answer is blank up to the delimiter, then the ten symbols in their "
    "order: each has to be kept for T + 10 steps. Without memory, one can at best "
    "answer blanks and then guess: a cross entropy of 10 ln 8 / (T + 20), averaged "
    "over all steps (Hochreiter and Schmidhuber 1997; Arjovsky, Shah and Bengio 2016)."
)
PUBLISHED = (
    "Arjovsky, Shah and Bengio (2016, figure 1) trained an LSTM for T = 100, 200, 300 "
    "and 500: it got below the baseline at T = 100 only. Their unitary network, whose "
    "eigenvalues all lie on the unit circle, solved all four. No result of an LMU on "
    "this task has been published that we know of."
)
LEARNED = (
    "All weights of both models are learned: of the LMU e_x, e_h, e_m, W_x, W_h and "
    "W_m, which begin as in LMU 2019. Its one memory has a window of the whole "
    "sequence, T + 20 steps, which is given and not learned, and four state variables "
    "for every three steps, fewer of which could not tell single steps apart. The LSTM "
    "has to learn to keep things; the LMU keeps them from the beginning, and learns "
    "what to write and how to read it. The state of the memory grows with T, while its "
    "weights do not count, for they are fixed: the table lists the state variables of "
    "both."
)
CHOICE = (
    "The learning rate of each model and T is the one of {rates} that had the least "
    "validation loss after {pilot:,} updates of one network that is not counted. A "
    "network is tested with the weights that validated best, every {every} updates; "
    "the published program kept those that were best on its test sequences."
)
RING = (
    "A demonstration of what the memory can hold, which is no result on the task: "
    "e_x and e_m are made by hand and not learned, for sequences of ten symbols. The "
    "window is {length} steps long, one memory for each symbol and one for the "
    "delimiter, and e_m feeds the end of the window back: what was written goes round "
    "and round. As all before the hidden state is a linear system, least squares could "
    "read the answers from a hundred sequences. What is learned is to read. Of the "
    "blanks between the symbols and the delimiter, {blanks} random ones of each "
    "sequence are trained on; losses are over all steps."
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
    learned = means[means["encoders"] == "learned"]
    lead = "Ten symbols, to be kept for T steps and more. "
    lead += " ".join(laws[k].words for k in (learned if len(learned) else means).index)
    sections = (_task_section(), *_learned_sections(frame, learned), _table(means))
    if (means["encoders"] == "ring").any():
        words = RING.format(length=LENGTH, blanks=BLANKS)
        sections = (*sections, Section("The ring", (words,)))
    title = f"Copy memory: ten symbols kept for {means['delay'].max():,} steps"
    if len(learned):
        title = f"Copy memory: LMU and LSTM, {learned['updates'].max():,} updates"
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
        f" (95 % interval over networks {least} to {most})"
        if np.isfinite([low, high]).all()
        else ""
    )
    name = NAMES[cell["model"], cell["encoders"]]
    words = (
        f"{name[0].upper()}{name[1:]} at T = {cell['delay']:,}, after "
        f"{int(cell['updates']):,} updates: a loss {middle} {what}{between}, and "
        f"{number(100 * cell['accuracy'])} % of the symbols right."
    )
    values = {
        "law": "loss",
        "model": cell["model"],
        "encoders": cell["encoders"],
        "delay": int(cell["delay"]),
        "updates": int(cell["updates"]),
        "networks": int(cell["trials"]),
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
            "Mean cross entropy on test sequences, with 95 % intervals over networks "
            "(a). The line is the best that can be had without memory; what lies below "
            f"the dashed one, {SOLVED} times less, counts as solved. One test sequence "
            "that each kind of network was to recall at its longest T, and its "
            "answers; a dash is a blank (b)."
        ),
    )


def _learned_sections(frame: pd.DataFrame, means: pd.DataFrame) -> Iterator[Section]:
    if not len(means):
        return
    rows = frame[frame["encoders"] == "learned"]
    tried = [float(rate) for rate in rows["rates"].iloc[0].split()]
    paragraphs = [LEARNED]
    if len(tried) > 1:
        chosen = CHOICE.format(
            rates=", ".join(f"{rate:g}" for rate in tried), pilot=PILOT, every=EVERY
        )
        edge = set(means["learning_rate"]) & {min(tried), max(tried)}
        paragraphs.append(
            chosen
            + (" Some of the rates chosen are at an end of the list." if edge else "")
        )
    yield Section(
        "Learned encoders",
        tuple(paragraphs),
        figure="training",
        caption=(
            "Cross entropy of validation sequences over that of the best answers "
            "without memory, against updates; a line a network. Learning rates stay "
            "what they are, so that losses jump; networks are tested with the weights "
            "that validated best."
        ),
        table=_protocol(means),
        table_caption=(
            "What Arjovsky, Shah and Bengio (2016) did, by their text and program, and "
            "what is done here, for LMU and LSTM alike."
        ),
    )


def _protocol(means: pd.DataFrame) -> pd.DataFrame:
    rates = ", ".join(
        f"{rate:g} ({NAMES[model, 'learned']}, T = {delay:,})"
        for model, delay, rate in zip(
            means["model"], means["delay"], means["learning_rate"]
        )
    )
    sizes = " to ".join(
        f"{n:,}" for n in sorted({means["parameters"].min(), means["parameters"].max()})
    )
    updates = ", ".join(f"{n:,}" for n in sorted(set(means["updates"])))
    rows = [
        ("Sequences to train on", "100,000, again and again", "new in each update"),
        ("Sequences in each update", "20", f"{BATCH}"),
        ("Updates", "some 20,000", updates),
        ("Optimizer", "RMSProp, decay 0.9", f"RMSProp, decay {DECAY:g}"),
        ("Learning rate", "0.001", f"chosen: {rates}"),
        ("Clipping", "each gradient at 1 (LSTM)", f"each gradient at {CLIP:g}"),
        ("Parameters", "about 6,500", f"{sizes} (wanted: {PARAMETERS:,})"),
        ("LSTM", "peepholes to the output gate", "none"),
        ("Networks", "1", ", ".join(str(n) for n in sorted(set(means["trials"])))),
        ("Weights tested", "best on test", f"best on {VALIDATION} to validate"),
        ("Test sequences", "10,000", f"{TEST:,}"),
    ]
    return pd.DataFrame(rows, columns=["", "Published", "Here"])


def _table(means: pd.DataFrame) -> Section:
    table = pd.DataFrame(
        {
            "Network": [NAMES[kind] for kind in zip(means["model"], means["encoders"])],
            "T": means["delay"],
            "Networks": means["trials"],
            "Weights": means["parameters"],
            "State variables": means["state_variables"],
            "Updates": means["updates"],
            "Loss": means["loss"],
            "Times less": means["baseline"] / means["loss"],
            "Low": means["baseline"] / means["loss_high"],
            "High": means["baseline"] / means["loss_low"],
            "Right, %": 100 * means["accuracy"],
            "Seconds": means["seconds"],
        }
    )
    return Section(
        "All networks",
        table=table,
        table_caption=(
            "Loss in nats per step, geometric means over networks, how many times less "
            "it is than without memory, and the bounds of the 95 % interval of that."
        ),
    )
