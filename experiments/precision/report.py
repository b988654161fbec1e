"""The page of the precision experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from markupsafe import Markup

from spiking_lmu.experiments.pages import style
from spiking_lmu.experiments.pages.report import Law, Report, Section, number
from spiking_lmu.experiments.precision.figures import (
    Example,
    plot,
    plot_example,
    plot_orders,
    plot_types,
)
from spiking_lmu.experiments.precision.laws import (
    floor_study,
    floors,
    gains,
    grid,
    order_table,
    scaling_table,
    theory_ratios,
    with_theory,
)
from spiking_lmu.metrics import Floor

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def report(frame: pd.DataFrame, example: Example) -> Report:
    """The page: what was measured, beside what theory says, in words and tables."""
    sections = [_scaling_section(frame)]
    if grid(frame)["order"].nunique() > 1:
        sections.append(_order_section(frame))
    sections += [_type_section(frame), _example_section(example), _table_section(frame)]
    return Report(
        name="precision",
        title="How precise a spiking Legendre memory is",
        lead=_lead(frame),
        sections=tuple(sections),
        laws=tuple([*_neuron_laws(frame), *_order_laws(frame), *_floor_laws(frame)]),
    )


def figures(frame: pd.DataFrame, example: Example) -> dict[str, Figure]:
    """All figures of the page, by their names."""
    drawn = {"rmse": plot(frame), "types": plot_types(frame)}
    if grid(frame)["order"].nunique() > 1:
        drawn["orders"] = plot_orders(frame)
    return {**drawn, "example": plot_example(example)}


def _where(frame: pd.DataFrame) -> str:
    """What is to be known of the simulator, if it is not Nengo's."""
    if set(grid(frame)["backend"]) != {"loihi"}:
        return ""
    text = ", on the emulator of Loihi, with its integers"
    if "poisson" in set(frame["neuron_type"]):
        text += (
            "; in the place of Poisson neurons there are the chip's own, which fire "
            "at random, up to 180 Hz"
        )
    return text


def _lead(frame: pd.DataFrame) -> str:
    trials = grid(frame)
    text = (
        f"{len(frame):,} runs of memories of {_listed(trials['order'])} state "
        f"variables with {_listed(trials['n_neurons'])} neurons a dimension, each "
        "compared with the exact linear memory on the same input"
        f"{_where(frame)}. {_held(trials)}"
    )
    ratios = theory_ratios(frame)
    if len(ratios):
        enough = ratios[ratios["n_neurons"] >= 100]
        low, high = (enough if len(enough) else ratios)["ratio"].agg(["min", "max"])
        text += (
            "With Poisson neurons"
            + (" (100 a dimension or more)" if len(enough) else "")
            + f", the measured error is {low:.2f} to {high:.2f} times what theory "
            "predicts without any fitted constant. "
        )
    gain = gains(frame)
    gain = gain[gain["neuron_type"] == "poisson"] if len(gain) else gain
    if len(gain):
        most = gain[gain["n_neurons"] == gain["n_neurons"].max()]
        each = [f"{g:.2f} at d = {d}" for d, g in zip(most["order"], most["gain"])]
        text += (
            "For the same neurons, balanced coordinates with optimal allocation divide "
            f"the error of the design of LMU 2019 by {_and(each)}."
        )
    return text.strip()


def _held(trials: pd.DataFrame) -> str:
    """How much of a recording the memories can hold, whatever they are made of."""
    recorded = trials["signal"].str.startswith("recording").all()
    if not recorded or "exact_nrmse_window" not in trials:  # of an earlier version
        return ""
    errors = trials.groupby(["theta", "order"])["exact_nrmse_window"].mean().dropna()
    each = [f"{e:.2f} at d = {d} and {theta:g} s" for (theta, d), e in errors.items()]
    if not each:
        return ""
    return (
        "Of this recording the exact memory holds the window with an NRMSE of "
        f"{_and(each)} (0 is all of it, 1 nothing); neurons add to that. "
    )


