"""One run of the precision experiment in full: spikes, state and window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spiking_lmu.experiments.pages import style
from spiking_lmu.experiments.precision.figures import design_words
from spiking_lmu.experiments.precision.trials import (
    as_recording,
    make_input,
    make_model,
    warm_up,
)
from spiking_lmu.experiments.sweeps.backends import backend
from spiking_lmu.legendre import sampled_readout, state_space
from spiking_lmu.linear_systems import discretize, simulate
from spiking_lmu.signals import lowpass

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LARGEST_EXAMPLE = 2000  # neurons, in the run that is shown in full


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
    tasks: list[dict[str, Any]], signal: np.ndarray | None = None
) -> Example:
    """Run one network again, and record each spike."""
    recording = as_recording(signal)
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
    task = {**chosen, "duration": 3 * chosen["theta"]}
    if backend(task["backend"]).shares_network:
        task["backend"] = "compiled"
    seed = task["seeds"][0]
    # the start of the very run that is among the trials
    u = make_input({**task, "duration": chosen["duration"]}, seed, recording)
    n = min(len(u), warm_up(task) + int(task["duration"] / task["dt"]))
    model, memory = make_model(task, seed, recording, spikes=True)
    recorded = backend(task["backend"]).run([model], [u[:n]], task["dt"], [seed])[0]
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
    # one tick a spike
    ticks = {"color": style.INK, "linewidth": 0.45, "rasterized": True}
    axes[0].vlines(t[steps], which - 0.42, which + 0.42, **ticks)
    axes[0].set_ylabel(f"Neuron ({len(few)} of {len(neurons):,})")
    axes[0].set_ylim(-1, len(few))
    axes[0].set_title(
        f"Spikes of {style.NAMES[task['neuron_type']]} neurons, "
        f"{design_words(task['design'])}, $d = {d}$"
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
    handles, labels = axes[1].get_legend_handles_labels()
    axes[1].legend(
        handles[::-1],
        labels[::-1],
        ncol=d,
        loc="lower right",
        bbox_to_anchor=(1, 1),
        columnspacing=1,
    )
    delays = np.linspace(0, theta, 100)
    window = example.decoded @ sampled_readout(theta, d, task["dt"], delays).T
    image = style.heatmap(axes[2], window.T, (t[0], t[-1], 0, theta))
    axes[2].set_title("Window read from the state: the input of the last seconds")
    axes[2].set_ylabel("Ago (s)")
    axes[2].invert_yaxis()
    axes[2].set_xlabel("Time (s)")
    figure.colorbar(image, ax=axes[2], label="Input", pad=0.01)
    style.letters(axes)
    return figure
