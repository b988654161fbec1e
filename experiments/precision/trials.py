"""Trials of the precision experiment: what is run, and what is measured of it.

Arguments become a list of tasks, each the complete description of the runs of one
network; `run_task` turns a task into rows, one for each run.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Annotated, Any

import nengo
import numpy as np
from nengo.dists import Uniform
from numpy.typing import ArrayLike

from spiking_lmu.data.archives import fingerprint
from spiking_lmu.distortion import distortion_rmse
from spiking_lmu.experiments.arguments import OneOf, Range
from spiking_lmu.experiments.precision.studies import floor_cells, generator_cells
from spiking_lmu.experiments.sweeps import backends
from spiking_lmu.experiments.sweeps.backends import Model, Recording
from spiking_lmu.experiments.sweeps.tasks import derived_seed
from spiking_lmu.legendre import sampled_readout, state_space
from spiking_lmu.linear_systems import discretize, simulate
from spiking_lmu.metrics import length_rmse, nrmse
from spiking_lmu.networks import LegendreMemory
from spiking_lmu.networks.counting import add_counter
from spiking_lmu.neurons import (
    ALLOCATIONS,
    MAX_RATES,
    NEURON_TYPES,
    neuron_type,
    spike_height,
)
from spiking_lmu.realization import COORDINATES
from spiking_lmu.sampling import noise_along, predictable_along
from spiking_lmu.signals import MAX_STEPS, Spectrum, lowpass, white_noise
from spiking_lmu.validation import refusal

DESIGNS = ("legendre/equal", "balanced/optimal")
SHAPED = "/shaped"  # at the end of a design: with noise shaping
POSSIBLE = tuple(
    f"{coordinates}/{allocation}{shaping}"
    for shaping in ("", SHAPED)
    for coordinates, allocation in product(COORDINATES, ALLOCATIONS)
)
SECONDS = Range(1e-9, 1e6)  # of any time constant
WINDOW_POINTS = 50  # delays at which the reconstructed window is compared


def make_tasks(
    orders: Annotated[Sequence[int], Range(1, 256)] = (3, 6, 12),
    neurons: Annotated[Sequence[int], Range(1, 10**6)] = (30, 100, 300),
    thetas: Annotated[Sequence[float], SECONDS] = (0.5,),
    synapses: Annotated[Sequence[float], SECONDS] = (0.1,),
    neuron_types: Annotated[Sequence[str], OneOf(NEURON_TYPES)] = (
        "poisson",
        "coordinated",
        "lif",
    ),
    designs: Annotated[Sequence[str], OneOf(POSSIBLE)] = DESIGNS,
    trials: int = 3,
    cycles: Annotated[float, SECONDS] = 1.0,
    rms: Annotated[float, SECONDS] = 0.5,
    duration: Annotated[float, SECONDS] = 5.0,
    readout_synapse: Annotated[float, SECONDS] = 0.005,
    dt: Annotated[float, SECONDS] = 0.001,
    floor: bool = True,
    generators: bool = True,
    signal: str | np.ndarray | None = None,
    rate: float | None = None,
    channel: str | None = None,
    backend: Annotated[str, OneOf(backends.backends())] = "compiled",
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Measure the RMSE of spiking memories over a grid; one row a trial.

    The decoded state is compared with that of the exact linear memory, both
    filtered by the same readout synapse. The first theta and five of the longer
    synapse are run but not counted.

    Parameters
    ----------
    orders : sequence of int
        Numbers of state variables.
    neurons : sequence of int
        Mean numbers of neurons per dimension.
    thetas : sequence of float
        Windows, in seconds.
    synapses : sequence of float
        Recurrent time constants, in seconds.
    neuron_types : sequence of str
        With the tuning curves of LIF neurons: ``poisson`` (independent Poisson
        spikes), ``coordinated``, ``coordinated-golden``, ``coordinated-carry``,
        ``coordinated-nearest``, ``regular``, ``lif`` or ``rate`` (no spikes). With
        rectified linear ones: ``relu`` (integrate-and-fire), ``poisson-relu``,
        ``coordinated-relu``, ``coordinated-golden-relu``, ``coordinated-carry-relu`` or
        ``coordinated-nearest-relu``. Each is run in each design.
    designs : sequence of str
        Coordinates and allocation of neurons, such as ``balanced/optimal``, and with
        ``/shaped`` after them, such as ``balanced/optimal/shaped``, with noise shaping.
    trials : int
        Runs of each combination. Each has its own neurons and input.
    cycles : float
        Highest frequency of the white-noise input, in cycles per window: theta times f.
        Not used with a ``signal``.
    rms : float
        Root mean square of the input.
    duration : float
        Length of each run in seconds, without warm-up.
    readout_synapse : float
        Time constant of the probe, in seconds.
    dt : float
        Time step, in seconds.
    floor : bool
        Whether to add trials that show the cause of the floor of LIF neurons: the
        largest network with half the time step, with twice the synapse, with half the
        frequencies of the input, and without spikes.
    generators : bool
        Whether to add trials that compare coordinated neurons with all others that
        have the same tuning curves, at one order (6, or the nearest in ``orders``):
        over the numbers of neurons, and at lower rates.
    signal : str or (n,) or (n, 1) array_like, optional
        A recording instead of white noise: the name of a file (.csv, .tsv, .npy,
        .wav, .edf, .bdf or .hea), or values at steps of ``dt``, of mean 0
        and rms 1, as returned by `load_signal`. It is multiplied by ``rms`` and
        repeated. Each trial starts at a different point of it.
    rate : float, optional
        Sampling rate of the recording in Hz, if the file does not contain it.
    channel : str, optional
        Name of a channel of the recording, or its number from 0, if it has several.
    backend : str
        Simulator: ``compiled``, that of this toolkit; ``nengo``, as a reference;
        ``nengo-dl``, on which the trials of a combination run as one minibatch with the
        same neurons; or ``loihi``, the emulator of the chip.
    seed : int
        Seed from which all other seeds are derived.
    """
    backends.check_fits(backend, orders, neurons, neuron_types)
    for design in designs:
        if design.endswith(SHAPED) and not backends.backend(backend).shapes_noise:
            allowed = f"without noise shaping, with the backend {backend!r}"
            raise refusal("designs", design, allowed)
    if dt > 0.1 * min(thetas):
        raise refusal("dt", dt, f"at most a tenth of theta, {0.1 * min(thetas):g}")
    for name, least in (
        ("synapses", min(synapses)),
        ("readout_synapse", readout_synapse),
    ):
        if least < 0.01 * dt:  # simulators overflow
            raise refusal(name, least, f"at least a hundredth of dt, {0.01 * dt:g}")
    if duration < 10 * dt:
        raise refusal("duration", duration, f"at least ten steps, {10 * dt:g}")
    if signal is None and cycles / min(thetas) > 0.5 / dt:
        highest = 0.5 / dt * min(thetas)
        raise refusal("cycles", cycles, f"at most {highest:g}, the Nyquist frequency")
    if signal is not None:
        Spectrum.from_signal(signal, dt)  # refuses what is of no use
        signal = as_recording(signal)

    common = {
        "study": "grid",
        "cycles": cycles,
        "rms": rms,
        "duration": duration,
        "readout_synapse": readout_synapse,
        "rate_factor": 1.0,
        "backend": backend,
        "signal": "white noise"
        if signal is None
        else f"recording {fingerprint(signal):08x}",
    }
    cells = [
        {
            **common,
            "order": order,
            "n_neurons": n,
            "theta": theta,
            "synapse": tau,
            "dt": dt,
            "neuron_type": kind,
            "design": design,
        }
        for order, n, theta, tau, kind, design in product(
            orders, neurons, thetas, synapses, neuron_types, designs
        )
    ]
    beside = floor_cells(cells) if floor else []
    beside += generator_cells(cells) if generators else []
    cells += beside
    for cell in cells:
        _check_length(cell)
    return [task for cell in cells for task in _with_seeds(cell, seed, trials)]


