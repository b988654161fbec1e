"""Networks for other simulators: the Neuromorphic Intermediate Representation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import nengo
import numpy as np
from nengo.exceptions import ValidationError

from spiking_lmu.compatibility import missing
from spiking_lmu.validation import check_choice, check_flag, check_number, refusal

from .nir_graph import Graph, labels
from .signal_flow import SignalFlow

FORMS = ("LI", "CubaLIF", "CubaLIF-full")
INTEGRATORS = ("euler", "exact")


def to_nir(
    network: nengo.Network,
    dt: float | None = None,
    inputs: Sequence[nengo.Node] | None = None,
    outputs: Sequence[Any] | None = None,
    form: str = "LI",
    integrator: str = "euler",
    below_rest: bool = False,
    data: Mapping[Any, Any] | None = None,
) -> Any:
    r"""Write a network as a graph of the Neuromorphic Intermediate Representation.

    The graph has one input, one output, and one node for all neurons, and for all
    synapses, that are alike. Between them are matrices: encoders and biases as
    ``Affine``, decoders with transforms as ``Linear``. Only what the outputs depend on
    is written. ``nir.write`` writes the graph to a file.

    ==============================================  ================================
    Nengo                                           NIR
    ==============================================  ================================
    ``LIF(tau_ref=0, min_voltage=-np.inf)``         ``LIF``, or ``CubaLIF`` by form
    ``SpikingRectifiedLinear()``                    ``IF``
    ``Lowpass(tau)``; ``Alpha(tau)``                one ``LI``; two in series
    ``Lowpass(0)``                                  ``Delay`` of one step
    encoders, gains, biases                         ``Affine``
    decoders, transforms, nodes without a function  ``Linear``
    ``Direct()``, without functions                 (part of the matrices)
    ==============================================  ================================

    Parameters
    ----------
    network : nengo.Network
        `LegendreMemory`, `LMU`, `SequenceNetwork`, or any other.
    dt : float, optional
        Time step of the simulator that will run the graph, in seconds. Spikes are ones
        in NIR, and of height 1 / dt in Nengo: decoders are divided by it. By default
        ``network.dt``, or 0.001.
    inputs : sequence of nengo.Node, optional
        Nodes whose values the input of the graph has, one after the other. By default
        ``network.input`` or ``network.stimulus``; in networks without them, all nodes
        that nothing connects to and that are not constant.
    outputs : sequence of nengo.Node, nengo.Probe or neurons, optional
        What the output of the graph has, one after the other; probes with their
        synapses. By default ``network.output``, or all probes.
    form : str
        Where synapses are. ``"LI"``: they are nodes of their own. ``"CubaLIF"``: they
        are inside the neurons, for simulators and chips that have no ``LI``. All
        synapses of a neuron must be one lowpass filter then, and the synapse of the
        outputs is left out: filter them yourself
        (``graph.metadata["output_synapse"]``). ``"CubaLIF-full"``: in addition,
        decoders and encoders are multiplied into weights between neurons.
    integrator : str
        ``"euler"`` for simulators that compute
        :math:`v \leftarrow v + \Delta t / \tau \, (\ldots)`: time constants are those
        with which this is what Nengo computes in a step. ``"exact"`` for all others:
        the time constants of Nengo.
    below_rest : bool
        Whether neurons are also written whose voltage has a lowest value that NIR does
        not have: ``LIF()`` with a ``min_voltage``, and ``SpikingRectifiedLinear()``
        if its current may be negative.
    data : mapping, optional
        ``sim.data`` of a simulator that has built the network, for its neurons and
        decoders. By default the network is built; without a seed, at random.

    Returns
    -------
    graph : nir.NIRGraph
        Its ``metadata`` has ``dt``, ``form``, ``integrator``, ``output_synapse`` (time
        constant in seconds, 0 for none), and the labels of ``inputs`` and ``outputs``
        with first and last index, as JSON.

    Raises
    ------
    nengo.exceptions.ValidationError
        If the network has something that the format does not have; the message names
        it. If an argument is out of range, or the package nir is not installed.

    Notes
    -----
    `nengo.LIF` without a refractory period loses, as NIR's does, what the voltage is
    above the threshold when it spikes. Decoders do not know of that: their values are
    too small by about half a step times the rate. Use low rates or a small ``dt``.

    NIR has no initial states: simulators begin with a voltage of 0.

    References
    ----------
    J. E. Pedersen et al., *Neuromorphic intermediate representation: a unified
    instruction set for interoperable brain-inspired computing*, Nature Communications
    15, 2024.
    """
    if not isinstance(network, nengo.Network):
        raise refusal("network", network, "a nengo.Network")
    dt = getattr(network, "dt", 0.001) if dt is None else dt
    dt = check_number("dt", dt, low=0, exclusive=True)
    check_choice("form", form, FORMS)
    check_choice("integrator", integrator, INTEGRATORS)
    below_rest = check_flag("below_rest", below_rest)
    try:
        nir: Any = import_module("nir")
    except ImportError:
        raise missing("nir", "to_nir") from None

    def check(ensemble: nengo.Ensemble) -> None:
        check_neurons(ensemble, form, below_rest)

    flow = SignalFlow(network, inputs, outputs, dt, check, data)
    if not below_rest:
        for ensemble in flow.ensembles:
            check_currents(flow, ensemble)
    graph = Graph(nir, flow, integrator)
    tau = graph.connect_nodes() if form == "LI" else graph.connect_neurons(form)
    metadata = {
        "dt": dt,
        "form": form,
        "integrator": integrator,
        "output_synapse": tau,
        "inputs": labels(graph.input),
        "outputs": labels(graph.output),
    }
    return nir.NIRGraph(graph.nodes, graph.edges, metadata=metadata)


def check_neurons(ensemble: nengo.Ensemble, form: str, below_rest: bool) -> None:
    """Refuse neurons that NIR does not have; see `to_nir`."""
    kind = ensemble.neuron_type
    known = "nengo.LIF(tau_ref=0, min_voltage=-np.inf)"
    if form == "LI":
        known += ", nengo.SpikingRectifiedLinear() or nengo.Direct()"
    if type(kind) is nengo.LIF:
        if kind.tau_ref != 0:
            problem = "refractory periods cannot be written"
        elif np.isfinite(kind.min_voltage) and not below_rest:
            problem = "a lowest voltage cannot be written; below_rest=True omits it"
        else:
            return
    elif type(kind) is nengo.SpikingRectifiedLinear and form == "LI":
        return
    elif kind.spiking:
        problem = "NIR has no such spikes"
    else:
        problem = "NIR has no such response curve"
    raise ValidationError(
        f"of {ensemble} must be {known}, but is {kind}: {problem}", attr="neuron_type"
    )


def check_currents(flow: SignalFlow, ensemble: nengo.Ensemble) -> None:
    """Refuse integrate-and-fire neurons whose current may be negative; see `to_nir`."""
    if not isinstance(ensemble.neuron_type, nengo.SpikingRectifiedLinear):
        return
    lowest = flow.lowest_current(ensemble)
    if lowest is None or np.any(lowest < 0):
        raise ValidationError(
            f"of {ensemble} must be given currents that are never negative, as by "
            "intercepts=nengo.dists.Choice([-1]), or below_rest=True must be set: IF "
            f"neurons of NIR integrate negative currents, {ensemble.neuron_type} does "
            "not",
            attr="neuron_type",
        )