def _scaling_section(frame: pd.DataFrame) -> Section:
    table = scaling_table(frame)
    return Section(
        title="Error against neurons",
        paragraphs=(
            "Points are means over trials, with their intervals. Lines are the theory: "
            "the noise of Poisson spikes, of these very neurons, carried through the "
            "memory by a Lyapunov equation, and the static distortion of their "
            "decoders, carried through it step by step. They are independent, and so "
            "their squares add up. Nothing is fitted. The dashed guide falls with the "
            "square root of the number of neurons.",
            "The error is the length of the error vector of the state, root mean "
            "square over time; both states pass the same readout synapse. Intervals "
            "are of 95 %, here and everywhere on this page.",
            "With many neurons the exponent is −1/2. With few it is steeper, for "
            "Poisson neurons in the theory as well: small populations are decoded with "
            "more regularization and more distortion, and noise that is not small "
            "beside the state drives neurons to higher rates, which makes more noise.",
        ),
        figure="rmse",
        caption="RMSE of the decoded state against the total number of neurons.",
        table=_readable_exponents(table, "order", "d"),
        table_caption="Fitted exponent of m, with its bootstrap 95 % interval.",
    )


def _order_section(frame: pd.DataFrame) -> Section:
    return Section(
        title="Error against order",
        paragraphs=(
            "At a fixed number of neurons per dimension, each further dimension adds "
            "noise. How much depends on the coordinates: a population must cover the "
            "range of its coordinate, and the memory then filters its noise.",
        ),
        figure="orders",
        caption=(
            "Left: RMSE against order; lines are the theory. Right: how many times "
            "smaller the error is in balanced coordinates with optimal allocation, "
            "measured (points) and predicted (lines)."
        ),
        table=_readable_exponents(order_table(frame), "n_neurons", "Neurons per dim."),
        table_caption="Fitted exponent of d at the largest number of neurons.",
    )


def _type_section(frame: pd.DataFrame) -> Section:
    study = floor_study(frame)
    words = [
        "Deterministic spikes are more regular than Poisson spikes, and while neurons "
        "are few their error is smaller. There is no theory of it here. The static "
        "distortion, what decoders get wrong without any spikes, is listed apart in "
        "the table of cells below."
    ]
    if len(study):
        base = study.iloc[0]
        others = study.iloc[1:]
        part = [
            f"{row.change}: {row.rmse / base.rmse:.2f} times"
            for row in others.itertuples()
        ]
        words.append(
            "LIF neurons reach a floor. Changing one thing at a time about the largest "
            f"network changes its error to: {'; '.join(part)}. " + _floor_cause(study)
        )
    return Section(
        title="Neuron types, and the floor of LIF neurons",
        paragraphs=tuple(words),
        figure="types",
        caption=(
            "Left: RMSE against neurons for each neuron type; the line through LIF is "
            "the fitted law with its floor, those through Poisson neurons and through "
            "rates, which have no noise but only distortion, are theory. "
            "Right, where it was measured: the same LIF network with one thing changed."
        ),
    )


def _floor_cause(study: pd.DataFrame) -> str:
    """In words, what the floor follows, from the changes that were tried."""
    causes = {
        "half the time step": "the time step",
        "twice the synapse": "the synapse",
        "half the frequencies": "the input's frequencies: neurons that integrate over "
        "their membrane time constant follow a changing input with a shift in time, "
        "which decoders solved for constant inputs do not correct",
    }
    share = dict(zip(study["change"], study["rmse"] / study["rmse"].iloc[0]))
    tried = {change: ratio for change, ratio in share.items() if change in causes}
    if not tried:
        return ""
    strongest = min(tried, key=lambda change: tried[change])
    if tried[strongest] < 0.8:
        text = f"Of these, the floor follows {causes[strongest]}."
    else:
        text = "None of these lowers it by more than a fifth."
    if share.get("no spikes: decoders alone", 1) < 0.5:
        text += " The decoders alone account for less than half of it."
    return text


def _example_section(example: Example) -> Section:
    task = example.task
    return Section(
        title="One run in full",
        paragraphs=(
            f"Order {task['order']}, {task['n_neurons']} neurons a dimension, a window "
            f"of {task['theta']:g} s; the same neurons and input as a trial above.",
        ),
        figure="example",
        caption=(
            "Spikes of some of the neurons (a); the state decoded from all of them, "
            "and the exact one in grey (b); the window that the state holds (c): each "
            "moment of the input moves down, from now to theta ago, at constant speed."
        ),
    )


