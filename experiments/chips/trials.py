"""Trials of the Delay Network protocol: what is run, and how it is measured.

The protocol is that of Voelker 2019, from the code that was published with it: 0.1 s
of white noise below 3 Hz, remembered in three dimensions for two seconds.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import nengo
import numpy as np
from nengo.dists import Choice, Uniform
from nengo.solvers import LstsqL2

from spiking_lmu.experiments.sweeps.backends import (
    Model,
    Recording,
    run_nengo,
    run_nengo_dl,
)
from spiking_lmu.legendre import readout, state_space
from spiking_lmu.linear_systems import discretize, map_to_synapse, simulate
from spiking_lmu.metrics import nrmse
from spiking_lmu.networks import LegendreMemory
from spiking_lmu.neurons import neuron_type
from spiking_lmu.realization import Realization, realize_for
from spiking_lmu.signals import PEAK_OF_NOISE, lowpass

THETA, ORDER = 0.1, 3  # seconds, dimensions
FREQ, RMS = 3.0, 1.0  # of the input, in Hz
DT, STEPS = 0.001, 2000
READOUT_SYNAPSE = 0.02  # seconds
POINTS = 100  # of the window
NEGLIGIBLE = 1e-8  # transforms that are zero but for rounding
#: Seeds of the inputs that tell the ranges of the state. No network is tested on them.
EXAMPLES = range(101, 121)
PUBLISHED_SOLVER = LstsqL2(reg=0.1)

Range = tuple[float, float] | None


@dataclass(frozen=True)
class Platform:
    """A network and the simulator that runs it.

    Attributes
    ----------
    network : str
        ``"thesis"`` or ``"memory"``, a `LegendreMemory`.
    neuron_type : str
        ``"lif"``, ``"poisson"`` or ``"rate"``, LIF without spikes.
    backend : str
        ``"nengo"``, ``"nengo-dl"`` or ``"loihi"``, the emulator.
    target : str
        Of the emulator: ``"sim"`` or ``"simreal"``; none of the others.
    synapse : float
        Of the recurrence, in seconds.
    max_rates, intercepts : (float, float), optional
        Bounds of uniform distributions; by default those of `LegendreMemory`.
    allocation : str
        Of the `LegendreMemory`.
    ranges : str
        Where the `LegendreMemory` has its coordinates and radii from:
        ``"announced"``, the band and the rms of the input; ``"examples"``, other
        inputs of the protocol; ``"published"``, the published network.
    decoders : str
        ``"memory"``; or ``"published"``: solved for as in the published network.
    """

    network: str
    neuron_type: str
    backend: str
    target: str = ""
    synapse: float = 0.1
    max_rates: Range = None
    intercepts: Range = None
    allocation: str = "optimal"
    ranges: str = "announced"
    decoders: str = "memory"


# each tuned as it was in the published code; the second by the defaults of Nengo 2
_LOIHI = Platform("thesis", "lif", "loihi", "sim", 0.01, (100, 120), (-1, 0.5), "equal")
_NENGO = Platform("thesis", "lif", "nengo", "", 0.01, (200, 400), (-1, 1), "equal")

PLATFORMS = {
    "thesis-loihi": _LOIHI,
    "thesis-nengo": _NENGO,
    "matched-sim": Platform(
        "memory", "lif", "loihi", "sim", 0.01, (100, 120), ranges="examples"
    ),
    "matched-nengo": Platform(
        "memory", "lif", "nengo", "", 0.01, (200, 400), ranges="examples"
    ),
    "lif-nengo": Platform("memory", "lif", "nengo"),
    "lif-nengo-dl": Platform("memory", "lif", "nengo-dl"),
    "lif-simreal": Platform("memory", "lif", "loihi", "simreal"),
    "lif-sim": Platform("memory", "lif", "loihi", "sim"),
    "poisson-nengo": Platform("memory", "poisson", "nengo"),
    "poisson-sim": Platform("memory", "poisson", "loihi", "sim"),
}


# ---- The protocol ------------------------------------------------------------------


def make_input(seed: int) -> np.ndarray:
    """The input of a test case (STEPS,)."""
    process = nengo.processes.WhiteSignal(
        period=STEPS * DT, rms=RMS, high=FREQ, y0=0, seed=seed
    )
    return process.run_steps(STEPS, dt=DT)[:, 0]


def ideal_state(u: np.ndarray) -> np.ndarray:
    """The state of the exact linear memory (n, ORDER), in Legendre coordinates."""
    return simulate(*discretize(*state_space(THETA, ORDER), DT), u)


def example_states() -> np.ndarray:
    """States (n, ORDER) that inputs of the protocol, none of those tested, cause."""
    return np.concatenate([ideal_state(make_input(seed)) for seed in EXAMPLES])


def estimate_state(decoded: np.ndarray, u: np.ndarray) -> np.ndarray:
    """The state that a synapse makes of decoded spikes.

    What the synapse of the recurrence would make, were it that of the readout:
    discrete Principle 3, applied once the run is over.

    Parameters
    ----------
    decoded : (n, ORDER) ndarray
        Spikes decoded in each step, not filtered, in Legendre coordinates.
    u : (n,) ndarray
        The input.
    """
    A, B = map_to_synapse(*state_space(THETA, ORDER), READOUT_SYNAPSE, DT)
    return lowpass(decoded @ A.T + u[:, None] * B[:, 0], READOUT_SYNAPSE, DT)


def window(state: np.ndarray) -> np.ndarray:
    """The window that a state holds (n, POINTS), from now to theta ago.

    As published: the readout of continuous time, without the half step that a held
    sample is late. It is the same for a network and for the exact memory.
    """
    return state @ readout(ORDER, np.linspace(0, 1, POINTS)).T


def window_error(decoded: np.ndarray, u: np.ndarray) -> float:
    """NRMSE over all points of the window and all times."""
    return nrmse(window(estimate_state(decoded, u)), window(ideal_state(u)))


def thesis_coordinates() -> np.ndarray:
    """The transform T, m = T x, to the coordinates x of Voelker 2019.

    They balance the Gramians of the delay, from its input to its output theta later;
    each is then divided by a radius of 1 / (i + 1), to lie within -1 and 1.
    """
    from scipy.linalg import solve_continuous_lyapunov

    A, B = state_space(THETA, ORDER)
    C = readout(ORDER, [1.0])
    reached = np.linalg.cholesky(solve_continuous_lyapunov(A, -B @ B.T))
    observed = solve_continuous_lyapunov(A.T, -C.T @ C)
    U, squares, _ = np.linalg.svd(reached.T @ observed @ reached)
    return reached @ U / squares**0.25 / np.arange(1, ORDER + 1)


# ---- Networks ----------------------------------------------------------------------


def make_model(task: dict[str, Any]) -> tuple[Model, np.ndarray]:
    """The network of a task, and the T that takes what it decodes to m."""
    tuning = {n: Uniform(*task[n]) for n in ("max_rates", "intercepts") if task[n]}
    make = make_thesis if task["network"] == "thesis" else make_memory
    return make(task, tuning)


def make_memory(
    task: dict[str, Any], tuning: dict[str, Uniform]
) -> tuple[Model, np.ndarray]:
    """A `LegendreMemory`, read from where it decodes its spikes."""
    with nengo.Network(seed=task["seed"]) as network:
        stimulus = nengo.Node([0.0], label="stimulus")
        memory = LegendreMemory(
            THETA,
            ORDER,
            task["n_neurons"],
            synapse=task["synapse"],
            dt=DT,
            neuron_type=neuron_type(task["neuron_type"]),
            allocation=task["allocation"],
            **_expected(task),
            **tuning,
        )
        if task["decoders"] == "published":
            _solve_as_published(memory)
        nengo.Connection(stimulus, memory.input, synapse=None)
        decoded = {"decoded": nengo.Probe(memory.decoded[0])}
        probes = {**decoded, **_spikes(memory.ensembles)}
    return Model(network, stimulus, probes), memory.realization.T


def headrooms(ranges: str, synapse: float) -> np.ndarray:
    """Radii (ORDER,) in deviations of the coordinates, for inputs of the protocol."""
    with nengo.Network():
        memory = LegendreMemory(
            THETA,
            ORDER,
            1,
            synapse=synapse,
            dt=DT,
            **_expected({"ranges": ranges, "synapse": synapse}),
        )
    realization = memory.realization
    x = example_states() @ realization.inverse.T
    return realization.radii / np.sqrt(np.mean(x**2, axis=0))


def _expected(task: dict[str, Any]) -> dict[str, Any]:
    """What a `LegendreMemory` is told of its input, as arguments."""
    if task["ranges"] == "announced":
        return {"freq": FREQ, "rms": RMS}
    states = example_states()
    realization = realize_for(
        *state_space(THETA, ORDER),
        DT,
        task["synapse"],
        states,
        largest_input=PEAK_OF_NOISE * RMS,
    )
    if task["ranges"] == "published":
        realization = _in_published_coordinates(realization, states)
    return {"realization": realization}


def _in_published_coordinates(
    realization: Realization, states: np.ndarray
) -> Realization:
    T = thesis_coordinates()
    x = states @ np.linalg.inv(T).T
    K = x.T @ x / len(x)
    return replace(
        realization,
        T=T,
        radii=np.ones(ORDER),
        deviations=np.sqrt(np.diag(K)),
        covariance=K,
    )


def _solve_as_published(memory: LegendreMemory) -> None:
    """Decode by regularized least squares, over points evenly within the radius."""
    for ensemble in memory.ensembles:
        ensemble.eval_points = nengo.dists.UniformHypersphere()
    for connection in memory.all_connections:
        if connection.pre_obj in memory.ensembles:
            connection.solver = PUBLISHED_SOLVER


def make_thesis(
    task: dict[str, Any], tuning: dict[str, Uniform]
) -> tuple[Model, np.ndarray]:
    """The network of Voelker 2019: ensembles connected one by one.

    For Loihi each connection is one of weights. Voltages begin at zero, as in Nengo 2
    and on the chip.
    """
    T, tau = thesis_coordinates(), task["synapse"]
    A, B = state_space(THETA, ORDER)
    A, B = np.linalg.solve(T, A @ T), np.linalg.solve(T, B)
    recurrent, feed = map_to_synapse(A, B, tau)
    solver = LstsqL2(reg=0.1, weights=task["backend"] == "loihi")
    lif = nengo.LIF(initial_state={"voltage": Choice([0])})
    with nengo.Network(seed=task["seed"]) as network:
        stimulus = nengo.Node([0.0], label="stimulus")
        ensembles = [
            nengo.Ensemble(task["n_neurons"], 1, neuron_type=lif, **tuning)
            for _ in range(ORDER)
        ]
        for i, j in np.argwhere(np.abs(recurrent) > NEGLIGIBLE):
            nengo.Connection(
                ensembles[j],
                ensembles[i],
                transform=recurrent[i, j],
                synapse=tau,
                solver=solver,
            )
        for b, ensemble in zip(feed[:, 0], ensembles):
            # a node of its own for each, or nengo-loihi refuses
            part = nengo.Node(_Scaled(b), size_in=1)
            nengo.Connection(stimulus, part, synapse=None)
            nengo.Connection(part, ensemble, synapse=tau)
        decoded = {f"decoded {i}": nengo.Probe(e) for i, e in enumerate(ensembles)}
        probes = {**decoded, **_spikes(ensembles)}
    return Model(network, stimulus, probes), T


class _Scaled:
    """A node's function: its input times a constant."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def __call__(self, t: float, x: np.ndarray) -> np.ndarray:
        return self.scale * x


