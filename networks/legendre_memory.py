"""The memory of a Legendre Memory Unit, as ensembles of spiking neurons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import nengo
import numpy as np
from nengo.dists import Distribution
from nengo.exceptions import ValidationError
from nengo.params import Default, NdarrayParam
from numpy.typing import ArrayLike

from spiking_lmu.delay_errors import usable_band
from spiking_lmu.distortion import distortion_rmse
from spiking_lmu.legendre import sampled_readout, state_space
from spiking_lmu.linear_systems import simulate
from spiking_lmu.neurons import (
    ALLOCATIONS,
    MAX_RATES,
    PoissonL2,
    alternating_encoders,
    check_neurons,
    noise_tau,
    poisson,
    spike_height,
    spread_intercepts,
    tuned_eval_points,
)
from spiking_lmu.noise import noise_rmse, spiking_noise
from spiking_lmu.populations import Population
from spiking_lmu.realization import Realization, realize
from spiking_lmu.signals import Spectrum
from spiking_lmu.validation import (
    check_array,
    check_choice,
    check_column,
    check_integer,
    check_number,
    check_positive,
    check_seed,
    refusal,
)

from .defaults import keep_own, readout_label
from .expectations import InputSynapse, RangeCheck, warn_of_band, warn_of_units

MAX_CYCLES = 1000  # of the expected input in the window


class LegendreMemory(nengo.Network):
    r"""A sliding window over the last theta seconds of a signal, held by neurons.

    The state m of the memory follows the linear system of LMU 2019 (`state_space`),
    and m is the window: :math:`u(t - r \theta) \approx \sum_i P_i(2r - 1) m_i(t)`.
    Its coordinates x, :math:`m = T x`, are each held by one population of neurons.
    The populations' decoded values pass through one lowpass synapse back to all of
    them, with the recurrent transform of Principle 3 (`map_to_synapse`).

    An input that leaves what ``freq`` and ``rms`` announce is still remembered, with
    the same populations, until a coordinate leaves the radius of its population
    (`check_range` tells). From there on the decoded values are too small for
    the recurrence to hold the state together: the memory is then wrong, by as much as
    the window itself or more, while that lasts, and for up to two theta afterwards.

    Parameters
    ----------
    theta : float
        Length of the window, in seconds.
    order : int
        Number of state variables, d.
    n_neurons : int
        Mean number of neurons per dimension: ``order * n_neurons`` in all.
    synapse : float or nengo.Lowpass
        Recurrent synapse, a time constant in seconds.
    dt : float
        Time step, in seconds, of the simulator that will run this network. Another
        one is refused when the network is built.
    neuron_type : nengo.neurons.NeuronType
        By default, or by the configuration of the enclosing network, `poisson`.
        Rates and `nengo.Direct` make the network its own reference without spikes
        and without any neural error.
    coordinates : str
        ``"balanced"`` for the least noise, or ``"legendre"``.
    allocation : str
        How neurons are shared among the populations, and spread over the radius of
        each: ``"optimal"`` for the least noise, or ``"equal"``: as many for each,
        with intercepts evenly over the radius. ``"legendre"`` and ``"equal"`` is
        the design of LMU 2019, with decoders and rates of ours.
    freq : float, optional
        Highest frequency of the expected input, in Hz. By default, the highest that
        a memory of this order delays with an error of no more than 1 %, or half
        the rate of time steps where that is lower.
        A warning tells where the order is too small for a given one.
    rms : float, optional
        Root mean square of the expected input; 0.5 by default. In Nengo, a warning
        tells when the input is larger than 4.5 times that.
    spectrum : Spectrum, optional
        The expected input in full, instead of ``freq`` and ``rms``; for an example
        signal, ``Spectrum.from_signal(signal, dt)``.
    realization : Realization, optional
        Coordinates, radii and shares of neurons, instead of ``coordinates``, ``freq``,
        ``rms`` and ``spectrum``: those of `realize_for`, for given data.
    max_rates, intercepts : nengo.dists.Distribution
        Of the neurons: by default, or by the configuration of the enclosing network,
        200 to 400 Hz and `spread_intercepts`.
    size_in : int
        Number of input dimensions: each has a memory of its own, of
        ``order * n_neurons`` neurons.
    label : str, optional
    seed : int, optional
        Of all that is random in the neurons.

    Attributes
    ----------
    input : nengo.Node
        Of ``size_in``. It is not filtered: connect to it with ``synapse=None``.
    output : nengo.Node
        The state m in Legendre coordinates, size ``size_in * order``, the memory of one
        input after the other. It has passed through the recurrent synapse, which
        takes most of the spikes' noise away. The state follows the input of the step
        before; `add_readout` counts that in.
    coordinates : nengo.Node
        The same state in the coordinates x of the neurons.
    decoded : list of nengo.Node
        What is decoded from the ensembles, one node of size ``order`` for each input,
        before the recurrent transform and synapse that make the state of it.
    ensembles : list of nengo.Ensemble
        ``size_in * order`` populations, of one dimension each.
    realization : Realization
        Coordinates, radii and shares of neurons.
    spectrum : Spectrum or None
        The expected input; None where a realization was given.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is out of range, or the expected input is announced twice;
        and when a simulator of another time step builds the network.

    References
    ----------
    LMU 2019; VE 2018 for the mapping to synapses.
    """

    def __init__(
        self,
        theta: float,
        order: int,
        n_neurons: int,
        synapse: float | nengo.Lowpass = 0.1,
        dt: float = 0.001,
        neuron_type: nengo.neurons.NeuronType = Default,
        coordinates: str = "balanced",
        allocation: str = "optimal",
        freq: float | None = None,
        rms: float | None = None,
        spectrum: Spectrum | None = None,
        realization: Realization | None = None,
        max_rates: Distribution = Default,
        intercepts: Distribution = Default,
        size_in: int = 1,
        label: str | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__(label=label, seed=check_seed(seed))
        keep_own(self)
        A, B = state_space(theta, order)
        self.theta = float(theta)
        self.order = int(order)
        self.mean_neurons = check_integer("n_neurons", n_neurons, high=10**6)
        self.size_in = check_integer("size_in", size_in, high=10**4)
        self.dt = check_number("dt", dt, low=0, high=theta, exclusive=True)
        warn_of_units(self.theta, self.dt)
        self.synapse = _lowpass(synapse)
        self.allocation = check_choice("allocation", allocation, ALLOCATIONS)
        self.neuron_type = _configured("neuron_type", neuron_type, poisson())
        self.max_rates = _configured("max_rates", max_rates, MAX_RATES)
        self.intercepts = _configured("intercepts", intercepts, None)
        check_neurons(self.neuron_type, self.max_rates, self.intercepts)

        if realization is None:
            spectrum = _expected(self.theta, order, self.dt, freq, rms, spectrum)
            realization = realize(
                A, B, self.dt, self.synapse.tau, spectrum, coordinates
            )
        else:
            _check_realization(realization, A, self.dt, self.synapse.tau)
            for name, value in (("freq", freq), ("rms", rms), ("spectrum", spectrum)):
                if value is not None:
                    raise refusal(name, value, "None where a realization is given")
        self.spectrum = spectrum
        self.realization = realization
        total = self.order * self.mean_neurons
        self.neurons_per_ensemble = self.realization.neurons(total, allocation)
        d, n = self.order, self.order * self.size_in
        self.decoded: list[nengo.Node] = []
        self._decoded: list[nengo.Connection] = []
        with self:
            self.input = nengo.Node(size_in=self.size_in, label="input")
            self.coordinates = nengo.Node(size_in=n, label="coordinates")
            self.output = nengo.Node(size_in=n, label="output")
            for k in range(self.size_in):
                self._add_memory(k, slice(k * d, (k + 1) * d))
        self._connect_state(self.output, self.realization.T)

    def _add_memory(self, k: int, part: slice) -> None:
        """Populations for one input, and what makes of them a memory."""
        recurrent, feed = self.realization.transforms
        decoded = nengo.Node(size_in=self.order, label=f"decoded {k}")
        self.decoded.append(decoded)
        for i in range(self.order):
            ensemble = self._add_ensemble(
                i, f"x{i}" if k == 0 else f"x{i} of input {k}"
            )
            nengo.Connection(self.coordinates[part.start + i], ensemble, synapse=None)
            connection = nengo.Connection(
                ensemble,
                decoded[i],
                solver=PoissonL2(
                    noise_tau(self.realization.averaging, ensemble.n_neurons),
                    height=spike_height(self.neuron_type),
                ),
                synapse=None,
            )
            self._decoded.append(connection)
        into = self.coordinates[part]
        nengo.Connection(decoded, into, transform=recurrent, synapse=self.synapse)
        limited = not isinstance(self.neuron_type, nengo.Direct)
        largest = self.realization.largest_input if limited else np.inf
        owner = str(self) if self.size_in == 1 else f"{self}, dimension {k},"
        synapse = InputSynapse(self.synapse.tau, self.dt, feed[:, 0], largest, owner)
        nengo.Connection(self.input[k], into, transform=feed, synapse=synapse)

    def _add_ensemble(self, i: int, label: str) -> nengo.Ensemble:
        headroom = self.realization.headrooms[i]
        intercepts = self.intercepts
        if intercepts is None:
            intercepts = spread_intercepts(headroom, self.allocation)
        n_neurons = int(self.neurons_per_ensemble[i])
        return nengo.Ensemble(
            n_neurons,
            1,
            radius=self.realization.radii[i],
            neuron_type=self.neuron_type,
            max_rates=self.max_rates,
            intercepts=intercepts,
            encoders=alternating_encoders(n_neurons),
            eval_points=tuned_eval_points(headroom),
            label=label,
        )

    def _connect_state(self, post: Any, transform: np.ndarray) -> None:
        """Connect the state of all memories, each through the same transform."""
        n, d = transform.shape
        with self:
            for k in range(self.size_in):
                nengo.Connection(
                    self.coordinates[k * d : (k + 1) * d],
                    post[k * n : (k + 1) * n],
                    transform=transform,
                    synapse=None,
                )

    def add_readout(self, delays: ArrayLike, label: str | None = None) -> nengo.Node:
        """Add a node that gives the input as it was some time ago.

        It is late by the delay and by nothing else: time steps are counted
        (`spiking_lmu.sampled_readout`).

        Parameters
        ----------
        delays : float or (n,) array_like
            In seconds, from 0 to theta.
        label : str, optional
            By default, one that names the delays.

        Returns
        -------
        readout : nengo.Node
            Of size ``size_in * n``: all delays of the first input, then of the next.

        Raises
        ------
        nengo.exceptions.ValidationError
            If a delay lies outside of the window.
        """
        C = self._readout_of_window(delays)
        with self:
            size = self.size_in * len(C)
            node = nengo.Node(size_in=size, label=label or readout_label(delays))
        self._connect_state(node, C @ self.realization.T)
        return node

    def add_output(
        self,
        function: Callable[[np.ndarray], ArrayLike],
        delays: ArrayLike,
        n_neurons: int | None = None,
        label: str | None = None,
    ) -> nengo.Node:
        """Add a node that gives a nonlinear function of the window.

        The values of the window at these delays are represented together by one
        more ensemble, from which the function is decoded.

        Parameters
        ----------
        function : callable
            Takes the values (n,) at the delays; returns a number or a vector.
            With more than one input, it takes (size_in * n,), as `add_readout`
            orders them.
        delays : float or (n,) array_like
            In seconds, from 0 to theta.
        n_neurons : int, optional
            Of the ensemble; ``n_neurons`` of the memory for each of its dimensions
            by default, and at least 100.
        label : str, optional

        Returns
        -------
        output : nengo.Node
            Not filtered: read it with a synapse.

        Raises
        ------
        nengo.exceptions.ValidationError
            If a delay lies outside of the window, or the function cannot take the
            values or does not return numbers.
        """
        C = self._readout_of_window(delays) @ self.realization.T
        d = self.size_in * len(C)
        if n_neurons is None:
            n_neurons = max(100, self.mean_neurons) * d
        n_neurons = check_integer("n_neurons", n_neurons, high=10**6)
        size_out = _size_of("function", function, d)
        covariance = C @ self.realization.covariance @ C.T
        covariance = np.kron(np.eye(self.size_in), covariance)
        # encoders may point anywhere: the widest direction must be covered
        expected = self.spectrum
        peak = expected.peak if expected else float(self.realization.headrooms.max())
        radius = peak * float(np.sqrt(np.linalg.eigvalsh(covariance)[-1]))
        intercepts = self.intercepts
        if intercepts is None:
            intercepts = spread_intercepts(peak)
        label = label or "function of the window"
        # in a network of its own: self.ensembles are the memory's populations
        with self, nengo.Network(label=label):
            window = nengo.Ensemble(
                n_neurons,
                d,
                radius=radius,
                neuron_type=self.neuron_type,
                max_rates=self.max_rates,
                intercepts=intercepts,
                eval_points=_Correlated(covariance / radius**2),
                label=label,
            )
            output = nengo.Node(size_in=size_out, label=label)
            nengo.Connection(
                window,
                output,
                function=function,
                solver=PoissonL2(
                    self.synapse.tau, height=spike_height(self.neuron_type)
                ),
                synapse=None,
            )
        self._connect_state(window, C)
        return output

    def _readout_of_window(self, delays: ArrayLike) -> np.ndarray:
        return sampled_readout(self.theta, self.order, self.dt, delays)

    def check_range(self, signal: ArrayLike) -> RangeCheck:
        """Tell whether an input stays within what the neurons can represent.

        Parameters
        ----------
        signal : (n,) or (n, 1) array_like
            The input at each time step, or that of one of several input dimensions.

        Returns
        -------
        check : RangeCheck
            True as a bool where the state never leaves the radii; print it for the
            figures.
        """
        x = simulate(*self.realization.step, check_column("signal", signal))
        relative = np.abs(x) / self.realization.radii
        return RangeCheck(relative.max(axis=0), np.mean(relative > 1, axis=0))

    def populations(
        self,
        data: Mapping[Any, Any],
        neuron_types: Mapping[nengo.Ensemble, nengo.neurons.NeuronType] | None = None,
    ) -> list[Population]:
        """The neurons as a simulator has built and solved them.

        Parameters
        ----------
        data : mapping
            ``sim.data`` of a simulator that has built this network.
        neuron_types : mapping of nengo.neurons.NeuronType, optional
            By ensemble, where that simulator has neurons of its own:
            ``sim.neuron_types``, which ``sim.data`` of `hardware.loihi.Simulator`
            brings along.

        Returns
        -------
        populations : list of Population
            In the order of ``ensembles``.
        """
        if isinstance(self.neuron_type, nengo.Direct):
            raise refusal("neuron_type", self.neuron_type, "made of neurons")
        self._check_built(data, neuron_types)
        if neuron_types is None:
            neuron_types = getattr(data, "neuron_types", {})
        return [
            Population.solved(data, ensemble, connection, neuron_types.get(ensemble))
            for ensemble, connection in zip(self.ensembles, self._decoded)
        ]

    def predict_rmse(
        self,
        data: Mapping[Any, Any],
        neuron_types: Mapping[nengo.Ensemble, nengo.neurons.NeuronType] | None = None,
        synapse: float | None = None,
        signal: ArrayLike | None = None,
    ) -> float:
        """RMSE of ``output`` that theory predicts, for these very neurons.

        That of the noise of random spikes, as `spiking_lmu.predict_rmse` has it, with
        the decoders that were solved for instead of ones that are drawn; and for a
        given signal, that of the decoders' static distortion with it.

        Parameters
        ----------
        data, neuron_types
            As for `populations`.
        synapse : float, optional
            Time constant, in seconds, of a filter through which the output is read.
        signal : (n,) or (n, size_in) array_like, optional
            The input at each time step. With it, the prediction holds the distortion,
            which is 20 to 40 % of the error of 30 neurons per dimension, and less of
            more. The first theta and five synapses are not counted.

        Returns
        -------
        rmse : float

        Raises
        ------
        nengo.exceptions.ValidationError
            If an argument is out of range, or no theory of these neurons is known:
            of ``nengo.LIF``, for one.
        """
        if isinstance(self.neuron_type, nengo.Direct):
            return 0.0
        populations, d = self.populations(data, neuron_types), self.order
        parts = [populations[k : k + d] for k in range(0, len(populations), d)]
        squares = [
            noise_rmse(self.realization, spiking_noise(self.realization, part), synapse)
            ** 2
            for part in parts
        ]
        if signal is not None:
            u = self._check_signal(signal)
            longest = max(self.synapse.tau, synapse or 0)
            settled = int(np.ceil((self.theta + 5 * longest) / self.dt))
            if len(u) <= settled:
                raise refusal("signal", f"{len(u)} steps", f"of more than {settled}")
            squares += [
                distortion_rmse(self.realization, part, one, synapse, settled) ** 2
                for part, one in zip(parts, u.T)
            ]
        return float(np.sqrt(sum(squares)))

    def _check_built(self, data: Any, neuron_types: Any) -> None:
        if not isinstance(data, Mapping) or not all(e in data for e in self.ensembles):
            allowed = "sim.data of a simulator that has built this network"
            raise refusal("data", data, allowed)
        if neuron_types is not None and not isinstance(neuron_types, Mapping):
            allowed = "sim.neuron_types of that simulator, or None"
            raise refusal("neuron_types", neuron_types, allowed)

    def _check_signal(self, signal: ArrayLike) -> np.ndarray:
        """The input (n, size_in)."""
        if self.size_in == 1:
            return check_column("signal", signal)[:, None]
        u = check_array("signal", signal, ndims=(2,))
        if u.shape[1] != self.size_in:
            raise refusal("signal", u.shape, f"of shape (n, {self.size_in})")
        return u


class _Correlated(Distribution):
    """Normal with a covariance: evaluation points as the window has them."""

    covariance = NdarrayParam("covariance", shape=("*", "*"))

    def __init__(self, covariance: np.ndarray) -> None:
        super().__init__()
        self.covariance = covariance

    def sample(self, n: int, d: int | None = None, rng: Any = np.random) -> np.ndarray:
        values, vectors = np.linalg.eigh(self.covariance)
        points = rng.standard_normal((n, len(values)))
        return points * np.sqrt(np.maximum(values, 0)) @ vectors.T


def _lowpass(synapse: Any) -> nengo.Lowpass:
    if isinstance(synapse, nengo.synapses.Synapse):
        if not isinstance(synapse, nengo.Lowpass):
            raise refusal("synapse", synapse, "a nengo.Lowpass or a time in seconds")
        synapse = synapse.tau
    return nengo.Lowpass(check_positive("synapse", synapse))


def _expected(
    theta: float, order: int, dt: float, freq: Any, rms: Any, spectrum: Any
) -> Spectrum:
    """The spectrum that the arguments of a memory announce."""
    if spectrum is not None:
        if not isinstance(spectrum, Spectrum):
            raise refusal("spectrum", spectrum, "a spiking_lmu.Spectrum")
        if freq is not None or rms is not None:
            name, value = ("freq", freq) if freq is not None else ("rms", rms)
            raise refusal(name, value, "None where spectrum is given")
        return spectrum
    highest = min(0.5 / dt, MAX_CYCLES / theta)
    if freq is None:
        freq = min(usable_band(order) / theta, highest)
    else:
        freq = check_number("freq", freq, low=0, high=highest, exclusive=True)
        warn_of_band(theta, order, freq)
    return Spectrum.flat(freq, 0.5 if rms is None else rms)


def _check_realization(realization: Any, A: np.ndarray, dt: float, tau: float) -> None:
    """Refuse a realization of another memory."""
    if not isinstance(realization, Realization):
        raise refusal("realization", realization, "what realize or realize_for returns")
    theirs = (realization.order, realization.dt, realization.tau)
    own = (len(A), dt, tau)
    same = theirs[0] == own[0] and np.allclose(theirs[1:], own[1:], rtol=1e-6)
    if not same or not np.allclose(realization.A, A, rtol=1e-6):
        raise refusal(
            "realization", theirs, f"of this theta, and of order, dt and synapse {own}"
        )


def _configured(name: str, value: Any, fallback: Any) -> Any:
    """An argument, or what the enclosing networks configure, or our own default."""
    if value is not Default:
        return value
    configured = nengo.Config.default(nengo.Ensemble, name)
    nengo_default = getattr(nengo.Ensemble, name).default
    return fallback if configured is nengo_default else configured


def _size_of(name: str, function: Any, size_in: int) -> int:
    if not callable(function):
        raise refusal(name, function, "a function of the window's values")
    try:
        value = np.atleast_1d(np.asarray(function(np.zeros(size_in))))
    except Exception as error:
        raise ValidationError(
            f"must take an array of {size_in} values and return numbers, "
            f"but raises {type(error).__name__}: {error}",
            attr=name,
        ) from error
    allowed = "a function that returns a number or a vector"
    if value.dtype.kind not in "biuf":
        raise refusal(name, value, allowed)
    if value.ndim != 1 or value.size == 0:
        raise refusal(name, value.shape, allowed)
    return value.size
