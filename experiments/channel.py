"""A communication channel: one population represents a sine, and is decoded again.

The least network there is, and so the plainest view of what spikes cost: noise that
falls as 1 / sqrt(m) with m neurons, if they fire independently of each other.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import nengo
import numpy as np
import pandas as pd
from nengo.dists import Uniform

from spiking_lmu.experiments import style
from spiking_lmu.experiments.report import Law, Report, Section, number
from spiking_lmu.experiments.sweep import SweepResult, sweep
from spiking_lmu.metrics import fit_floor, fit_scaling, rmse
from spiking_lmu.neurons import (
    NEURON_TYPES,
    PoissonL2,
    alternating_encoders,
    neuron_type,
)
from spiking_lmu.noise import Population
from spiking_lmu.signals import lowpass
from spiking_lmu.simulators import Model, backend
from spiking_lmu.validation import check_choice, check_integer, check_number, refusal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SYNAPSE = 0.01  # tau f: the synapse in periods of the sine
STEP = 0.001  # dt f: the time step in periods of the sine
STEPS = 1000  # of a period, 1 / STEP
MAX_RATES = Uniform(20, 40)  # in Hz, whatever the frequency
INTERCEPTS = Uniform(-1.0, 0.9)  # as Nengo's default
EVAL_POINTS = 1000
MAX_NEURONS = 100_000  # decoders are solved from this times EVAL_POINTS rates

#: What the figure and the page call neuron types.
NAMES = {
    "poisson": "Poisson",
    "lif": "LIF",
    "relu": "integrate-and-fire",
    "rate": "rate (no spikes)",
}


# ---- The trials --------------------------------------------------------------------


def run(
    neurons: Sequence[int] = (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000),
    neuron_types: Sequence[str] = ("poisson", "lif"),
    trials: int = 5,
    freq: float = 10.0,
    periods: int = 6,
    seed: int = 0,
    folder: str = "results/channel",
    jobs: int | None = None,
    scheduler: str | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    r"""Measure the RMSE of channels of ever more neurons; one row a trial.

    The decoded sine of amplitude 1 is compared with the sine itself, both filtered by
    the same synapse. The first period and five synapses are run but not counted.

    Parameters
    ----------
    neurons : sequence of int
        Numbers of neurons of the population.
    neuron_types : sequence of str
        ``"poisson"``, ``"lif"``, ``"relu"`` (integrate-and-fire) or ``"rate"``.
    trials : int
        Runs of each combination, each with neurons of its own. Neuron types share
        them, so that they can be compared pair by pair.
    freq : float
        Of the sine, in Hz, 0.1 to 1000. Synapse and time step go with it:
        tau * freq = 0.01 and dt * freq = 0.001.
    periods : int
        That count, of each run.
    seed : int
        From which all others are derived.
    folder : str
        Where finished trials are stored, and found again.
    jobs, scheduler, progress
        See `sweep`.

    Returns
    -------
    trials : pandas.DataFrame
        Failed trials are left out.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is out of range.

    Notes
    -----
    The noise that m neurons of mean rate r leave behind a synapse has a power in
    proportion to :math:`1 / (m r \tau)`. Rates are 20 to 40 Hz at most whatever
    ``freq`` is: with the same number of neurons, a sine that is four times as fast
    is represented by a fourth of the spikes in each period, and has twice the error.

    References
    ----------
    LMU 2019, section 2.3.
    """
    tasks = make_tasks(neurons, neuron_types, trials, freq, periods, seed)
    return execute(tasks, folder, jobs, scheduler, progress).frame


def execute(
    tasks: list[dict[str, Any]],
    folder: str,
    jobs: int | None = None,
    scheduler: str | None = None,
    progress: bool = False,
) -> SweepResult:
    """Run the tasks through a sweep."""
    return sweep(
        run_task, tasks, folder, jobs=jobs, scheduler=scheduler, progress=progress
    )


def make_tasks(
    neurons: Sequence[int],
    neuron_types: Sequence[str],
    trials: int,
    freq: float,
    periods: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Complete descriptions of all trials, checked; see `run`."""
    _check_all("neurons", neurons, check_integer, 1, MAX_NEURONS)
    _check_all("neuron_types", neuron_types, check_choice, NEURON_TYPES)
    check_integer("trials", trials, high=10**4)
    check_number("freq", freq, 0.1, 1000)
    check_integer("periods", periods, high=10**4)
    check_integer("seed", seed, low=0, high=2**32 - 1)
    return [
        {
            "network": "channel",
            "n_neurons": int(n),
            "neuron_type": kind,
            "freq": float(freq),
            "periods": int(periods),
            "seed": _derived_seed(seed, int(n), float(freq), trial),
        }
        for n, kind, trial in product(neurons, neuron_types, range(trials))
    ]


