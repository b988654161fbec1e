"""See the window that a memory holds. In NengoGUI: ``nengo examples/window.py``.

The picture shows the last half second, from theta ago on the left to now on the right:
in blue as 1,200 neurons remember it, in grey as the same memory does without neurons.
The slider replaces the signal.
"""

import nengo
import numpy as np

from spiking_lmu.networks import ExactMemory, LegendreMemory

THETA, ORDER, POINTS = 0.5, 6, 26
DELAYS = np.linspace(THETA, 0, POINTS)


def curve(values, colour):
    """A line of SVG through values between -1.5 and 1.5."""
    x, y = np.linspace(0, 100, POINTS), 30 - 20 * np.clip(values, -1.5, 1.5)
    points = " ".join(f"{a:.0f},{b:.1f}" for a, b in zip(x, y))
    return f'<polyline points="{points}" fill="none" stroke="{colour}"/>'


def draw(t, values):
    """NengoGUI shows the attribute ``_nengo_html_`` of a node's function."""
    curves = curve(values[POINTS:], "#999999") + curve(values[:POINTS], "#0072b2")
    size = 'width="100%" height="100%" viewBox="0 0 100 60"'
    draw._nengo_html_ = f"<svg {size}>{curves}</svg>"


draw._nengo_html_ = ""

with nengo.Network(seed=0) as model:
    stimulus = nengo.Node(nengo.processes.WhiteSignal(10, high=2, rms=0.4, seed=0))
    memory = LegendreMemory(
        THETA, ORDER, n_neurons=200, freq=2, rms=0.4, label="memory"
    )
    exact = ExactMemory(THETA, ORDER, label="without neurons")
    window = nengo.Node(draw, size_in=2 * POINTS)
    for each, part in ((memory, slice(POINTS)), (exact, slice(POINTS, None))):
        nengo.Connection(stimulus, each.input, synapse=None)
        remembered = each.add_readout(DELAYS, label="window")
        nengo.Connection(remembered, window[part], synapse=0.01)