def _spikes(ensembles: Sequence[nengo.Ensemble]) -> dict[str, nengo.Probe]:
    return {f"spikes {i}": nengo.Probe(e.neurons) for i, e in enumerate(ensembles)}


# ---- Trials ------------------------------------------------------------------------


def run_task(task: dict[str, Any]) -> list[dict[str, Any]]:
    """Run one network on all inputs; a row for each."""
    described = {k: v for k, v in task.items() if k not in ("cases", "input_seeds")}
    for name in ("max_rates", "intercepts"):
        bounds = task[name]
        described[name] = f"{bounds[0]:g} to {bounds[1]:g}" if bounds else "default"
    return [
        {
            **described,
            "test_case": case,
            "input_seed": seed,
            "nrmse": window_error(decoded, u),
            "spikes_per_second": rate,
            "build_seconds": recording.build_seconds,
            "run_seconds": recording.run_seconds,
        }
        for case, seed, (u, decoded, rate, recording) in zip(
            task["cases"], task["input_seeds"], run_network(task)
        )
    ]


def run_network(
    task: dict[str, Any],
) -> list[tuple[np.ndarray, np.ndarray, float, Recording]]:
    """Of each input: itself, what was decoded, spikes a second of a neuron, the rest.

    Neurons are those of the task's seed; spikes are random apart from that where
    a simulator draws any.
    """
    model, T = make_model(task)
    inputs = [make_input(seed) for seed in task["input_seeds"]]
    seeds = [task["seed"] + 1 + k for k in range(len(inputs))]
    recordings = _runner(task)([model] * len(inputs), inputs, DT, seeds)
    results = []
    for u, recording in zip(inputs, recordings):
        data = recording.data
        decoded = np.hstack([data[k] for k in model.probes if k.startswith("decoded")])
        spikes = np.hstack([data[k] for k in model.probes if k.startswith("spikes")])
        results.append((u, decoded @ T.T, float(spikes.mean()), recording))
    return results