def _check_all(name: str, values: Any, check: Any, *bounds: Any) -> None:
    if not isinstance(values, (list, tuple, range, np.ndarray)) or len(values) == 0:
        raise refusal(name, values, "a sequence of at least one value")
    for value in values:
        check(name, value, *bounds)
    if len(set(values)) < len(values):
        raise refusal(name, values, "values that are all different")


def _derived_seed(seed: int, n_neurons: int, freq: float, trial: int) -> int:
    key = zlib.crc32(repr([n_neurons, freq]).encode())
    return int(np.random.SeedSequence([seed, key, trial]).generate_state(1)[0] >> 1)


def run_task(task: dict[str, Any]) -> list[dict[str, Any]]:
    """Run the channel of one task; its one row."""
    freq, kind = task["freq"], task["neuron_type"]
    tau, dt = SYNAPSE / freq, STEP / freq
    warm_up = STEPS + int(np.ceil(5 * SYNAPSE / STEP))
    times = np.arange(warm_up + STEPS * task["periods"]) % STEPS
    period = np.sin(2 * np.pi * np.arange(STEPS) / STEPS)

    model, ensemble, decoded = make_model(task["n_neurons"], kind, tau, task["seed"])
    (recorded,) = backend("nengo").run([model], [period[times]], dt, [task["seed"]])
    population = as_solved(recorded.parameters, ensemble, decoded)
    error, squares = distortion_and_noise(population, period)

    counted = slice(warm_up, None)
    exact = lowpass(period[times], tau, dt)[counted]
    bias = lowpass(error[times], tau, dt)[counted]
    errors = recorded.data["decoded"][counted, 0] - exact
    q = float(squares.mean()) / dt if population.neuron_type.spiking else 0.0
    row = {
        "network": "channel",
        "n_neurons": task["n_neurons"],
        "neuron_type": kind,
        "freq": freq,
        "synapse": tau,
        "dt": dt,
        "periods": task["periods"],
        "steps": len(times),
        "seed": task["seed"],
        "rmse": root_mean_square(errors),
        "predicted_rmse": filtered_rmse(q, tau, dt),
        "distortion": root_mean_square(bias),
        "locked": root_mean_square(errors.reshape(-1, STEPS).mean(axis=0)),
        "spikes_per_second": float(recorded.data["spikes"][counted].mean()),
        "parameter_bytes": parameter_bytes(recorded.parameters, ensemble, decoded),
        "build_seconds": recorded.build_seconds,
        "run_seconds": recorded.run_seconds,
    }
    return [row]


def make_model(
    n_neurons: int, kind: str, tau: float, seed: int
) -> tuple[Model, nengo.Ensemble, nengo.Connection]:
    """The channel, and the connection that decodes it.

    Decoders let noise average out over a period of the sine, a hundred synapses.
    That makes their distortion a fiftieth of the noise, from 100 neurons to 20,000,
    so that what is measured is noise, for half a percent more of it. If it averaged
    out over the synapse alone, decoders of few neurons would rather be wrong.
    """
    with nengo.Network(seed=seed) as network:
        stimulus = nengo.Node([0.0], label="stimulus")
        ensemble = nengo.Ensemble(
            n_neurons,
            1,
            neuron_type=neuron_type(kind),
            max_rates=MAX_RATES,
            intercepts=INTERCEPTS,
            encoders=alternating_encoders(n_neurons),
            label="channel",
        )
        output = nengo.Node(size_in=1, label="decoded")
        count = nengo.Node(size_in=1, label="spikes per second")
        nengo.Connection(stimulus, ensemble, synapse=None)
        decoded = nengo.Connection(
            ensemble,
            output,
            solver=PoissonL2(tau / SYNAPSE),
            eval_points=np.linspace(-1, 1, EVAL_POINTS)[:, None],
            synapse=None,
        )
        every = np.ones((1, n_neurons))
        nengo.Connection(ensemble.neurons, count, transform=every, synapse=None)
        probes = {
            "decoded": nengo.Probe(output, synapse=tau),
            "spikes": nengo.Probe(count),
        }
    return Model(network, stimulus, probes), ensemble, decoded


