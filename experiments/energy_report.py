"""The page of the energy experiment."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from spiking_lmu.experiments import style
from spiking_lmu.experiments.energy_figures import PARTS, cells, front
from spiking_lmu.experiments.report import Law, Report, Section, number
from spiking_lmu.metrics import fit_scaling

ESTIMATE = (
    "Spikes, synaptic operations and neuron updates are counted on the emulator. What "
    "each takes is published from simulations of the circuits (Davies et al. 2018, "
    "table 2): at least 23.6 pJ for a synaptic operation, 81 pJ or 52 pJ for the "
    "update of an active or inactive neuron, 1.7 pJ for a spike within a tile, 3.0 pJ "
    "or 4.0 pJ for each hop to another. The low estimate takes neurons for active "
    "where they spike and spikes to stay within a tile; the high one takes all neurons "
    "for active and all spikes to go from corner to corner of the tiles in use. "
    "Static power, and the host, are in neither."
)
PROCESSORS = (
    "On processors, all of the network is computed in each step, at 8.6 nJ an "
    "operation on a CPU and 0.3 nJ on a GPU with much to do at once (Degnan et al. "
    "2016, as keras-spiking has it): the memory with its encoders and decoders, as "
    "Nengo computes it, or with the weights from neuron to neuron that the chip has. "
    "The former are some three operations for each neuron, the latter go with the "
    "square of their number, and so do synaptic operations on the chip: "
    "what it gains by computing only where spikes arrive shrinks with size and rates. "
    "Such figures of different sources and kinds of chips are good for orders of "
    "magnitude."
)


def report(frame: pd.DataFrame) -> Report:
    """What the trials say; the figures are "tradeoff" and "energy".

    Parameters
    ----------
    frame : pandas.DataFrame
        As `run` returns it.
    """
    means = cells(frame)
    laws = (
        *_rate_laws(frame),
        *_scaling_laws(frame, means),
        *_front_laws(means),
        *_processor_laws(means),
    )
    lead = (
        f"{len(frame):,} runs of memories on the emulator of Loihi, of different "
        "numbers of neurons and rates: what precision costs in spikes and energy. "
    )
    lead += " ".join(law.words for law in laws if law.values["law"] == "front")
    sections = (
        _trade_section(laws),
        _front_section(means),
        _energy_section(means, laws),
        Section("All combinations", table=_table(means), table_caption="Means."),
    )
    title = "Precision and communication: what a memory costs on Loihi"
    return Report("energy", title, lead, sections, laws)


def _rate_laws(frame: pd.DataFrame) -> Iterator[Law]:
    """RMSE as powers of the neurons and of their mean rate, by least squares."""
    for (order, kind), rows in frame.groupby(["order", "neuron_type"], sort=False):
        m = rows["total_neurons"].to_numpy(dtype=float)
        rate = rows["spikes_per_second"].to_numpy() / m
        x = np.column_stack([np.ones(len(m)), np.log(m), np.log(rate)])
        y = np.log(rows["rmse"].to_numpy())
        if len(y) < 6 or rows["n_neurons"].nunique() < 2 or rows["rates"].nunique() < 2:
            continue
        fit, squares, *_ = np.linalg.lstsq(x, y, rcond=None)
        freedom = len(y) - 3
        errors = np.sqrt(squares[0] / freedom * np.diag(np.linalg.inv(x.T @ x)))
        half = stdtrit(freedom, 0.975) * errors
        (a, b), (da, db) = fit[1:], half[1:]
        words = (
            f"{style.NAMES[kind]}, order {order}: RMSE goes as the number of neurons "
            f"to the power of {number(a)} ({_between(a - da, a + da)}) and as their "
            f"mean rate to the power of {number(b)} ({_between(b - db, b + db)})."
        )
        values = {"law": "rates", "order": int(order), "neuron_type": kind}
        exponents = {"neurons": float(a), "rate": float(b)}
        halves = {"neurons_half": float(da), "rate_half": float(db)}
        yield Law(words, {**values, **exponents, **halves})


def _scaling_laws(frame: pd.DataFrame, means: pd.DataFrame) -> Iterator[Law]:
    """RMSE as a power of the energy, over all combinations of a type."""
    for (order, kind), rows in means.groupby(["order", "neuron_type"], sort=False):
        trials = frame.merge(rows[["rates", "n_neurons", "order", "neuron_type"]])
        keys = ["rates", "n_neurons"]
        energy = trials.merge(rows[[*keys, "energy"]], on=keys)["energy"]
        if energy.nunique() < 2:
            continue
        fit = fit_scaling(energy, trials["rmse"])
        words = (
            f"{style.NAMES[kind]}, order {order}: RMSE goes as the energy per step to "
            f"the power of {number(fit.exponent)} ({_between(fit.low, fit.high)}), "
            "over all numbers of neurons and rates."
        )
        values = {"law": "energy", "order": int(order), "neuron_type": kind}
        bounds = {"low": fit.low, "high": fit.high, "constant": fit.constant}
        yield Law(words, {**values, "exponent": fit.exponent, **bounds})


def _between(low: float, high: float) -> str:
    if not np.isfinite([low, high]).all():
        return "too few trials for an interval"
    return f"95 % interval {number(low)} to {number(high)}"


def _front_laws(means: pd.DataFrame) -> Iterator[Law]:
    for order, rows in means.groupby("order"):
        best = front(rows, "energy")
        first, last = best.iloc[0], best.iloc[-1]
        words = (
            f"At order {order} the Pareto front goes from an RMSE of "
            f"{number(first['rmse'])} at {number(first['energy'])} nJ per step to "
            f"{number(last['rmse'])} at {number(last['energy'])} nJ."
        )
        kinds = {kind: int(n) for kind, n in best["neuron_type"].value_counts().items()}
        yield Law(
            words,
            {
                "law": "front",
                "order": int(order),
                "combinations": len(best),
                "of_types": kinds,
                "rmse": [float(first["rmse"]), float(last["rmse"])],
                "energy": [float(first["energy"]), float(last["energy"])],
            },
        )


def _processor_laws(means: pd.DataFrame) -> Iterator[Law]:
    for name, column in (("CPU", "cpu_factors_energy"), ("GPU", "gpu_factors_energy")):
        ratios = means[column] / means["energy"]
        low, high = float(ratios.min()), float(ratios.max())
        yield Law(
            f"On the {name}, as Nengo computes it, the same network takes "
            f"{number(low)} to {number(high)} times what it is estimated to take on "
            "Loihi.",
            {"law": "processor", "processor": name, "low": low, "high": high},
        )


def _trade_section(laws: tuple[Law, ...]) -> Section:
    caption = (
        "RMSE of the state against what it costs, for memories of ever more neurons "
        "(along the faint lines) and of different highest rates. Points are means over "
        "trials, with 95 % intervals; filled ones are on the Pareto front, the dark "
        "line: no other memory of the order is as cheap and as precise. Bars of the "
        "energy go from the low to the high estimate."
    )
    return Section(
        "Error against cost",
        (
            "The state of each memory, read by the host, is compared with that of the "
            "exact linear memory in the same step; both have passed the same synapse "
            "of 5 ms. The step that spikes take from the chip to the host is made up "
            "for by the simulator, by the memory's own linear system. Where Poisson "
            "neurons are asked for, the chip's random neurons run instead, which fire "
            "at up to 180 Hz: ranges of rates beyond that are scaled down.",
            "Costs are means over all steps of a run, and those of all neurons on the "
            "chip.",
            *(law.words for law in laws if law.values["law"] == "rates"),
        ),
        figure="tradeoff",
        caption=caption,
    )


def _front_section(means: pd.DataFrame) -> Section:
    best = pd.concat([front(rows, "energy") for _, rows in means.groupby("order")])
    return Section(
        "The Pareto front",
        ("The memories to choose from, where energy is what counts.",),
        table=_table(best),
        table_caption="From cheap to dear.",
    )


def _energy_section(means: pd.DataFrame, laws: tuple[Law, ...]) -> Section:
    total = means[list(PARTS)].sum()
    share = number(100 * total.iloc[0] / total.sum())
    compared = " ".join(law.words for law in laws if law.values["law"] == "processor")
    caption = (
        "Shares of the energy by kind, over all rates and neuron types (a), and energy "
        "per step against neurons in all (b): bands go from the low estimate at the "
        "lowest rates to the high one at the highest; grey lines are the same networks "
        "on processors."
    )
    return Section(
        "Energy",
        (
            ESTIMATE,
            f"Over all runs, synaptic operations take {share} % of it: each spike "
            "reaches all neurons of the memory, so their number goes with the square "
            "of the number of neurons, that of updates with the number itself.",
            f"{PROCESSORS} {compared}",
        ),
        figure="energy",
        caption=caption,
    )


def _table(means: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Order": means["order"],
            "Neurons": means["neuron_type"].map(style.NAMES),
            "Rates, Hz": means["rates"].str.replace("-", "–"),
            "Per dimension": means["n_neurons"],
            "RMSE": means["rmse"],
            "Spikes per second": means["spikes_per_second"].round().astype(int),
            "Operations per step": means["synaptic_operations"],
            "nJ, low": means["energy_low"],
            "nJ, high": means["energy_high"],
            "Cores": means["cores"].round().astype(int),
        }
    )