def _runner(task: dict[str, Any]) -> Callable[..., list[Recording]]:
    if task["backend"] != "loihi":
        return {"nengo": run_nengo, "nengo-dl": run_nengo_dl}[task["backend"]]

    def run(models: Any, inputs: Any, dt: float, seeds: Any) -> list[Recording]:
        return run_loihi(models[0], inputs, dt, seeds[0], task["target"])

    return run


def run_loihi(
    model: Model, inputs: Sequence[np.ndarray], dt: float, seed: int, target: str
) -> list[Recording]:
    """Run one network on all inputs at once, on the emulator."""
    from spiking_lmu.hardware import loihi

    start = time.perf_counter()
    with warnings.catch_warnings():
        # a neuron has one synapse; inputs through a faster one get that of the network
        warnings.filterwarnings("ignore", "tau_s is already set")
        simulator = loihi.Simulator(
            model.network,
            dt=dt,
            seed=seed,
            target=target,
            progress_bar=False,
            minibatch_size=len(inputs),
        )
    with simulator as sim:
        built = time.perf_counter()
        batch = np.stack(inputs)[..., None]
        sim.run_steps(batch.shape[1], data={model.stimulus: batch})
        data = {name: np.array(sim.data[p]) for name, p in model.probes.items()}
    share = len(inputs)
    times = (built - start) / share, (time.perf_counter() - built) / share
    return [
        Recording({name: d[k] for name, d in data.items()}, {}, *times)
        for k in range(share)
    ]


@dataclass(frozen=True, eq=False)
class Example:
    """One run in full, states in Legendre coordinates."""

    task: dict[str, Any]
    u: np.ndarray
    ideal: np.ndarray
    estimate: np.ndarray


def run_example(task: dict[str, Any]) -> Example:
    """Run the network of a task again, on the first of its inputs."""
    task = {**task, "cases": task["cases"][:1], "input_seeds": task["input_seeds"][:1]}
    ((u, decoded, _, _),) = run_network(task)
    return Example(task, u, ideal_state(u), estimate_state(decoded, u))
