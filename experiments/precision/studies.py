"""What the precision experiment runs beside its grid: two studies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from spiking_lmu.experiments.sweeps.backends import backend
from spiking_lmu.neurons import LINEAR, NEURON_TYPES

#: Ways to make spikes from the tuning curves of LIF neurons; and the rates themselves.
# the nearest number of spikes errs alike in each step, unless errors are carried over
GENERATORS = tuple(
    name for name in NEURON_TYPES if name not in (*LINEAR, "coordinated-nearest")
)
ORDER = 6  # of the memories that compare them, or the nearest in the grid
SLOWER = (0.5, 0.25)  # maximum rates, over those of the grid

Cell = dict[str, Any]


def floor_cells(cells: list[Cell]) -> list[Cell]:
    """What becomes of the largest LIF network if one thing about it changes."""
    lif = [cell for cell in cells if cell["neuron_type"] == "lif"]
    if not lif:
        return []
    largest = max(lif, key=lambda cell: (cell["order"], cell["n_neurons"]))
    # at the first theta and synapse, for that is what is compared
    cell = {**largest, "study": "floor", "design": lif[-1]["design"]}
    changes: list[Cell] = [{"synapse": 2 * cell["synapse"]}, {"neuron_type": "rate"}]
    if "rate" in backend(cell["backend"]).lacks:
        changes[-1]["backend"] = "compiled"
    if cell["signal"] == "white noise":  # a recording has the steps that it has
        changes += [{"dt": cell["dt"] / 2}, {"cycles": cell["cycles"] / 2}]
    return [{**cell, **change} for change in changes]


def generator_cells(cells: list[Cell]) -> list[Cell]:
    """All `GENERATORS` beside coordinated neurons, at one order and in one design.

    Over the sizes of the grid, except what is in the grid; and with slower neurons in
    the middle one of these sizes.
    """
    if not any(cell["neuron_type"] == "coordinated" for cell in cells):
        return []
    order = nearest_order(cell["order"] for cell in cells)
    cell = {**cells[0], "order": order, "design": cells[-1]["design"]}
    sizes = sorted({cell["n_neurons"] for cell in cells})
    over_sizes: list[Cell] = [
        {**cell, "n_neurons": n, "neuron_type": kind}
        for kind in GENERATORS
        for n in sizes
    ]
    over_rates: list[Cell] = [
        {
            **cell,
            "n_neurons": sizes[len(sizes) // 2],
            "neuron_type": kind,
            "rate_factor": factor,
        }
        for kind in GENERATORS[:-1]  # without spikes there are no more of them
        for factor in SLOWER
    ]
    new = [one for one in over_sizes if one not in cells] + over_rates
    return [{**one, "study": "generators"} for one in new]


def nearest_order(orders: Iterable[int]) -> int:
    """The order at which `GENERATORS` are compared, of those in a grid."""
    return min(set(orders), key=lambda order: (abs(order - ORDER), order))
