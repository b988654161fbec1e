"""A communication channel: one population represents a sine, and is decoded again.

The least network there is, and so the plainest view of what spikes cost: noise that
falls as 1 / sqrt(m) with m neurons, if they fire independently of each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Annotated, Any

import nengo
import numpy as np
from nengo.dists import Uniform

from spiking_lmu.decoders import PoissonL2
from spiking_lmu.experiments.arguments import OneOf, Range
from spiking_lmu.experiments.sweeps import backends
from spiking_lmu.experiments.sweeps.backends import SIMULATORS, Model
from spiking_lmu.experiments.sweeps.tasks import derived_seed
from spiking_lmu.metrics import rmse
from spiking_lmu.networks.counting import add_counter
from spiking_lmu.neurons import NEURON_TYPES, neuron_type
from spiking_lmu.populations import Population, predictable
from spiking_lmu.signals import lowpass
from spiking_lmu.tuning_curves import in_order

SYNAPSE = 0.01  # tau f: the synapse in periods of the sine
STEP = 0.001  # dt f: the time step in periods of the sine
STEPS = 1000  # of a period, 1 / STEP
MAX_RATES = Uniform(20, 40)  # in Hz, whatever the frequency
INTERCEPTS = Uniform(-1.0, 0.9)  # as Nengo's default
EVAL_POINTS = 1000
NEURONS = (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)
MAX_NEURONS = 100_000
DEFAULT_TYPES = ("poisson", "coordinated", "coordinated-golden", "lif")


def make_tasks(
    neurons: Annotated[Sequence[int], Range(1, MAX_NEURONS)] = NEURONS,
    neuron_types: Annotated[Sequence[str], OneOf(NEURON_TYPES)] = DEFAULT_TYPES,
    trials: int = 5,
    freq: Annotated[float, Range(0.1, 1000)] = 10.0,
    periods: Annotated[int, Range(1, 10**4)] = 6,
    backend: Annotated[str, OneOf(tuple(SIMULATORS))] = "compiled",
    seed: int = 0,
) -> list[dict[str, Any]]:
    r"""Measure the RMSE of channels of ever more neurons; one row a trial.

    The decoded sine of amplitude 1 is compared with the sine itself, both filtered by
    the same synapse. The first period and five synapses are run but not counted.

    Parameters
    ----------
    neurons : sequence of int
        Numbers of neurons of the population.
    neuron_types : sequence of str
        With the tuning curves of LIF neurons: ``poisson``, ``coordinated``,
        ``coordinated-golden``, ``coordinated-carry``, ``coordinated-nearest``,
        ``regular``, ``lif`` and ``rate`` (without spikes). With rectified linear ones:
        ``poisson-relu``, ``coordinated-relu``, ``coordinated-golden-relu``,
        ``coordinated-carry-relu``, ``coordinated-nearest-relu`` and ``relu``
        (integrate-and-fire).
    trials : int
        Runs of each combination, each with neurons of its own. Neuron types share
        them, so that they can be compared pair by pair.
    freq : float
        Frequency of the sine in Hz, 0.1 to 1000. It sets synapse and time step: tau *
        freq = 0.01 and dt * freq = 0.001.
    periods : int
        Number of periods in each run, without warm-up.
    backend : str
        Simulator: ``compiled``, that of this toolkit; or ``nengo``, as a reference.
    seed : int
        Seed from which all others are derived.


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
    return [
        {
            "network": "channel",
            "n_neurons": n,
            "neuron_type": kind,
            "freq": freq,
            "periods": periods,
            **backends.in_task(backend),
            "seed": derived_seed(seed, [n, freq], trial),
        }
        for n, kind, trial in product(neurons, neuron_types, range(trials))
    ]


def run_task(task: dict[str, Any]) -> list[dict[str, Any]]:
    """Run the channel of one task; its one row."""
    freq, kind = task["freq"], task["neuron_type"]
    tau, dt = SYNAPSE / freq, STEP / freq
    warm_up = STEPS + int(np.ceil(5 * SYNAPSE / STEP))
    times = np.arange(warm_up + STEPS * task["periods"]) % STEPS
    period = np.sin(2 * np.pi * np.arange(STEPS) / STEPS)

    model, ensemble, decoded = make_model(task["n_neurons"], kind, tau, task["seed"])
    name = backends.of_task(task)
    (recorded,) = backends.backend(name).run(
        [model], [period[times]], dt, [task["seed"]]
    )
    population = Population.solved(recorded.parameters, ensemble, decoded)
    error = population.decode(period) - period

    counted = slice(warm_up, None)
    exact = lowpass(period[times], tau, dt)[counted]
    bias = lowpass(error[times], tau, dt)[counted]
    errors = recorded.data["decoded"][counted, 0] - exact
    q = np.nan  # where there is no theory
    if predictable(population.neuron_type):
        q = float(population.variance(period, dt).mean())
    row = {
        "network": "channel",
        "n_neurons": task["n_neurons"],
        "neuron_type": kind,
        "backend": name,
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
            label="channel",
            **in_order(n_neurons, INTERCEPTS),
        )
        output = nengo.Node(size_in=1, label="decoded")
        nengo.Connection(stimulus, ensemble, synapse=None)
        decoded = nengo.Connection(
            ensemble,
            output,
            solver=PoissonL2(tau / SYNAPSE),
            eval_points=np.linspace(-1, 1, EVAL_POINTS)[:, None],
            synapse=None,
        )
        counter = add_counter([ensemble])
        probes = {
            "decoded": nengo.Probe(output, synapse=tau),
            "spikes": nengo.Probe(counter),
        }
    return Model(network, stimulus, probes), ensemble, decoded


def root_mean_square(values: np.ndarray) -> float:
    """The size of an error."""
    return float(rmse(values, np.zeros_like(values)))


def filtered_rmse(variance: float, tau: float, dt: float) -> float:
    """Deviation that white noise, of this variance in each step, has once filtered."""
    # (1 - a) / (1 + a) with a = exp(-dt / tau)
    return float(np.sqrt(variance * np.tanh(dt / (2 * tau))))


def parameter_bytes(
    data: Any, ensemble: nengo.Ensemble, decoded: nengo.Connection
) -> int:
    """Memory that the parameters of the neurons take, decoders included."""
    built = data[ensemble]
    arrays = (built.scaled_encoders, built.gain, built.bias, data[decoded].weights)
    return int(sum(array.nbytes for array in arrays))
