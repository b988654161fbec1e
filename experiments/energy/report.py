"""The page of the energy experiment."""

from __future__ import annotations

import pandas as pd

from spiking_lmu.experiments.energy.figures import PARTS, cells, front
from spiking_lmu.experiments.energy.laws import (
    EXACT,
    exact_laws,
    front_laws,
    processor_laws,
    rate_laws,
    scaling_laws,
)
from spiking_lmu.experiments.energy.trials import DT
from spiking_lmu.experiments.pages import style
from spiking_lmu.experiments.pages.report import Law, Report, Section, number
from spiking_lmu.hardware.processors import IDLE

EXACT_ROWS = "First, without neurons: the exact linear memory, d² + d multiply-adds."
ESTIMATE = (
    "Spikes, synaptic operations and neuron updates are counted on the emulator. What "
    "each takes is published from simulations of the circuits (Davies et al. 2018, "
    "table 2): at least 23.6 pJ for a synaptic operation, 81 pJ or 52 pJ for the "
    "update of an active or inactive neuron, 1.7 pJ for a spike within a tile, 3.0 pJ "
    "or 4.0 pJ for each hop to another. The low estimate takes neurons for active "
    "where they spike and spikes to stay within a tile; the high one takes all neurons "
    "for active and all spikes to go from corner to corner of the tiles in use. "
    "These are dynamic energies. Static power, and the host, are in neither: a Loihi "
    f"at rest takes {1000 * IDLE['Loihi']:g} mW (Blouw et al. 2019, table 1), which is "
    f"{1e9 * IDLE['Loihi'] * DT:,.0f} nJ in each step of {1000 * DT:g} ms, in real "
    "time, many times what the memory adds to it."
)
PROCESSORS = (
    "On processors, all of the network is computed in each step, at 8.6 nJ an "
    "operation on a CPU, 0.3 nJ on a GPU with much to do at once and 0.9 nJ on an ARM "
    "Cortex-A (Degnan et al. 2016, as keras-spiking has it). Idle power is not in "
    f"these either: {IDLE['CPU']:.0f} W for the CPU, {IDLE['GPU']:.0f} W for the GPU "
    f"and {IDLE['ARM']:.1f} W for the Jetson TX1 (ARM) that Blouw et al. measured. "
    "Counted is the memory with its encoders and decoders, as "
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
        *exact_laws(means),
        *rate_laws(frame),
        *scaling_laws(frame, means),
        *front_laws(means),
        *processor_laws(means),
    )
    lead = (
        f"{len(frame):,} runs of memories on the emulator of Loihi, of different "
        "numbers of neurons and rates: what precision costs in spikes and energy. "
    )
    lead += " ".join(
        law.words for law in laws if law.values["law"] in ("exact", "front")
    )
    sections = (
        _trade_section(laws),
        _front_section(means),
        _energy_section(means, laws),
        Section(
            "All combinations",
            table=_table(means, means),
            table_caption=f"{EXACT_ROWS} Then means of the memories of neurons.",
        ),
    )
    title = "Precision and communication: what a memory costs on Loihi"
    return Report("energy", title, lead, sections, laws)


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
        (
            "The memories of neurons to choose from, where energy is what counts. "
            "Before them stands the exact memory on processors.",
        ),
        table=_table(best, means),
        table_caption=f"{EXACT_ROWS} Then the front, from cheap to dear.",
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


def _table(cells: pd.DataFrame, means: pd.DataFrame) -> pd.DataFrame:
    """Rows of the exact memory, for each order and processor, and then of cells."""
    exact = [
        {
            "Order": order,
            "Neurons": f"none: exact memory on {name}",
            "RMSE": 0.0,
            "Operations per step": order * (order + 1),
            "nJ, low": rows[column].iloc[0],
            "nJ, high": rows[column].iloc[0],
        }
        for order, rows in means.groupby("order", sort=True)
        if order in set(cells["order"])
        for name, column in EXACT.items()
    ]
    of_neurons = pd.DataFrame(
        {
            "Order": cells["order"],
            "Neurons": cells["neuron_type"].map(style.NAMES),
            "Rates, Hz": cells["rates"].str.replace("-", "–"),
            "Per dimension": cells["n_neurons"],
            "RMSE": cells["rmse"],
            "Spikes per second": cells["spikes_per_second"].round(),
            "Operations per step": cells["synaptic_operations"],
            "nJ, low": cells["energy_low"],
            "nJ, high": cells["energy_high"],
            "Cores": cells["cores"].round(),
        }
    )
    return pd.concat([pd.DataFrame(exact), of_neurons])[list(of_neurons)]