def _check_length(cell: dict[str, Any]) -> None:
    """Refuse what no run of this length can be."""
    if count_steps(cell) > MAX_STEPS:
        parts = {
            "duration": cell["duration"],
            "thetas": cell["theta"],
            "synapses": 5 * cell["synapse"],
            "readout_synapse": 5 * cell["readout_synapse"],
        }
        name = max(parts, key=lambda part: parts[part])
        allowed = f"short enough for {MAX_STEPS:,} steps of dt = {cell['dt']:g} s a run"
        raise refusal(name, parts[name], allowed)
    seconds = count_steps(cell) * cell["dt"]
    if cell["signal"] == "white noise" and cell["cycles"] * seconds < cell["theta"]:
        least = cell["theta"] / seconds
        allowed = f"at least {least:.3g}, a period in a run of {seconds:g} s"
        raise refusal("cycles", cell["cycles"], allowed)


def _with_seeds(cell: dict[str, Any], seed: int, trials: int) -> list[dict[str, Any]]:
    """The tasks of a cell: one for each trial, or one where they share a network.

    Designs and neuron types of a cell share inputs, so that they can be compared
    pair by pair; all else is independent.
    """
    axes = ("order", "n_neurons", "theta", "synapse")
    cell_axes = [cell[name] for name in axes]
    seeds = [derived_seed(seed, cell_axes, k) for k in range(trials)]
    if backends.backend(cell["backend"]).shares_network:
        return [{**cell, "seeds": seeds}]
    return [{**cell, "seeds": [one]} for one in seeds]


