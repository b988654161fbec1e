"""Write a memory to files for other simulators, such as snnTorch and Norse.

Requires nir, the extra ``nir``. docs/nir.md shows how they read the files. There is
no model for NengoGUI.
"""

import nengo
import nir
import numpy as np

from spiking_lmu.networks import LegendreMemory, to_nir

memory = LegendreMemory(
    theta=0.1,
    order=3,
    n_neurons=40,
    synapse=0.05,
    dt=1e-4,
    # without what NIR does not have: a refractory period and a lowest voltage
    neuron_type=nengo.LIF(tau_ref=0, min_voltage=-np.inf),
    label="memory",
    seed=0,
)

if __name__ == "__main__":
    # "CubaLIF": synapses inside neurons, for simulators without leaky integrators
    for form in ("LI", "CubaLIF"):
        graph = to_nir(memory, form=form)
        nir.write(f"memory-{form}.nir", graph)
        print(f"\nmemory-{form}.nir, for steps of {graph.metadata['dt']} s:")
        for name, node in graph.nodes.items():
            after = ", ".join(post for pre, post in graph.edges if pre == name)
            size = node.output_type["output"][0]
            line = f"  {name} ({type(node).__name__}, {size} values)"
            print(f"{line} -> {after}" if after else line)
