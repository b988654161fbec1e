"""The page of the Mackey-Glass experiment."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from spiking_lmu.experiments.mackey_glass.figures import NAMES, PUBLISHED, by_model
from spiking_lmu.experiments.mackey_glass.paper import EVERY
from spiking_lmu.experiments.pages import style
from spiking_lmu.experiments.pages.report import Law, Report, Section, number
from spiking_lmu.intervals import mean_interval
from spiking_lmu.validation import refusal

TASK = (
    "The series is that of the reference: the Mackey-Glass equation with a delay of "
    "{tau} steps, by Euler's method with ten substeps; the past of each series is "
    "drawn anew, its present is where the last one stopped; 100 steps are thrown "
    "away, the rest is squashed by tanh(x − 1), centred, and by our protocol "
    "scaled to a deviation of 1. Each network hears {steps:,} steps of it and says at "
    "each what {asked}."
)
SWAPPED = (
    "Inputs and targets are exchanged here. So they are in the notebook that was "
    "published with LMU 2019: the series that is given runs {ahead} steps ahead of the "
    "one that is asked for, so that each value asked for has been heard {ahead} steps "
    "ago, and a network has to remember and not to predict. The authors have said so "
    "(https://github.com/nengo/keras-lmu/issues/14). A memory with a longer window "
    "holds the answer in its linear readout. Errors compare neither with those of the "
    "true direction nor with the corrected values that were published for it."
)
MEASURE = (
    "NRMSE is the root mean square of the error over that of the target, over all "
    "steps of all test series; relative to the target's deviation from its mean it is "
    "the same to {agreement}, since series are centred. Networks begin with an empty "
    "memory, and nobody can tell from the first value alone what comes {ahead} steps "
    "later: that one error, if it is as large as the series, makes an NRMSE of "
    "{first} % over {steps:,} steps. Settled therefore leaves out the first 100 steps."
)
TRAINING = (
    "By our own protocol, networks are trained with Adam, on windows of {length} steps "
    "cut out of the series, with a rate that falls to zero, and keep the epoch that "
    "was best on validation series. The beginning of a series comes eight times as "
    "often as other windows, as there are few beginnings. The parallel LMU is trained "
    "in NengoDL, in parallel form: its memory is fixed, and computed for all steps at "
    "once. The recurrent ones are trained in Keras, in a loop that is compiled as a "
    "whole, which takes a fraction of the time that they take unrolled in NengoDL. The "
    "LMU's weights are then put into layers of networks.LMU in Nengo{difference}."
)
PAPER = (
    "By the paper's protocol, networks of the published widths train as the notebook "
    "of LMU 2019 trains them: on whole series from an empty memory, all in one update, "
    "which is an epoch, by Adam at a rate of 0.001 throughout; readouts of LSTM and "
    "hybrid go through tanh, LMUs have biases, series are not scaled. One table tells "
    "what is done otherwise. The networks of all trials learn side by side, by "
    "gradients written out, to rounding those of Keras."
)
WHY = (
    "Why a memory without feedback is enough: with a delay of 17 steps, the value in "
    "15 steps is made of the present one and of those 2 to 17 steps ago, all of which "
    "are in a window of 20."
)
SPIKING = (
    "A smaller LMU like the parallel one, of {order} state variables, whose memory is "
    "made of neurons; its hidden units stay as they are. Each value is held for some "
    "time steps of 1 ms, with a window as much longer, and the answer is read at the "
    "end of them, on {counted:,} steps of a test series. Coordinates and numbers of "
    "neurons are chosen for what the network makes of its state. Trained with noise: "
    "as much again, with noise added to the state, of the covariance that is predicted "
    "for Poisson neurons of that number and time."
)


def report(
    frame: pd.DataFrame, arguments: Mapping[str, Any], figures: Collection[str]
) -> Report:
    """What the trials say.

    Parameters
    ----------
    frame : pandas.DataFrame
        As `run` returns it.
    arguments : mapping
        Those of `run`.
    figures : collection of str
        The names of those that there are: "models", "prediction", "training" and
        "spiking".
    """
    if not len(frame):
        raise refusal("frame", "empty", "of at least one trial")
    tests = frame[frame["study"] == "test"]
    spikes = frame[frame["study"] == "spiking"]
    laws = (
        *_test_laws(tests, arguments),
        *_ratio_laws(tests),
        *_spiking_laws(spikes),
    )
    swapped = bool(arguments["swapped"])
    task = "recalled" if swapped else "predicted"
    sections = (
        *_model_sections(tests, arguments, figures),
        *_protocol_sections(tests, arguments),
        *_figure_sections(figures, swapped),
        *_spiking_sections(spikes, arguments),
    )
    lead = f"A chaotic series, {task} by networks of a Legendre memory. " + " ".join(
        law.words for law in laws if law.values.get("lead")
    )
    title = f"Mackey-Glass: a chaotic series, {task}"
    return Report("mackey-glass", title, lead, sections, laws)


def percent(value: float) -> str:
    """A share for reading, without its sign."""
    return number(100 * float(value))


def _test_laws(tests: pd.DataFrame, arguments: Mapping[str, Any]) -> Iterator[Law]:
    errors = {}
    for model, of in by_model(tests).items():
        mean, low, high = mean_interval(of["nrmse"], "positive")
        settled = mean_interval(of["nrmse_settled"], "positive")[0]
        errors[model] = mean
        words = (
            f"{NAMES[model][0].upper()}{NAMES[model][1:]}: test NRMSE "
            f"{percent(mean)} %{_interval(low, high)}, {percent(settled)} % after the "
            f"first 100 steps, with {int(of['parameters'].iloc[0]):,} parameters."
        )
        first = of.iloc[0]
        values: dict[str, Any] = {"law": "nrmse", "model": str(first["model"])}
        values["protocol"] = str(first["protocol"])
        values.update(nrmse=mean, low=low, high=high, settled=settled)
        if model in PUBLISHED and not arguments["swapped"]:
            values["published"] = PUBLISHED[model]
        yield Law(words, values)
    if errors:
        best = min(errors, key=lambda model: errors[model])
        error = errors[best]
        words = f"Best is the {NAMES[best]}, with a test NRMSE of {percent(error)} %."
        yield Law(words, {"law": "best", "model": best, "nrmse": error, "lead": True})


def _ratio_laws(tests: pd.DataFrame) -> Iterator[Law]:
    """Errors over those of the LSTM of the same trial: the same series, paired."""
    models = by_model(tests)
    for suffix in ("", " paper"):
        base = models.get(f"lstm{suffix}")
        if base is None:
            continue
        for model in ("lmu", "hybrid"):
            of = models.get(f"{model}{suffix}")
            if of is None:
                continue
            pairs = of.set_index("trial")["nrmse"] / base.set_index("trial")["nrmse"]
            logs = np.log(pairs.dropna().to_numpy(dtype=float))
            ratio, low, high = np.exp(mean_interval(logs))
            told = "cannot be told apart from it"
            if high < 1 or low > 1:
                told = "is told apart from it"
            between = _ratio_interval(low, high)
            words = (
                f"{NAMES[model + suffix][0].upper()}{NAMES[model + suffix][1:]}: "
                f"{number(ratio)} times the error of the LSTM{between}"
                + (f", which {told}." if between else ".")
            )
            protocol = "paper" if suffix else "ours"
            values = {"law": "over_lstm", "model": model, "protocol": protocol}
            bounds = {"ratio": float(ratio), "low": float(low), "high": float(high)}
            yield Law(words, {**values, **bounds, "lead": True})


def _ratio_interval(low: float, high: float) -> str:
    if not np.isfinite([low, high]).all():
        return ""
    return f" (95 % interval over networks {number(low)} to {number(high)})"


def _spiking_laws(spikes: pd.DataFrame) -> Iterator[Law]:
    if not len(spikes):
        return
    for kind, of in spikes.groupby("neuron_type", sort=False):
        cells = of.groupby(["presentation", "n_neurons", "aware"])["nrmse"].mean()
        presentation, n, aware = cells.idxmin()
        total = int(of.loc[of["n_neurons"] == n, "total_neurons"].iloc[0])
        words = (
            f"In spikes, {style.NAMES[str(kind)]} neurons reach an NRMSE of "
            f"{percent(cells.min())} % with {total:,} neurons and {int(presentation)} "
            "ms for each value."
        )
        values = {"law": "spiking", "neuron_type": str(kind), "nrmse": cells.min()}
        values.update(total_neurons=total, presentation=int(presentation))
        yield Law(words, {**values, "aware": bool(aware), "lead": True})
    gains = spikes.pivot_table("nrmse", ["n_neurons", "presentation"], "aware")
    if gains.shape[1] == 2:
        ratios = gains[False] / gains[True]
        words = (
            "Training with the predicted noise divides the error in spikes by "
            f"{number(ratios.min())} to {number(ratios.max())}."
        )
        bounds = {"low": float(ratios.min()), "high": float(ratios.max())}
        yield Law(words, {"law": "aware", **bounds})


def _interval(low: float, high: float) -> str:
    if not np.isfinite([low, high]).all():
        return ""
    return f" (95 % interval {percent(low)} to {percent(high)})"


def _model_sections(
    tests: pd.DataFrame, arguments: Mapping[str, Any], figures: Collection[str]
) -> Iterator[Section]:
    if not len(tests):
        return
    swapped = bool(arguments["swapped"])
    gap = float((tests["nrmse_deviation"] / tests["nrmse"] - 1).abs().max())
    agreement = f"one part in {1 / gap:,.0f}" if gap > 0 else "the last digit"
    difference = ""
    if tests["nengo_difference"].notna().any():
        largest = number(float(tests["nengo_difference"].max()))
        difference = f", which give the same to {largest}"
    words = {
        **arguments,
        "agreement": agreement,
        "first": number(100 / np.sqrt(arguments["steps"])),
        "difference": difference,
        "asked": f"{'was' if swapped else 'comes'} {arguments['ahead']} steps "
        + ("ago" if swapped else "later"),
    }
    paragraphs = [TASK, SWAPPED if swapped else "", MEASURE]
    if (tests["protocol"] == "ours").any():
        paragraphs.append(TRAINING)
    if not swapped and arguments["ahead"] == 15 and arguments["tau"] == 17:
        paragraphs.append(WHY)
    published = (
        "Dashed lines are what the authors of LMU 2019 gave for the true direction "
        "(500 epochs). "
        if set(PUBLISHED) & set(by_model(tests))
        else ""
    )
    has = "models" in figures
    yield Section(
        "Models",
        tuple(text.format(**words) for text in paragraphs if text),
        figure="models" if has else None,
        caption="Test NRMSE over all steps (a), and after the first 100 of each series "
        "(b): points are networks, bars their means with 95 % intervals. "
        + ("" if swapped else published)
        if has
        else "",
        table=_test_table(tests, swapped),
        table_caption=f"Means over {tests['trial'].nunique()} networks of each kind, "
        "with 95 % intervals.",
    )


def _test_table(tests: pd.DataFrame, swapped: bool) -> pd.DataFrame:
    rows = []
    for model, of in by_model(tests).items():
        mean, low, high = (100 * x for x in mean_interval(of["nrmse"], "positive"))
        row = {
            "Model": NAMES[model],
            "Networks": len(of),
            "Parameters": int(of["parameters"].iloc[0]),
            "NRMSE, %": mean,
            "from": low,
            "to": high,
            "settled, %": 100 * of["nrmse_settled"].mean(),
        }
        if not swapped:
            row["published, %"] = 100 * PUBLISHED.get(model, np.nan)
        row.update(
            {
                "Epochs": int(of["epochs"].iloc[0]),
                "s per epoch": of["seconds_per_epoch"].mean(),
            }
        )
        rows.append(row)
    return pd.DataFrame(rows)


def _protocol_sections(
    tests: pd.DataFrame, arguments: Mapping[str, Any]
) -> Iterator[Section]:
    """The published protocol beside those that were run."""
    ours = (tests["protocol"] == "ours").any()
    paper = tests[tests["protocol"] == "paper"]
    if not len(tests) or arguments["swapped"]:
        return
    columns = ["", "Published"]
    table: list[tuple[str, ...]] = [
        ("Widths", "LSTM 25, LMU 49, hybrid 40 and 25; order 4, window 4 steps"),
        ("Biases of the LMU; readout", "yes; LSTM and hybrid through tanh"),
        ("Series to train, validate, test", "32, 32, 64"),
        ("Steps of each that are trained on", "5,000, from the beginning"),
        ("Updates in an epoch; epochs", "1; 500"),
        ("Optimizer", "Adam at 0.001"),
        ("Mean subtracted", "of all series, those to test among them"),
        ("Validated", "after each epoch"),
        ("Networks of each kind", "1"),
    ]
    counts = [("paper", "paper_series"), ("ours", "series")]
    sizes = {
        name: ", ".join(str(n) for n in arguments[option]) for name, option in counts
    }
    trials = str(tests["trial"].nunique())
    if len(paper):
        columns.append("Paper's protocol, here")
        length = arguments["paper_length"] or arguments["steps"]
        cells = [
            "the same",
            "the same",
            sizes["paper"],
            f"{length:,}, from the beginning",
            f"1; {int(paper['epochs'].iloc[0]):,}",
            "the same",
            "of the series to train on",
            f"every {EVERY} epochs",
            trials,
        ]
        table = [(*row, cell) for row, cell in zip(table, cells)]
    if ours:
        columns.append("Ours")
        cells = [
            "the same",
            "no; linear",
            sizes["ours"],
            f"all, in windows of {arguments['length']}; beginnings eight times",
            f"one for each 32 windows; {arguments['epochs']}",
            "Adam, at 0.005 falling to 0; gradients clipped",
            "of the series to train on; scaled",
            "after each epoch",
            trials,
        ]
        table = [(*row, cell) for row, cell in zip(table, cells)]
    yield Section(
        "Protocols",
        (PAPER,) if len(paper) else (),
        table=pd.DataFrame(table, columns=columns),
        table_caption="How recurrent networks are trained: in the notebook of LMU 2019 "
        "(corrected: https://github.com/nengo/keras-lmu/issues/14), and here. Errors "
        "of one protocol do not compare with those of another.",
    )


def _figure_sections(figures: Collection[str], swapped: bool) -> Iterator[Section]:
    if "prediction" in figures:
        what = "recall" if swapped else "prediction"
        yield Section(
            "A stretch of a test series",
            figure="prediction",
            caption=f"The {what} of one network of each kind beside the series (a), "
            "and its error (b), in deviations of the series.",
        )
    if "training" in figures:
        yield Section(
            "Training",
            (
                "An epoch is a pass through all series to train on. Seconds include "
                "the validation, and compilation in the first epoch; how long they "
                "take depends on what else the machine does.",
            ),
            figure="training",
            caption="NRMSE of the validation series, over all steps, after each epoch "
            "(a) and against the time of training (b); a line a network.",
        )


def _spiking_sections(
    spikes: pd.DataFrame, arguments: Mapping[str, Any]
) -> Iterator[Section]:
    if not len(spikes):
        return
    words = {
        "order": arguments["spiking_order"],
        "counted": arguments["spiking_steps"] - 100,
    }
    keys = ["presentation", "neuron_type", "n_neurons", "aware"]
    table = []
    for (presentation, kind, n, aware), of in spikes.groupby(keys, sort=False):
        mean, low, high = (100 * x for x in mean_interval(of["nrmse"], "positive"))
        table.append(
            {
                "ms for each value": int(presentation),
                "Neurons": style.NAMES[str(kind)],
                "per dimension": int(n),
                "in all": int(of["total_neurons"].iloc[0]),
                "Trained with noise": "yes" if aware else "no",
                "NRMSE, %": mean,
                "from": low,
                "to": high,
                "exact memory, %": 100 * of["exact_nrmse"].mean(),
                "Spikes per second": of["spikes_per_second"].mean(),
            }
        )
    yield Section(
        "In spikes",
        (SPIKING.format(**words),),
        figure="spiking",
        caption="NRMSE after the first 100 steps against neurons: filled points, of "
        "networks trained with noise; open ones, without. The black line is the same "
        "network, trained with noise, around an exact memory. Means over networks, "
        "with 95 % intervals.",
        table=pd.DataFrame(table),
    )