def run_task(
    task: dict[str, Any], signal: np.ndarray | None = None
) -> list[dict[str, Any]]:
    """Run the networks of one task; one row for each of its seeds."""
    recording = as_recording(signal)
    inputs = [make_input(task, one, recording) for one in task["seeds"]]
    built = [make_model(task, one, recording) for one in task["seeds"]]
    recordings = backends.backend(task["backend"]).run(
        [model for model, _ in built], inputs, task["dt"], task["seeds"]
    )
    if backends.backend(task["backend"]).shares_network:
        built = [built[0]] * len(built)
    return [
        measure(task, one, memory, u, recorded)
        for one, (_, memory), u, recorded in zip(
            task["seeds"], built, inputs, recordings
        )
    ]


def as_recording(signal: ArrayLike | None) -> np.ndarray | None:
    """The values of a recording, or None for white noise."""
    return None if signal is None else np.ravel(signal).astype(float)


def warm_up(task: dict[str, Any]) -> int:
    """Steps that are not counted: theta and five of the longer synapse."""
    longest = max(task["synapse"], task["readout_synapse"])
    return int(np.ceil((task["theta"] + 5 * longest) / task["dt"]))


def count_steps(task: dict[str, Any]) -> int:
    """Steps of a run in all."""
    return warm_up(task) + round(task["duration"] / task["dt"])


def make_input(
    task: dict[str, Any], seed: int, recording: np.ndarray | None
) -> np.ndarray:
    """The input of one run, warm-up included."""
    n = count_steps(task)
    if recording is None:
        freq = task["cycles"] / task["theta"]
        return white_noise(n * task["dt"], task["dt"], freq, task["rms"], seed)[:n]
    start = np.random.default_rng(seed).integers(len(recording))
    return task["rms"] * np.take(recording, start + np.arange(n), mode="wrap")


def expected_spectrum(task: dict[str, Any], recording: np.ndarray | None) -> Spectrum:
    """What the memory is told of its input beforehand."""
    if recording is None:
        return Spectrum.flat(task["cycles"] / task["theta"], task["rms"])
    return Spectrum.from_signal(task["rms"] * recording, task["dt"])


def design_settings(design: str) -> dict[str, Any]:
    """What a design sets of a memory, as its arguments."""
    coordinates, allocation, *shaped = design.split("/")
    return {
        "coordinates": coordinates,
        "allocation": allocation,
        "noise_shaping": bool(shaped),
    }


def make_memory(
    task: dict[str, Any], recording: np.ndarray | None, **more: Any
) -> LegendreMemory:
    """The memory of a task, made for its input."""
    return LegendreMemory(
        task["theta"],
        task["order"],
        task["n_neurons"],
        synapse=task["synapse"],
        dt=task["dt"],
        neuron_type=neuron_type(task["neuron_type"]),
        spectrum=expected_spectrum(task, recording),
        **more,
    )