def as_solved(
    data: Any, ensemble: nengo.Ensemble, decoded: nengo.Connection
) -> Population:
    """The neurons as a simulator has built and solved them."""
    return Population(
        encoders=data[ensemble].encoders[:, 0],
        gain=data[ensemble].gain,
        bias=data[ensemble].bias,
        decoders=data[decoded].weights[0],
        radius=float(ensemble.radius),
        neuron_type=ensemble.neuron_type,
    )


def distortion_and_noise(
    population: Population, x: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What decoding is off by at each value x, and sum_k w_k² r_k(x), in 1/s."""
    rates = population.rates(x)
    w = population.decoders
    return rates @ w - x, rates @ w**2


def root_mean_square(values: np.ndarray) -> float:
    """The size of an error."""
    return float(rmse(values, np.zeros_like(values)))


def filtered_rmse(variance: float, tau: float, dt: float) -> float:
    """Deviation that white noise, of this variance in each step, has once filtered."""
    a = np.exp(-dt / tau)
    return float(np.sqrt(variance * (1 - a) / (1 + a)))


def parameter_bytes(
    data: Any, ensemble: nengo.Ensemble, decoded: nengo.Connection
) -> int:
    """Memory that the parameters of the neurons take, decoders included."""
    built = data[ensemble]
    arrays = (built.scaled_encoders, built.gain, built.bias, data[decoded].weights)
    return int(sum(array.nbytes for array in arrays))


# ---- The figure --------------------------------------------------------------------


@style.rc()
def plot(frame: pd.DataFrame) -> Figure:
    """RMSE against the number of neurons, and relative to the theory of Poisson spikes.

    Parameters
    ----------
    frame : pandas.DataFrame
        As `run` returns it.
    """
    _check_frame(frame)
    figure = style.new_figure("double", aspect=0.44)
    errors, ratios = figure.subplots(1, 2, width_ratios=(1.35, 1))
    _draw_errors(errors, frame)
    _draw_ratios(ratios, frame)
    style.letter(errors, "a")
    style.letter(ratios, "b")
    return figure


def _check_frame(frame: pd.DataFrame) -> None:
    if len(frame) == 0:
        raise refusal("frame", "empty", "of at least one trial")


def _by_type(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of each neuron type, in the order in which they are always shown."""
    for kind in NEURON_TYPES:
        rows = frame[frame["neuron_type"] == kind]
        if len(rows):
            yield kind, rows


def _draw_points(ax: Axes, kind: str, x: Any, values: pd.Series) -> None:
    """Mean and interval of the values that share an x."""
    look: dict[str, Any] = {"color": style.colour(kind), "marker": style.marker(kind)}
    for k, (at, group) in enumerate(values.groupby(np.asarray(x))):
        look["label"] = "_" if k else NAMES[kind]
        style.points(ax, at, *style.interval(group), **look)


def _draw_errors(ax: Axes, frame: pd.DataFrame) -> None:
    for kind, rows in _by_type(frame):
        _draw_points(ax, kind, rows["n_neurons"], rows["rmse"])
    theory = _theory(frame)
    if len(theory):
        line = theory.groupby("n_neurons")["predicted_rmse"].mean()
        colour = style.colour("poisson")
        ax.plot(line.index, line, color=colour, label="theory", zorder=2)
        if len(line) > 1:
            ends = line.index[0], line.index[-1]
            style.guide_line(ax, ends, 0.68 * line.iloc[0])
    style.log_axis(ax.xaxis)
    style.log_axis(ax.yaxis)
    ax.legend(loc="best")
    ax.set_xlabel(r"neurons, $m$")
    ax.set_ylabel("RMSE")
    ax.set_title("A sine, represented and decoded")


def _theory(frame: pd.DataFrame) -> pd.DataFrame:
    """Trials that the theory is about: of Poisson neurons, else of others that spike.

    For the latter it is what they would do if they were Poisson neurons.
    """
    spiking = frame[frame["predicted_rmse"] > 0]
    poisson = spiking[spiking["neuron_type"] == "poisson"]
    return poisson if len(poisson) else spiking


def _draw_ratios(ax: Axes, frame: pd.DataFrame) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.axhline(1, color=style.colour("poisson"))
    furthest = 0.1
    for kind, rows in _by_type(_theory(frame)):
        ratios = rows["rmse"] / rows["predicted_rmse"]
        ax.plot(
            rows["n_neurons"],
            ratios,
            "o",
            color=style.colour(kind),
            alpha=0.35,
            markersize=2.5,
            markeredgewidth=0,
        )
        _draw_points(ax, kind, rows["n_neurons"], ratios)
        for _, group in ratios.groupby(rows["n_neurons"]):
            reach = np.abs(np.subtract([*style.interval(group), *group], 1))
            furthest = max(furthest, 1.05 * float(np.nanmax(reach)))
    style.log_axis(ax.xaxis)
    ax.set_ylim(max(0, 1 - furthest), 1 + furthest)
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    ax.set_xlabel(r"neurons, $m$")
    ax.set_ylabel("measured RMSE / theory")
    ax.set_title("Measurement against theory")


# ---- The page ----------------------------------------------------------------------


def report(frame: pd.DataFrame) -> Report:
    """What the trials say; the figure is "channel".

    Parameters
    ----------
    frame : pandas.DataFrame
        As `run` returns it.
    """
    _check_frame(frame)
    laws = (*_scaling_laws(frame), *_theory_laws(frame), *_locking_laws(frame))
    freq, least, most = frame["freq"].iloc[0], *_ends(frame["n_neurons"])
    lead = (
        f"One population of {number(least)} to {number(most)} neurons represents a "
        f"sine at {number(float(freq), pad=False)} Hz, which is decoded and read "
        "through a synapse of a hundredth of its period. "
    )
    lead += " ".join(law.words for law in laws if _is_main(law))
    title = "The communication channel: precision of one population"
    sections = (
        _errors_section(frame),
        *_locking_sections(frame, laws),
        _cost_section(frame),
    )
    return Report("channel", title, lead, sections, laws)


def _is_main(law: Law) -> bool:
    """Whether the law is of Poisson neurons, or a floor of others."""
    poisson = law.values["neuron_type"] == "poisson"
    return poisson or (law.values["law"] == "floor" and law.values["low"] > 0)


def _ends(values: pd.Series) -> tuple[int, int]:
    return int(values.min()), int(values.max())


def _name(kind: str) -> str:
    return NAMES[kind][0].upper() + NAMES[kind][1:]


def _between(low: float, high: float) -> str:
    if not np.isfinite([low, high]).all():
        return "too few trials for an interval"
    return f"95 % interval {number(float(low))} to {number(float(high))}"


def _scaling_laws(frame: pd.DataFrame) -> Iterator[Law]:
    for kind, rows in _by_type(frame[frame["rmse"] > 0]):
        least, most = _ends(rows["n_neurons"])
        if least == most:
            continue
        fit = fit_scaling(rows["n_neurons"], rows["rmse"])
        words = (
            f"{_name(kind)}: RMSE falls as m to the power of {number(fit.exponent)} "
            f"({_between(fit.low, fit.high)}) from {number(least)} to {number(most)} "
            "neurons."
        )
        values = {"law": "neurons", "neuron_type": kind, "exponent": fit.exponent}
        bounds = {"low": fit.low, "high": fit.high, "constant": fit.constant}
        yield Law(words, {**values, **bounds})


def _theory_laws(frame: pd.DataFrame) -> Iterator[Law]:
    for kind, rows in _by_type(frame[frame["neuron_type"] == "poisson"]):
        ratio, low, high = style.interval(rows["rmse"] / rows["predicted_rmse"])
        yield Law(
            f"{_name(kind)}: the RMSE measured is {number(ratio)} times that of theory "
            f"({_between(low, high)}), which has no fitted constant.",
            {
                "law": "theory",
                "neuron_type": kind,
                "ratio": ratio,
                "low": low,
                "high": high,
            },
        )


def _locking_laws(frame: pd.DataFrame) -> Iterator[Law]:
    """Floors of neurons whose spikes are not random, and what is alike each period."""
    for kind, rows in _by_type(frame[frame["neuron_type"].isin(["lif", "relu"])]):
        if rows["n_neurons"].nunique() < 3:
            continue
        fit = fit_floor(rows["n_neurons"], rows["rmse"])
        low, high = fit.floor_interval
        largest = rows[rows["n_neurons"] == rows["n_neurons"].max()]
        share = float(np.mean(largest["locked"] ** 2) / np.mean(largest["rmse"] ** 2))
        if low > 0:
            words = f"{_name(kind)}: the RMSE levels off at {number(fit.floor)} "
            words += f"({_between(low, high)})."
        else:
            words = f"{_name(kind)}: no floor shows at these sizes."
        yield Law(
            words,
            {
                "law": "floor",
                "neuron_type": kind,
                "floor": fit.floor,
                "low": low,
                "high": high,
                "locked_share": share,
            },
        )


def _errors_section(frame: pd.DataFrame) -> Section:
    theory = _theory(frame)
    paragraphs = [
        "Each neuron fires at 20 to 40 Hz at most. The decoded value is compared with "
        "the sine, of amplitude 1, after both have passed the same synapse. Noise of "
        "independent spikes falls as 1/√m.",
    ]
    if len(theory):
        share = float(np.max(theory["distortion"] / theory["predicted_rmse"]))
        paragraphs.append(
            "Theory adds up the variances of Poisson spikes, each as large as the "
            "square of its decoder, and what the synapse leaves of them. The "
            "decoders' static distortion stands apart: it is at most "
            f"{number(100 * share)} % of the noise in any trial."
        )
    caption = (
        "RMSE of the decoded sine against the number of neurons (a), and relative to "
        "the theory of Poisson spikes (b). Points are means over trials, with 95 % "
        "intervals; in b, small points are trials. The blue line is theory, without "
        "any fitted constant; the dashed one is a guide to the eye."
    )
    return Section(
        "Error against neurons",
        tuple(paragraphs),
        figure="channel",
        caption=caption,
        table=_table(frame),
        table_caption="Means over trials.",
    )


def _table(frame: pd.DataFrame) -> pd.DataFrame:
    rows = [
        {
            "Neurons": NAMES[kind],
            "m": int(n),
            "Trials": len(group),
            "RMSE": group["rmse"].mean(),
            "Theory": group["predicted_rmse"].mean() if kind == "poisson" else None,
            "Distortion": group["distortion"].mean(),
            "Spikes per second": round(group["spikes_per_second"].mean()),
            "Build, s": group["build_seconds"].mean(),
            "Run, s": group["run_seconds"].mean(),
        }
        for kind, of_kind in _by_type(frame)
        for n, group in of_kind.groupby("n_neurons")
    ]
    return pd.DataFrame(rows)


def _locking_sections(frame: pd.DataFrame, laws: Sequence[Law]) -> Iterator[Section]:
    """What becomes of neurons whose spikes are not independent."""
    floors = [law for law in laws if law.values["law"] == "floor"]
    if not floors:
        return
    periods = int(frame["periods"].min())
    paragraphs = []
    for law in floors:
        words = law.words
        if periods > 1:
            share = number(100 * law.values["locked_share"])
            words += (
                f" In the largest network, {share} % of the error's power is the same "
                f"in each period of the sine; of independent noise, {periods} periods "
                f"would leave {number(100 / periods)} %."
            )
        paragraphs.append(words)
    if periods > 1 and any(law.values["locked_share"] > 0.5 for law in floors):
        paragraphs.append(
            "A membrane answers to a change faster than the tuning curve says, and "
            "neurons that see the same input fall into step with it. Such an error "
            "is common to all of them: more neurons do not average it out. Poisson "
            "neurons draw each spike independently, and are spared."
        )
    yield Section("Spikes that are not independent", tuple(paragraphs))


def _cost_section(frame: pd.DataFrame) -> Section:
    size = float((frame["parameter_bytes"] / frame["n_neurons"]).mean())
    words = [
        "A population is decoded by one weight a neuron, and there is no matrix of "
        f"m × m weights: memory is in proportion to m, {number(size, pad=False)} bytes "
        "for the parameters of a neuron, and so is time."
    ]
    for kind, rows in _by_type(frame):
        largest = rows[rows["n_neurons"] == rows["n_neurons"].max()]
        n = int(largest["n_neurons"].iloc[0])
        step = float((largest["run_seconds"] / (largest["steps"] * n)).mean())
        build = float((largest["build_seconds"] / n).mean())
        words.append(
            f"{_name(kind)}, {number(n)} neurons: {number(1e9 * step)} ns for each "
            f"neuron and time step, and {number(1e6 * build)} µs for each neuron to "
            f"build the network and solve for its decoders{_overhead(rows)}."
        )
    return Section("What a neuron costs", tuple(words))


def _overhead(rows: pd.DataFrame) -> str:
    """What a time step costs whatever the number of neurons, from a straight line."""
    if rows["n_neurons"].nunique() < 3:
        return ""
    seconds = rows["run_seconds"] / rows["steps"]
    slope, offset = np.polyfit(rows["n_neurons"], seconds, 1)
    if slope <= 0 or offset <= 0:
        return ""
    return (
        f"; a straight line through all sizes gives {number(1e6 * offset)} µs for a "
        f"step and {number(1e9 * slope)} ns for each neuron in it"
    )
