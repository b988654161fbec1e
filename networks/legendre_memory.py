"""The memory of a Legendre Memory Unit, as ensembles of spiking neurons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import nengo
import numpy as np
from nengo.dists import Distribution
from nengo.params import Default
from numpy.typing import ArrayLike

from spiking_lmu.decoders import decoder_solver
from spiking_lmu.linear_systems import simulate
from spiking_lmu.neurons import (
    ALLOCATIONS,
    MAX_RATES,
    check_neurons,
    is_coordinated,
    poisson,
)
from spiking_lmu.populations import Population
from spiking_lmu.realization import Realization, check_realization, realize
from spiking_lmu.signals import Spectrum
from spiking_lmu.tuning_curves import tuning
from spiking_lmu.validation import (
    check_choice,
    check_column,
    check_flag,
    check_integer,
    check_positive,
    refusal,
)

from .built_memory import built_populations, built_rmse
from .configuration import configured
from .expectations import InputSynapse, RangeCheck, expected_spectrum
from .memory import Memory
from .window_functions import add_ensemble, add_function


class LegendreMemory(Memory):
    r"""A sliding window over the last theta seconds of a signal, held by neurons.

    The state m of the memory follows the linear system of LMU 2019 (`state_space`),
    and m is the window: :math:`u(t - r \theta) \approx \sum_i P_i(2r - 1) m_i(t)`.
    Its coordinates x, :math:`m = T x`, are each held by one population of neurons.
    The populations' decoded values pass through one lowpass synapse back to all of
    them, with the recurrent transform of Principle 3 (`map_to_synapse`).

    An input beyond ``freq`` and ``rms`` is still remembered, with the same populations,
    until a coordinate leaves the radius of its population, which `check_range` tests.
    Then the decoded values are too small for the recurrence to hold the state. The
    memory is wrong, by as much as the window itself or more, while that lasts and for
    up to two theta afterwards.

    Parameters
    ----------
    theta : float
        Length of the sliding window, in seconds.
    order : int
        Number of state variables, d.
    n_neurons : int
        Mean number of neurons per dimension: ``order * n_neurons`` in all.
    synapse : float or nengo.Lowpass
        Recurrent synapse; a number is its time constant in seconds.
    dt : float
        Time step, in seconds, of the simulator that will run this network. A simulator
        with another time step raises an error when it builds the network.
    neuron_type : nengo.neurons.NeuronType
        `poisson` by default, or what the enclosing network's ``config`` sets. With
        rate neurons or `nengo.Direct`, the network is its own reference: without
        spikes, or without any neural error.
    coordinates : str
        ``"balanced"`` for the least noise, or ``"legendre"``.
    allocation : str
        How neurons are shared among the populations and spread over the radius of
        each. ``"optimal"`` gives the least noise; ``"equal"`` gives each population as
        many neurons, with intercepts evenly over the radius. ``"legendre"`` with
        ``"equal"`` is the design of LMU 2019, with our decoders and maximum rates.
    freq : float, optional
        Highest frequency of the expected input, in Hz. By default, the highest that
        a memory of this order delays with an error of no more than 1 %, or half
        the rate of time steps if that is lower. A warning is given if the order is
        too small for ``freq``.
    rms : float, optional
        Root mean square of the expected input; 0.5 by default. Nengo and Loihi's
        emulator warn if the input exceeds 4.5 times that. NengoDL does not, but
        `check_range` tests any signal.
    spectrum : Spectrum, optional
        The expected input in full, instead of ``freq`` and ``rms``; for an example
        signal, ``Spectrum.from_signal(signal, dt)``.
    realization : Realization, optional
        Coordinates, radii and shares of neurons, instead of ``coordinates``, ``freq``,
        ``rms`` and ``spectrum``; for given data, what `realize_for` returns.
    max_rates : nengo.dists.Distribution
        Maximum rates of the neurons: 200 to 400 Hz by default, or what the enclosing
        network's ``config`` sets. Coordinated neurons all have the mean of them.
    intercepts : nengo.dists.Distribution, optional
        Intercepts of the neurons, relative to the radius: `spread_intercepts` by
        default, or what the enclosing network's ``config`` sets.
    noise_shaping : bool
        Whether each population carries its error over: what it has sent too much or
        too little in one step is taken from its drive in the next. The noise of spikes
        and the distortion of decoders then hardly reach the state, since the memory
        follows slow changes only. That takes one more number a population, and works
        with all neuron types. See `noise`.
    size_in : int
        Number of input dimensions. Each has a memory of its own, with
        ``order * n_neurons`` neurons.
    label : str, optional
        Name of the network.
    seed : int, optional
        Seed of everything random in the neurons.
    add_to_container : bool, optional
        As for `nengo.Network`.

    Attributes
    ----------
    input : nengo.Node
        The input, of size ``size_in``. It is not filtered: connect to it with
        ``synapse=None``.
    output : nengo.Node
        The state m in Legendre coordinates, of size ``size_in * order``, the memory of
        one input after the other. It has passed through the recurrent synapse, which
        removes most of the spikes' noise. The state follows the input of the step
        before; `add_readout` accounts for that.
    encoded : nengo.Node
        The same state in the coordinates x. The ensembles encode it; with noise
        shaping, they encode it less the errors that they carry over.
    decoded : list of nengo.Node
        The values decoded from the ensembles, before the recurrent transform and
        synapse: one node of size ``order`` for each input dimension.
    errors : list of nengo.Node
        With noise shaping, the errors of the decoded values, as ``decoded``.
    ensembles : list of nengo.Ensemble
        ``size_in * order`` populations of one dimension each.
    n_neurons : int
        Number of all neurons, as for every `nengo.Network`.
    n_neurons_per_dimension : int
        Mean number of neurons per dimension: the argument ``n_neurons``.
    n_neurons_per_ensemble : (order,) ndarray of int
        Number of neurons of each population of one memory.
    realization : Realization
        Coordinates, radii and shares of neurons.
    spectrum : Spectrum or None
        The expected input; None if a realization was given.

    Raises
    ------
    nengo.exceptions.ValidationError
        If an argument is out of range, or the expected input is given twice;
        and when a simulator with another time step builds the network.

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
        intercepts: Distribution | None = Default,
        noise_shaping: bool = False,
        size_in: int = 1,
        label: str | None = None,
        seed: int | None = None,
        add_to_container: bool | None = None,
    ) -> None:
        own = {"label": label, "seed": seed, "add_to_container": add_to_container}
        super().__init__(theta, order, dt, size_in, **own)
        self.n_neurons_per_dimension = check_integer("n_neurons", n_neurons, high=10**6)
        self.synapse = _lowpass(synapse)
        self.allocation = check_choice("allocation", allocation, ALLOCATIONS)
        self.neuron_type = configured("neuron_type", neuron_type, poisson())
        self.max_rates = configured("max_rates", max_rates, MAX_RATES)
        self.intercepts = configured("intercepts", intercepts, None)
        check_neurons(self.neuron_type, self.max_rates, self.intercepts)
        self.noise_shaping = check_flag("noise_shaping", noise_shaping)

        if realization is None:
            spectrum = expected_spectrum(
                self.theta, self.order, self.dt, freq, rms, spectrum
            )
            realization = realize(
                self.A, self.B, self.dt, self.synapse.tau, spectrum, coordinates
            )
        else:
            check_realization(realization, (self.A, self.dt, self.synapse.tau))
            for name, value in (("freq", freq), ("rms", rms), ("spectrum", spectrum)):
                if value is not None:
                    raise refusal(name, value, "None if a realization is given")
        self.spectrum = spectrum
        self.realization = realization
        self.coordinates = realization.coordinates
        total = self.order * self.n_neurons_per_dimension
        self.n_neurons_per_ensemble = realization.neurons(
            total, allocation, is_coordinated(self.neuron_type)
        )
        n = self.order * self.size_in
        self.decoded: list[nengo.Node] = []
        self.errors: list[nengo.Node] = []
        self._decoders: list[nengo.Connection] = []
        with self:
            self.input = nengo.Node(size_in=self.size_in, label="input")
            self.encoded = nengo.Node(size_in=n, label="encoded")
            self.output = nengo.Node(size_in=n, label="output")
            for k in range(self.size_in):
                self._add_system(k)
        self._connect_state(self.output, np.eye(self.order))

    def _add_system(self, k: int) -> None:
        """Add the populations for one input dimension, and connect them to a memory."""
        recurrent, feed = self.realization.transforms
        of_input = f" of input {k}" if k else ""
        decoded = nengo.Node(size_in=self.order, label=f"decoded{of_input}")
        self.decoded.append(decoded)
        state = self.encoded[self.part(k)]
        drive, first = self.encoded, self.part(k).start
        if self.noise_shaping:
            drive, first = self._add_drive(state, decoded, of_input), 0
        for i in range(self.order):
            ensemble = self._add_ensemble(i, f"x{i}{of_input}")
            nengo.Connection(drive[first + i], ensemble, synapse=None)
            connection = nengo.Connection(
                ensemble,
                decoded[i],
                solver=decoder_solver(
                    self.realization.averaging, ensemble.n_neurons, self.neuron_type
                ),
                synapse=None,
            )
            self._decoders.append(connection)
        nengo.Connection(decoded, state, transform=recurrent, synapse=self.synapse)
        limited = not isinstance(self.neuron_type, nengo.Direct)
        largest = self.realization.largest_input if limited else np.inf
        owner = str(self) if self.size_in == 1 else f"{self}, dimension {k},"
        synapse = InputSynapse(self.synapse.tau, self.dt, feed[:, 0], largest, owner)
        nengo.Connection(self.input[k], state, transform=feed, synapse=synapse)

    def _add_drive(self, state: Any, decoded: nengo.Node, of_input: str) -> nengo.Node:
        """Add the state less the errors of the last decoded values, and these errors.

        It is a membrane of the whole population: it sums what arrives, and loses what
        the population sends.
        """
        drive = nengo.Node(size_in=self.order, label=f"drive{of_input}")
        errors = nengo.Node(size_in=self.order, label=f"errors{of_input}")
        self.errors.append(errors)
        nengo.Connection(state, drive, synapse=None)
        nengo.Connection(decoded, errors, synapse=None)
        nengo.Connection(drive, errors, transform=-1, synapse=None)
        # a synapse of 0 passes a value on in the next step
        nengo.Connection(errors, drive, transform=-self.realization.carried, synapse=0)
        return drive

    def _add_ensemble(self, i: int, label: str) -> nengo.Ensemble:
        headroom = self.realization.headrooms[i]
        n_neurons = int(self.n_neurons_per_ensemble[i])
        return nengo.Ensemble(
            n_neurons,
            1,
            radius=self.realization.radii[i],
            neuron_type=self.neuron_type,
            label=label,
            **tuning(
                self.neuron_type,
                n_neurons,
                headroom,
                self.allocation,
                self.max_rates,
                self.intercepts,
            ),
        )

    def _connect_state(self, post: Any, weights: np.ndarray) -> None:
        self._connect_each(self.encoded, post, weights @ self.realization.T)

    def add_output(
        self,
        function: Callable[[np.ndarray], ArrayLike],
        delays: ArrayLike,
        n_neurons: int | None = None,
        label: str | None = None,
    ) -> nengo.Node:
        """Add a node that gives a nonlinear function of the window.

        One more ensemble represents the values of the window at these delays together;
        the function is decoded from it.

        Parameters
        ----------
        function : callable
            Takes the values (n,) at the delays; returns a number or a vector.
            With more than one input, it takes (size_in * n,), ordered as by
            `add_readout`.
        delays : float or (n,) array_like
            In seconds, from 0 to theta.
        n_neurons : int, optional
            Number of neurons of the ensemble. By default, as many for each of its
            dimensions as the memory has, and at least 100.
        label : str, optional
            Name of the node.

        Returns
        -------
        output : nengo.Node
            It is not filtered: read it with a synapse.

        Raises
        ------
        nengo.exceptions.ValidationError
            If a delay lies outside the window, or the function does not accept the
            values or does not return numbers.
        """
        return add_function(self, function, self._weights_at(delays), n_neurons, label)

    def add_ensemble(
        self, delays: ArrayLike, n_neurons: int | None = None, label: str | None = None
    ) -> nengo.Ensemble:
        """Add an ensemble that represents the values of the window at these delays.

        Connect from it as from any ensemble, with a learning rule for instance.

        Parameters
        ----------
        delays, n_neurons, label
            As for `add_output`. The ensemble has ``size_in * n`` dimensions.

        Returns
        -------
        ensemble : nengo.Ensemble
            It is not one of ``ensembles``, which are the memory's own.
        """
        return add_ensemble(self, self._weights_at(delays), n_neurons, label)

    def check_range(self, signal: ArrayLike) -> RangeCheck:
        """Check whether the neurons can represent the state for an input.

        Parameters
        ----------
        signal : (n,) or (n, 1) array_like
            The input at each time step, or that of one of several input dimensions.

        Returns
        -------
        check : RangeCheck
            True as a bool if the state never leaves the radii. Print it for the
            numbers.
        """
        x = simulate(*self.realization.step, check_column("signal", signal))
        relative = np.abs(x) / self.realization.radii
        return RangeCheck(relative.max(axis=0), np.mean(relative > 1, axis=0))

    def populations(
        self,
        data: Mapping[Any, Any],
        neuron_types: Mapping[nengo.Ensemble, nengo.neurons.NeuronType] | None = None,
    ) -> list[Population]:
        """The neurons and decoders that a simulator has built.

        Parameters
        ----------
        data : mapping
            ``sim.data`` of a simulator that has built this network.
        neuron_types : mapping of nengo.neurons.NeuronType, optional
            Neuron types of that simulator by ensemble, if they differ from those of the
            network. ``sim.data`` of `hardware.loihi.Simulator` includes them.

        Returns
        -------
        populations : list of Population
            In the order of ``ensembles``.
        """
        return built_populations(self, self._decoders, data, neuron_types)

    def predict_rmse(
        self,
        data: Mapping[Any, Any],
        neuron_types: Mapping[nengo.Ensemble, nengo.neurons.NeuronType] | None = None,
        synapse: float | None = None,
        signal: ArrayLike | None = None,
    ) -> float:
        """Predict the RMSE of ``output`` for the neurons of a built network.

        The error is that of the noise of the spikes, as in `spiking_lmu.predict_rmse`
        but with the built neurons and decoders. With a signal, it includes the static
        distortion of the decoders.

        Parameters
        ----------
        data, neuron_types
            As for `populations`.
        synapse : float, optional
            Time constant, in seconds, of a filter through which the output is read.
        signal : (n,) or (n, size_in) array_like, optional
            The input at each time step, for the distortion. This is 20 to 40 % of the
            error with 30 neurons per dimension, and a smaller share with more. The
            first theta and five synapses are not counted. Coordinated neurons with
            other shifts than the random one require a signal, since their noise
            depends on it (`spiking_lmu.sampling`), and no noise shaping.

        Returns
        -------
        rmse : float
            Root mean square error of the whole state.

        Raises
        ------
        nengo.exceptions.ValidationError
            If there is no theory for the neurons, such as ``nengo.LIF``, or an
            argument is out of range.
        """
        if isinstance(self.neuron_type, nengo.Direct):
            return 0.0
        populations = self.populations(data, neuron_types)
        return built_rmse(self, populations, synapse, signal)


def _lowpass(synapse: Any) -> nengo.Lowpass:
    if isinstance(synapse, nengo.synapses.Synapse):
        if not isinstance(synapse, nengo.Lowpass):
            raise refusal("synapse", synapse, "a nengo.Lowpass or a time in seconds")
        synapse = synapse.tau
    return nengo.Lowpass(check_positive("synapse", synapse))
