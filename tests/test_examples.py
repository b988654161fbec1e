"""Scripts in examples/: what NengoGUI opens, without NengoGUI.

With it: tests/peers/test_nengo_gui.py.
"""

import runpy
from pathlib import Path
from types import SimpleNamespace

import nengo
import pytest

FOLDER = Path(__file__).parents[1] / "examples"
EXAMPLES = sorted(FOLDER.glob("*.py"))
#: What a script says in its first lines if it is not for NengoGUI.
NO_MODEL = "no model for NengoGUI"
PACKAGES = {
    "electrocardiogram": ("pywt",),
    "on_loihi": ("nengo_loihi",),
    "other_simulators": ("nir",),
}


class Components:
    """Stands for `nengo_gui.components`; it gives what each plot shows."""

    def __getattr__(self, kind):
        return lambda shown=None: SimpleNamespace(kind=kind, shown=shown)


class Configuration:
    """Stands for `nengo_gui.Config`."""

    def __init__(self):
        self.options = {}

    def __getitem__(self, item):
        return self.options.setdefault(id(item), SimpleNamespace())


@pytest.fixture(autouse=True)
def no_simulations(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a simulation outside of `if __name__ == '__main__':`")

    monkeypatch.setattr(nengo.simulator.Simulator, "__init__", refuse)
    monkeypatch.setattr("spiking_lmu.training.fit", refuse)
    # which builds neurons for seconds to find it
    monkeypatch.setattr("spiking_lmu.required_neurons", lambda *args: 100)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_nengo_gui_finds_a_model_and_the_objects_of_its_plots(path):
    for package in PACKAGES.get(path.stem, ()):
        pytest.importorskip(package)
    layout = path.with_name(path.name + ".cfg")
    if NO_MODEL in path.read_text():
        assert not layout.exists()
        assert not isinstance(runpy.run_path(str(path)).get("model"), nengo.Network)
        return
    names = runpy.run_path(str(path))
    assert isinstance(names["model"], nengo.Network)
    configuration = Configuration()
    names.update(
        _viz_config=configuration, nengo_gui=SimpleNamespace(components=Components())
    )
    for line in layout.read_text().splitlines():
        exec(line, names)
    components = [v for name, v in names.items() if name.startswith("_viz_")]
    shown = [c.shown for c in components if getattr(c, "shown", None) is not None]
    model = names["model"]
    assert len(shown) >= 3 and {*shown} <= {*model.all_objects, *model.all_networks}
    # all that is drawn has a place, and a name from its label or a variable
    variables = {id(value) for value in names.values()}
    for item in {*shown, *model.ensembles, *model.nodes, *model.networks}:
        assert item.label or id(item) in variables
    for item in [*model.ensembles, *model.nodes, *model.networks]:
        assert len(configuration[item].pos) == len(configuration[item].size) == 2
