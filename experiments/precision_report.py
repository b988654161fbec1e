"""What the precision experiment found: fitted laws, figures and the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from spiking_lmu.experiments import style
from spiking_lmu.experiments.precision import (
    lowpass,
    make_input,
    make_model,
    warm_up,
)
from spiking_lmu.experiments.report import Law, Report, Section, number
from spiking_lmu.metrics import Floor, fit_floor, fit_scaling
from spiking_lmu.simulators import backend
from spiking_lmu.state_space import discretize, readout, simulate, state_space

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TYPE_NAMES = {
    "poisson": "Poisson",
    "lif": "LIF",
    "relu": "integrate-and-fire",
    "rate": "rate (no spikes)",
}
CELL = ["neuron_type", "design", "order", "n_neurons"]
LARGEST_EXAMPLE = 2000  # neurons, in the run that is shown in full


def grid(frame: pd.DataFrame) -> pd.DataFrame:
    """The trials of the grid, at the first theta and synapse, with their design."""
    frame = frame[frame["study"] == "grid"]
    first = frame.iloc[0]
    frame = frame[
        (frame["theta"] == first["theta"]) & (frame["synapse"] == first["synapse"])
    ]
    return frame.assign(design=frame["coordinates"] + "/" + frame["allocation"])


def scaling_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Exponent of m at each order, with its 95 % interval, for each kind of network."""
    rows = []
    for (kind, design, order), cell in grid(frame).groupby(CELL[:3], sort=False):
        if cell["n_neurons"].nunique() < 2:
            continue
        law = fit_scaling(cell["total_neurons"].to_numpy(), cell["rmse"].to_numpy())
        rows.append((kind, design, order, law.exponent, law.low, law.high))
    columns = ["neuron_type", "design", "order", "exponent", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def order_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Exponent of d at the largest p, with its 95 % interval."""
    rows = []
    trials = grid(frame)
    most = trials["n_neurons"].max()
    trials = trials[trials["n_neurons"] == most]
    for (kind, design), cell in trials.groupby(CELL[:2], sort=False):
        if cell["order"].nunique() < 2:
            continue
        law = fit_scaling(cell["order"].to_numpy(), cell["rmse"].to_numpy())
        rows.append((kind, design, most, law.exponent, law.low, law.high))
    columns = ["neuron_type", "design", "n_neurons", "exponent", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def floors(frame: pd.DataFrame) -> dict[tuple[str, int], Floor]:
    """For LIF neurons, by design and order: the law with its floor, where it shows."""
    trials = grid(frame)
    trials = trials[trials["neuron_type"] == "lif"]
    return {
        (design, order): fit_floor(
            cell["total_neurons"].to_numpy(), cell["rmse"].to_numpy()
        )
        for (design, order), cell in trials.groupby(["design", "order"], sort=False)
        if cell["n_neurons"].nunique() >= 3
    }


def gains(frame: pd.DataFrame) -> pd.DataFrame:
    """RMSE of legendre/equal over that of balanced/optimal, for the same neurons."""
    trials = grid(frame)
    means = trials.groupby(CELL)[["rmse", "predicted_rmse"]].mean().reset_index()
    designs = {name: cell for name, cell in means.groupby("design")}
    if not {"legendre/equal", "balanced/optimal"} <= set(designs):
        return pd.DataFrame()
    both = designs["legendre/equal"].merge(
        designs["balanced/optimal"],
        on=["neuron_type", "order", "n_neurons"],
        suffixes=("", "_balanced"),
    )
    return both.assign(
        gain=both["rmse"] / both["rmse_balanced"],
        predicted=both["predicted_rmse"] / both["predicted_rmse_balanced"],
    )


def theory_ratios(frame: pd.DataFrame) -> pd.DataFrame:
    """Mean RMSE of Poisson trials over the mean of their predictions, cell by cell."""
    trials = grid(frame)
    trials = trials[trials["neuron_type"] == "poisson"]
    means = trials.groupby(CELL, sort=False)[["rmse", "predicted_rmse"]].mean()
    return means.assign(ratio=means["rmse"] / means["predicted_rmse"]).reset_index()


@style.rc()
def plot(frame: pd.DataFrame, neuron_type: str = "poisson") -> Figure:
    """RMSE against m, one panel a design, with the theory and the 1/sqrt(m) guide."""
    trials = grid(frame)
    trials = trials[trials["neuron_type"] == neuron_type]
    designs = list(trials["design"].unique())
    figure = style.new_figure("double", 0.46 if len(designs) > 1 else 0.6)
    axes = figure.subplots(1, len(designs), sharey=True, squeeze=False)[0]
    colours = style.order_colours(trials["order"])
    for ax, design in zip(axes, designs):
        panel = trials[trials["design"] == design]
        for order, cell in panel.groupby("order"):
            _cells(ax, cell, "total_neurons", colours[order], f"$d = {order}$")
        ax.set_title(_design_title(design))
        ax.set_xlabel("Neurons in all, $m$")
        style.log_axis(ax.xaxis)
        style.log_axis(ax.yaxis)
    for ax, design in zip(axes, designs):
        _guide(ax, trials[trials["design"] == design])
    axes[0].set_ylabel("RMSE of the state")
    handles, labels = axes[0].get_legend_handles_labels()
    axes[-1].legend(
        handles[::-1], labels[::-1], loc="upper left", bbox_to_anchor=(1.01, 1)
    )
    return figure


def _cells(ax: Axes, cells: pd.DataFrame, x: str, color: str, label: str) -> None:
    """Means and intervals of the trials at each x, and the theory through them."""
    stats = [(v, *style.interval(c["rmse"])) for v, c in cells.groupby(x)]
    values, means, lows, highs = map(np.array, zip(*stats))
    # on a log axis an interval must not reach down to zero
    lows = np.maximum(lows, means / 3)
    predicted = cells.groupby(x)["predicted_rmse"].mean()
    if (predicted > 0).all():
        ax.plot(predicted.index, predicted, color=color, linewidth=1.0, zorder=2)
    style.points(ax, values, means, lows, highs, color=color, label=label)


def _guide(ax: Axes, cells: pd.DataFrame) -> None:
    m = cells["total_neurons"]
    if m.nunique() < 2:
        return
    lowest = cells[cells["order"] == cells["order"].min()]
    start, stop = lowest["total_neurons"].min(), m.max()
    height = 0.55 * lowest[lowest["total_neurons"] == start]["rmse"].min()
    style.guide_line(ax, (start, stop), height)


@style.rc()
def plot_orders(frame: pd.DataFrame) -> Figure:
    """RMSE against d at fixed neurons per dimension, for each design; and the gain."""
    trials = grid(frame)
    kind = "poisson" if "poisson" in set(trials["neuron_type"]) else None
    kind = kind or trials["neuron_type"].iloc[0]
    trials = trials[trials["neuron_type"] == kind]
    most = trials["n_neurons"].max()
    gain = gains(frame)
    gain = gain[gain["neuron_type"] == kind] if len(gain) else gain
    figure = style.new_figure("double", 0.42)
    axes = figure.subplots(1, 2 if len(gain) else 1, squeeze=False)[0]
    for design, cell in trials[trials["n_neurons"] == most].groupby("design"):
        name = design.split("/")[0]
        _cells(axes[0], cell, "order", style.colour(name), _design_title(design))
    axes[0].set_title(f"{most:,} {TYPE_NAMES[kind]} neurons a dimension")
    axes[0].set_ylabel("RMSE of the state")
    style.log_axis(axes[0].yaxis)
    axes[0].legend(loc="best")
    if len(gain):
        shades = style.order_colours(gain["n_neurons"])
        for n, cell in gain.groupby("n_neurons"):
            axes[1].plot(cell["order"], cell["predicted"], color=shades[n])
            label = f"{n:,} a dimension"
            style.points(
                axes[1], cell["order"], cell["gain"], color=shades[n], label=label
            )
        axes[1].axhline(1, color=style.QUIET, linewidth=0.8, linestyle=(0, (4, 2.5)))
        axes[1].set_title("RMSE legendre/equal over balanced/optimal")
        axes[1].set_ylabel("Ratio")
        axes[1].set_ylim(bottom=0)
        axes[1].legend(loc="best")
    for ax in axes:
        ax.set_xlabel("Order, $d$")
        style.log_axis(ax.xaxis, ticks=trials["order"].unique())
    return figure


@style.rc()
def plot_types(frame: pd.DataFrame) -> Figure:
    """RMSE against m for each neuron type; and what moves the floor of LIF neurons."""
    trials = grid(frame)
    design = list(trials["design"].unique())[-1]
    order = trials["order"].max()
    panel = trials[(trials["design"] == design) & (trials["order"] == order)]
    study = floor_study(frame)
    figure = style.new_figure("double", 0.46)
    axes = figure.subplots(1, 2 if len(study) else 1, squeeze=False)[0]
    for kind, cell in panel.groupby("neuron_type", sort=False):
        shown = cell.assign(predicted_rmse=0.0) if kind != "poisson" else cell
        _cells(
            axes[0], shown, "total_neurons", style.colour(kind), TYPE_NAMES[str(kind)]
        )
    fitted = floors(frame).get((design, int(order)))
    if fitted is not None:
        m = np.geomspace(panel["total_neurons"].min(), panel["total_neurons"].max())
        axes[0].plot(m, fitted.predict(m), color=style.colour("lif"), linewidth=1.0)
    axes[0].set_title(f"{_design_title(design)}, $d = {order}$")
    axes[0].set_xlabel("Neurons in all, $m$")
    axes[0].set_ylabel("RMSE of the state")
    style.log_axis(axes[0].xaxis)
    style.log_axis(axes[0].yaxis)
    axes[0].legend(loc="best")
    if len(study):
        ax = axes[1]
        places = np.arange(len(study))[::-1]
        ax.barh(places, study["rmse"], color=style.colour("lif"), height=0.6)
        for place, (mean, low, high) in zip(places, study[["rmse", "low", "high"]].values):
            ax.plot([low, high], [place, place], color=style.INK, linewidth=0.9)
            ax.text(
                max(mean, high if np.isfinite(high) else mean) + 0.02 * study["rmse"].max(),
                place,
                number(mean, pad=False),
                va="center",
                fontsize="small",
            )
        ax.set_yticks(places, study["change"])
        ax.set_xlim(0, 1.25 * np.nanmax(study[["rmse", "high"]].to_numpy()))
        ax.set_title(f"Where the LIF floor comes from, $m = {study['m'].iloc[0]:,}$")
        ax.set_xlabel("RMSE of the state")
        ax.tick_params(axis="y", length=0)
    return figure


def floor_study(frame: pd.DataFrame) -> pd.DataFrame:
    """RMSE of the largest LIF network, and of the same with one thing changed."""
    study = frame[frame["study"] == "floor"]
    if study.empty:
        return study
    some = study.iloc[0]
    base = frame[
        (frame["study"] == "grid")
        & (frame["neuron_type"] == "lif")
        & (frame["order"] == some["order"])
        & (frame["n_neurons"] == some["n_neurons"])
        & (frame["coordinates"] == some["coordinates"])
        & (frame["allocation"] == some["allocation"])
        & (frame["theta"] == frame["theta"].iloc[0])
    ]
    was = base.iloc[0]
    rows = [("as it is", base)]
    for change, cells in (
        ("half the time step", study[study["dt"] < was["dt"]]),
        ("twice the synapse", study[study["synapse"] > was["synapse"]]),
        ("half the frequencies", study[study["cycles"] < was["cycles"]]),
        ("no spikes: decoders alone", study[study["neuron_type"] == "rate"]),
    ):
        if len(cells):
            rows.append((change, cells))
    return pd.DataFrame(
        [
            (change, *style.interval(cells["rmse"]), cells["total_neurons"].iloc[0])
            for change, cells in rows
        ],
        columns=["change", "rmse", "low", "high", "m"],
    )


@dataclass(frozen=True, eq=False)
class Example:
    """One run in full: what the neurons did and what can be read from them."""

    task: dict[str, Any]
    times: np.ndarray
    u: np.ndarray
    exact: np.ndarray
    decoded: np.ndarray
    spikes: np.ndarray


def run_example(
    tasks: list[dict[str, Any]], recording: np.ndarray | None = None
) -> Example:
    """Run one network again, on Nengo, and record each spike."""
    candidates = [
        task
        for task in tasks
        if task["study"] == "grid"
        and task["order"] * task["n_neurons"] <= LARGEST_EXAMPLE
    ]
    kinds = [task for task in candidates if task["neuron_type"] == "poisson"]
    chosen = max(
        kinds or candidates or tasks[:1],
        key=lambda task: (
            min(task["order"], 6),
            task["design"] == "balanced/optimal",
            task["n_neurons"],
        ),
    )
    task = {**chosen, "duration": 3 * chosen["theta"], "backend": "nengo"}
    seed = task["seeds"][0]
    # the start of the very run that is among the trials
    u = make_input({**task, "duration": chosen["duration"]}, seed, recording)
    n = min(len(u), warm_up(task) + int(task["duration"] / task["dt"]))
    model, memory = make_model(task, seed, recording, spikes=True)
    recorded = backend("nengo").run([model], [u[:n]], task["dt"], [seed])[0]
    Ad, Bd = discretize(*state_space(memory.theta, memory.order), task["dt"])
    spikes = [recorded.data[f"spikes {i}"] > 0 for i in range(memory.order)]
    shown = slice(warm_up(task), None)
    return Example(
        task,
        np.arange(n)[shown] * task["dt"] - warm_up(task) * task["dt"],
        u[:n],
        lowpass(simulate(Ad, Bd, u[:n]), task["readout_synapse"], task["dt"])[shown],
        recorded.data["state"][shown],
        np.concatenate(spikes, axis=1)[shown],
    )


@style.rc()
def plot_example(example: Example) -> Figure:
    """Raster, decoded state and reconstructed window of one run."""
    task, t = example.task, example.times
    d, theta = task["order"], task["theta"]
    figure = style.new_figure("double", 0.78)
    axes = figure.subplots(3, 1, sharex=True, height_ratios=[1.1, 1, 1.1])
    neurons = np.arange(example.spikes.shape[1])
    few = neurons[:: max(1, len(neurons) // 150)]
    steps, which = np.nonzero(example.spikes[:, few])
    style.raster(axes[0], t[steps], which)
    axes[0].set_ylabel(f"Neuron ({len(few)} of {len(neurons):,})")
    axes[0].set_ylim(-1, len(few))
    axes[0].set_title(
        f"Spikes of {TYPE_NAMES[task['neuron_type']]} neurons, "
        f"{_design_title(task['design'])}, $d = {d}$"
    )
    colours = style.order_colours(range(d))
    for i in range(d)[::-1]:
        axes[1].plot(t, example.exact[:, i], color=style.QUIET, linewidth=0.8)
        label = f"$m_{{{i}}}$" if d <= 8 else None
        axes[1].plot(
            t, example.decoded[:, i], color=colours[i], linewidth=0.9, label=label
        )
    axes[1].set_title("Decoded state, and the exact memory in grey")
    axes[1].set_ylabel("State $m$")
    axes[1].legend(
        *_reversed_legend(axes[1]),
        ncol=d,
        loc="lower right",
        bbox_to_anchor=(1, 1),
        columnspacing=1,
    )
    points = np.linspace(0, 1, 100)
    window = example.decoded @ readout(d, points).T
    image = style.heatmap(axes[2], window.T, (t[0], t[-1], 0, theta))
    axes[2].set_title("Window read from the state: the input of the last seconds")
    axes[2].set_ylabel("Ago (s)")
    axes[2].invert_yaxis()
    axes[2].set_xlabel("Time (s)")
    figure.colorbar(image, ax=axes[2], label="Input", pad=0.01)
    for ax, name in zip(axes, "abc"):
        style.letter(ax, name)
    return figure


def _reversed_legend(ax: Axes) -> tuple[list[Any], list[str]]:
    handles, labels = ax.get_legend_handles_labels()
    return handles[::-1], labels[::-1]


def _design_title(design: str) -> str:
    coordinates, allocation = design.split("/")
    return f"{coordinates.capitalize()} coordinates, {allocation} allocation"


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
    kinds = set(grid(frame)["neuron_type"])
    kind = "poisson" if "poisson" in kinds else sorted(kinds)[0]
    drawn = {"rmse": plot(frame, kind), "types": plot_types(frame)}
    if grid(frame)["order"].nunique() > 1:
        drawn["orders"] = plot_orders(frame)
    return {**drawn, "example": plot_example(example)}


def _lead(frame: pd.DataFrame) -> str:
    trials = grid(frame)
    text = (
        f"{len(frame):,} runs of memories of {_listed(trials['order'])} state variables "
        f"with {_listed(trials['n_neurons'])} neurons a dimension, each compared with "
        "the exact linear memory on the same input. "
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
            f"the error of the network of LMU 2019 by {_and(each)}."
        )
    return text.strip()


def _scaling_section(frame: pd.DataFrame) -> Section:
    table = scaling_table(frame)
    return Section(
        title="Error against neurons",
        paragraphs=(
            "Points are means over trials, with 95 % intervals. Lines are the theory: "
            "the noise of Poisson spikes, of these very neurons, carried through the "
            "memory by a Lyapunov equation. Nothing in it is fitted. The dashed guide "
            "falls with the square root of the number of neurons.",
            Markup(
                "The error is the length of the error vector of the state, root mean "
                "square over time; both states are filtered by the same readout synapse."
            ),
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
        "Deterministic spikes are more regular than Poisson spikes, and their error is "
        "smaller. The static distortion, what decoders get wrong without any spikes, is "
        "listed apart in the table of cells below."
    ]
    if len(study):
        base = study.iloc[0]
        others = study.iloc[1:]
        part = [
            f"{row.change}: {row.rmse / base.rmse:.2f} times" for row in others.itertuples()
        ]
        words.append(
            "LIF neurons reach a floor. Changing one thing at a time about the largest "
            f"network changes its error to: {'; '.join(part)}. "
            + _floor_cause(study)
        )
    return Section(
        title="Neuron types, and the floor of LIF neurons",
        paragraphs=tuple(words),
        figure="types",
        caption=(
            "Left: RMSE against neurons for each neuron type; the line through LIF is "
            "the fitted law with its floor, the one through Poisson is theory. "
            "Right, where it was measured: the same LIF network with one thing changed."
        ),
    )


def _floor_cause(study: pd.DataFrame) -> str:
    """In words, what the floor follows, from the changes that were tried."""
    base = study["rmse"].iloc[0]
    share = {row.change: row.rmse / base for row in study.iloc[1:].itertuples()}
    least = min(share, key=lambda change: share[change])
    causes = {
        "half the time step": "the time step",
        "twice the synapse": "the synapse",
        "half the frequencies": "the input's frequencies: neurons that integrate over "
        "their membrane time constant answer a changing input late, which no decoder "
        "for constant inputs corrects",
    }
    named = {c: r for c, r in share.items() if c in causes}
    if not named:
        return ""
    strongest = min(named, key=lambda change: named[change])
    text = f"Of these, the floor follows {causes[strongest]}." if named[strongest] < 0.8 else (
        "None of these moves it by more than a fifth."
    )
    if least.startswith("no spikes"):
        text += " The decoders alone account for little of it."
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
            "Spikes of some of the neurons (a); the state decoded from all of them, and "
            "the exact one in grey (b); the window that the state holds (c): each moment "
            "of the input moves down, from now to theta ago, at constant speed."
        ),
    )


def _table_section(frame: pd.DataFrame) -> Section:
    columns = {
        "rmse": "RMSE",
        "predicted_rmse": "Theory",
        "distortion": "Static distortion",
        "nrmse_window": "NRMSE of window",
        "spikes_per_second": "Spikes/s",
        "build_seconds": "Build (s)",
        "run_seconds": "Run (s)",
    }
    keys = ["neuron_type", "coordinates", "allocation", "order", "n_neurons"]
    keys += [k for k in ("theta", "synapse") if frame[k].nunique() > 1]
    trials = frame[frame["study"] == "grid"]
    cells = trials.groupby(keys, sort=False)[list(columns)].mean().reset_index()
    cells["neuron_type"] = cells["neuron_type"].map(TYPE_NAMES)
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
            "Means over trials. For neurons other than Poisson, theory is what "
            "Poisson spikes at the same rates would give. The NRMSE of the window "
            "is against the input itself, and so includes what an order this low "
            "cannot hold.",
        ),
        table=cells.rename(columns={**columns, **names}),
        table_caption="Every combination of the grid.",
    )


def _readable_exponents(table: pd.DataFrame, at: str, name: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Neurons": table["neuron_type"].map(TYPE_NAMES),
            "Design": table["design"],
            name: table[at],
            "Exponent": table["exponent"],
            "from": table["low"],
            "to": table["high"],
        }
    )


def _neuron_laws(frame: pd.DataFrame) -> list[Law]:
    return [
        Law(
            Markup(
                "{} neurons, {}, <i>d</i> = {}: RMSE ∝ <i>m</i><sup>{}</sup> "
                "(95 % interval {} to {})"
            ).format(
                TYPE_NAMES[row.neuron_type],
                row.design,
                row.order,
                _signed(row.exponent),
                _signed(row.low),
                _signed(row.high),
            ),
            row._asdict(),
        )
        for row in scaling_table(frame).itertuples(index=False)
    ]


def _order_laws(frame: pd.DataFrame) -> list[Law]:
    return [
        Law(
            Markup(
                "{} neurons, {}, {} a dimension: RMSE ∝ <i>d</i><sup>{}</sup> "
                "(95 % interval {} to {})"
            ).format(
                TYPE_NAMES[row.neuron_type],
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
    laws = []
    for (design, order), fitted in floors(frame).items():
        low, high = fitted.floor_interval
        words = Markup(
            "LIF neurons, {}, <i>d</i> = {}: a floor at RMSE = {} "
            "(95 % interval {} to {}), approached as <i>m</i><sup>{}</sup>"
        ).format(
            design,
            order,
            number(fitted.floor, pad=False),
            number(low, pad=False),
            number(high, pad=False),
            _signed(fitted.exponent),
        )
        values = {
            "neuron_type": "lif",
            "design": design,
            "order": order,
            "floor": fitted.floor,
            "floor_low": low,
            "floor_high": high,
            "exponent": fitted.exponent,
        }
        laws.append(Law(words, values))
    return laws


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _listed(values: pd.Series) -> str:
    return _and([f"{v:,}" for v in sorted(values.unique())])


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]