def make_model(
    task: dict[str, Any],
    seed: int,
    recording: np.ndarray | None,
    spikes: bool = False,
) -> tuple[Model, LegendreMemory]:
    """The network of one run, with probes of its state and of its spikes.

    Spikes are counted over all neurons, or recorded for each with ``spikes``.
    """
    with nengo.Network(seed=seed) as network:
        stimulus = nengo.Node([0.0], label="stimulus")
        factor = task["rate_factor"]
        memory = make_memory(
            task,
            recording,
            **design_settings(task["design"]),
            max_rates=Uniform(factor * MAX_RATES.low, factor * MAX_RATES.high),
        )
        nengo.Connection(stimulus, memory.input, synapse=None)
        counter = add_counter(memory.ensembles)
        probes = {
            "state": nengo.Probe(memory.output, synapse=task["readout_synapse"]),
            "spikes": nengo.Probe(counter),
        }
        if spikes:
            for i, ensemble in enumerate(memory.ensembles):
                probes[f"spikes {i}"] = nengo.Probe(ensemble.neurons)
    return Model(network, stimulus, probes), memory


def measure(
    task: dict[str, Any],
    seed: int,
    memory: LegendreMemory,
    u: np.ndarray,
    recorded: Recording,
) -> dict[str, Any]:
    """The row of one run: its errors, what theory says of them, and its cost.

    ``predicted_rmse`` is the error of the spikes' noise alone, empty where there is no
    theory of the neurons, and ``distortion`` that of the decoders alone. They are
    independent: the whole prediction is the root of the sum of their squares.
    """
    dt, tau = task["dt"], task["readout_synapse"]
    counted = slice(warm_up(task), None)
    ideal = simulate(*discretize(*state_space(memory.theta, memory.order), dt), u)
    exact = lowpass(ideal, tau, dt)
    decoded = recorded.data["state"]
    populations = memory.populations(recorded.parameters, recorded.neuron_types)
    predicted = np.nan
    if predictable_along(memory.neuron_type, memory.noise_shaping):
        predicted = noise_along(
            memory.realization,
            populations,
            u,
            tau,
            warm_up(task),
            memory.noise_shaping,
        )
    return {
        "study": task["study"],
        "order": task["order"],
        "n_neurons": task["n_neurons"],
        "total_neurons": task["n_neurons"] * task["order"],
        "neuron_type": task["neuron_type"],
        **design_settings(task["design"]),
        "backend": task["backend"],
        "theta": task["theta"],
        "synapse": task["synapse"],
        "dt": dt,
        "rate_factor": task["rate_factor"],
        "signal": task["signal"],
        "cycles": task["cycles"],
        "seed": seed,
        "rmse": length_rmse(decoded[counted] - exact[counted]),
        "predicted_rmse": predicted,
        "distortion": distortion_rmse(
            memory.realization,
            populations,
            u,
            tau,
            warm_up(task),
            memory.noise_shaping,
        ),
        "state_rms": length_rmse(exact[counted]),
        "nrmse_window": window_nrmse(memory, decoded, u, tau, dt, counted),
        "exact_nrmse_window": window_nrmse(memory, exact, u, tau, dt, counted),
        # all populations have spikes of one height, which on the chip may not be 1
        "spikes_per_second": float(recorded.data["spikes"][counted].mean())
        / spike_height(populations[0].neuron_type),
        "build_seconds": recorded.build_seconds,
        "run_seconds": recorded.run_seconds,
    }


def window_nrmse(
    memory: LegendreMemory,
    decoded: np.ndarray,
    u: np.ndarray,
    tau: float,
    dt: float,
    counted: slice,
) -> float:
    """Error of the reconstructed window against the input itself, delayed."""
    # whole steps, so that the input has values there
    longest = int(memory.theta / dt * (1 + 1e-9))
    steps = np.round(np.linspace(0, longest, WINDOW_POINTS)).astype(int)
    delays = np.minimum(steps * dt, memory.theta)
    C = sampled_readout(memory.theta, memory.order, dt, delays)
    filtered = lowpass(u[:, None], tau, dt)[:, 0]
    times = np.arange(len(u))[counted]
    target = filtered[np.maximum(times[:, None] - steps, 0)]
    return nrmse(decoded[counted] @ C.T, target)