def _table_section(frame: pd.DataFrame) -> Section:
    columns = {
        "rmse": "RMSE",
        "theory": "Theory",
        "predicted_rmse": "of it, noise",
        "distortion": "Static distortion",
        "nrmse_window": "NRMSE of window",
        "spikes_per_second": "Spikes/s",
        "build_seconds": "Build (s)",
        "run_seconds": "Run (s)",
    }
    keys = ["neuron_type", "coordinates", "allocation", "order", "n_neurons"]
    keys += [k for k in ("theta", "synapse") if frame[k].nunique() > 1]
    trials = with_theory(frame[frame["study"] == "grid"])
    cells = trials.groupby(keys, sort=False)[list(columns)].mean().reset_index()
    cells["neuron_type"] = cells["neuron_type"].map(style.NAMES)
    names = {
        "neuron_type": "Neurons",
        "coordinates": "Coordinates",
        "allocation": "Allocation",
        "order": "d",
        "n_neurons": "Neurons per dim.",
        "theta": "θ (s)",
        "synapse": "τ (s)",
    }
    return Section(
        title="All cells",
        paragraphs=(
            "Means over trials. Theory is noise and static distortion together, and "
            "is empty for neurons whose noise has no theory. The NRMSE of the window "
            "is against the input itself, and so includes what an order this low "
            "cannot hold.",
        ),
        table=cells.rename(columns={**columns, **names}),
        table_caption="Every combination of the grid.",
    )


def _readable_exponents(table: pd.DataFrame, at: str, name: str) -> pd.DataFrame:
    columns = {
        "Neurons": table["neuron_type"].map(style.NAMES),
        "Design": table["design"],
        name: table[at],
        "Exponent": table["exponent"],
        "from": table["low"],
        "to": table["high"],
    }
    if "theory" in table and table["theory"].notna().any():
        columns["Theory's"] = table["theory"]
    return pd.DataFrame(columns)


def _neuron_laws(frame: pd.DataFrame) -> list[Law]:
    laws = []
    table = scaling_table(frame)
    for (kind, design), rows in table.groupby(["neuron_type", "design"], sort=False):
        each = [
            Markup("<i>m</i><sup>{}</sup> ({} to {}) at <i>d</i> = {}").format(
                _signed(row.exponent), _signed(row.low), _signed(row.high), row.order
            )
            for row in rows.itertuples(index=False)
        ]
        words = Markup("{} neurons, {}: RMSE ∝ {}").format(
            style.NAMES[str(kind)], design, Markup(", ").join(each)
        )
        values = {
            "neuron_type": kind,
            "design": design,
            "exponents": [
                row._asdict()
                for row in rows.drop(columns=["neuron_type", "design"]).itertuples(
                    index=False
                )
            ],
        }
        laws.append(Law(words, values))
    return laws


def _order_laws(frame: pd.DataFrame) -> list[Law]:
    return [
        Law(
            Markup(
                "{} neurons, {}, {} a dimension: "
                "RMSE ∝ <i>d</i><sup>{}</sup> ({} to {})"
            ).format(
                style.NAMES[row.neuron_type],
                row.design,
                row.n_neurons,
                _signed(row.exponent),
                _signed(row.low),
                _signed(row.high),
            ),
            row._asdict(),
        )
        for row in order_table(frame).itertuples(index=False)
    ]


def _floor_laws(frame: pd.DataFrame) -> list[Law]:
    by_design: dict[str, list[tuple[int, Floor]]] = {}
    for (design, order), fitted in floors(frame).items():
        by_design.setdefault(design, []).append((order, fitted))
    laws = []
    for design, fits in by_design.items():
        each = [
            Markup("{} ({} to {}) at <i>d</i> = {}").format(
                *(
                    number(value, pad=False)
                    for value in (fitted.floor, *fitted.floor_interval)
                ),
                order,
            )
            for order, fitted in fits
        ]
        words = Markup("LIF neurons, {}: a floor at RMSE = {}").format(
            design, Markup(", ").join(each)
        )
        values = [
            {
                "order": order,
                "floor": fitted.floor,
                "low": fitted.floor_interval[0],
                "high": fitted.floor_interval[1],
                "exponent": fitted.exponent,
            }
            for order, fitted in fits
        ]
        laws.append(
            Law(words, {"neuron_type": "lif", "design": design, "floors": values})
        )
    return laws


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _listed(values: pd.Series) -> str:
    return _and([f"{v:,}" for v in sorted(values.unique())])


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]
