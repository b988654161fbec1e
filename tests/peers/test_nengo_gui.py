"""NengoGUI itself, without a browser: our examples open in it and run (make peers-gui).

It serves each script as to a browser. A list takes the place of the browser's socket.
"""

import json
import re
import shutil
import threading
import time
from pathlib import Path
from urllib.request import HTTPCookieProcessor, build_opener

import nengo
import nengo_gui
import pytest
from nengo_gui import components
from nengo_gui.gui import BaseGUI
from nengo_gui.guibackend import GuiServerSettings, ModelContext
from nengo_gui.page import PageSettings

import spiking_lmu

EXAMPLES = Path(__file__).parents[2] / "examples"
MODELS = sorted(path.name[: -len(".py.cfg")] for path in EXAMPLES.glob("*.py.cfg"))
OURS = "spiking_lmu"
NETWORKS = """
import nengo
from spiking_lmu import Simulator, coordinated
from spiking_lmu.networks import LMU, LegendreMemory, SequenceNetwork

with nengo.Network(seed=0) as model:
    stimulus = nengo.Node(lambda t: 0.5)
    memory = LegendreMemory(0.1, 3, 20, freq=10, size_in=2, neuron_type=coordinated())
    difference = memory.add_output(lambda x: x[0] - x[1], [0.1], label="difference")
    unit = LMU(5, 3, 0.1)
    sequences = SequenceNetwork(1, 2, 3, 50, [4, 5])
    lif = nengo.Ensemble(10, 1)
    nengo.Connection(stimulus, memory.input[0], synapse=None)
    nengo.Connection(stimulus, unit.input, synapse=None)
    nengo.Connection(stimulus, lif)
"""
PLOTS = """
_viz_0 = nengo_gui.components.Slider(stimulus)
_viz_1 = nengo_gui.components.Value(difference)
_viz_2 = nengo_gui.components.Raster(memory.ensembles[3])
_viz_3 = nengo_gui.components.Voltage(lif)
_viz_4 = nengo_gui.components.XYValue(sequences.output)
_viz_5 = nengo_gui.components.Value(unit)
_viz_6 = nengo_gui.components.SpikeGrid(lif)
"""


class Browser:
    """The other end of a component's socket."""

    def __init__(self):
        self.received = []

    def write_text(self, text):
        self.received.append(text)

    write_binary = write_text

    def write_frame(self, frame):
        pass


class Shown:
    """A script that a server of NengoGUI serves to one browser."""

    def __init__(self, path, backend):
        settings = GuiServerSettings(("localhost", 0), auto_shutdown=0)
        self.gui = BaseGUI(
            ModelContext(filename=str(path)), settings, PageSettings(backend=backend)
        )
        threading.Thread(target=self.gui.start, daemon=True).start()
        opener = build_opener(HTTPCookieProcessor())
        with opener.open(str(self.gui.server.get_url(token=True))) as answer:
            self.html = answer.read().decode()
        (self.page,) = self.gui.server.pages
        self.control = self.page.get_component(components.SimControl)
        self.graph = self.page.net_graph
        self.browsers = {component: Browser() for component in self.page.components}

    @property
    def plots(self):
        return [c for c in self.page.components if hasattr(c, "label")]

    def update(self):
        for component, browser in self.browsers.items():
            component.update_client(browser)

    def run(self, until=0.05, timeout=300):
        """Press the button, and wait for the simulation to come so far."""
        self.control.message("continue")
        end = time.monotonic() + timeout
        while self.control.time < until:
            assert self.page.error is None, self.page.error["trace"]
            assert time.monotonic() < end, "NengoGUI does not get so far"
            self.update()
            time.sleep(0.01)
        self.control.message("pause")
        self.update()

    def expand(self):
        """Look into all networks; the labels that the browser shows, by parent."""
        networks, seen = set(self.page.model.all_networks), set()
        while True:
            while self.graph.to_be_expanded:
                self.update()
            uids = {uid for uid, item in self.graph.uids.items() if item in networks}
            if uids == seen:
                break
            for uid in uids - seen:
                self.graph.message(json.dumps({"act": "auto_expand", "uid": uid}))
            seen = uids
        labels = {}
        for message in map(json.loads, self.browsers[self.graph].received):
            if "label" in message:
                labels.setdefault(message["parent"], []).append(message["label"])
        return labels

    def close(self):
        self.control.paused = False
        self.page.finish()
        self.gui.server.shutdown()


@pytest.fixture(scope="module", autouse=True)
def compiled():
    """Compile now, where no test waits for it."""
    with spiking_lmu.Simulator(nengo.Network(), progress_bar=False) as sim:
        sim.step()


@pytest.fixture
def show(tmp_path, monkeypatch):
    """A function that opens scripts in a folder where NengoGUI may save its layout."""
    monkeypatch.chdir(tmp_path)
    opened = []

    def open_one(path, backend):
        opened.append(Shown(path, backend))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


def copy(name, folder):
    for path in EXAMPLES.glob(f"{name}.py*"):
        shutil.copy(path, folder)
    return folder / f"{name}.py"


@pytest.mark.parametrize("backend", [OURS, "nengo"])
@pytest.mark.parametrize("name", MODELS)
def test_example_opens_and_runs(name, backend, show, tmp_path):
    path = copy(name, tmp_path)
    shown = show(path, backend)
    assert shown.page.error is None, shown.page.error["trace"]
    assert "Warning" not in shown.page.stdout
    assert type(shown.page.sim).__module__.split(".")[0] == "builtins"  # not built yet

    layout = path.with_name(path.name + ".cfg").read_text()
    assert len(shown.plots) == layout.count("nengo_gui.components.") - 2 >= 3
    for plot in shown.plots:
        assert plot.javascript() in shown.html
    labels = shown.expand()
    assert len(labels) == 1 + len(shown.page.model.all_networks)
    for siblings in labels.values():
        assert len(set(siblings)) == len(siblings)
        assert not any("[" in label for label in siblings), siblings

    shown.run()
    assert type(shown.page.sim).__module__.split(".")[0] == backend
    for plot in shown.plots:
        assert shown.browsers[plot].received, plot
    # what it saves when something is moved is the same layout again
    shown.page.save_config(force=True)
    again = show(path, backend)
    assert [plot.javascript_config({}) for plot in again.plots] == [
        plot.javascript_config({}) for plot in shown.plots
    ]


def test_other_examples_say_that_they_are_no_models(show, tmp_path):
    others = {path.stem for path in EXAMPLES.glob("*.py")} - set(MODELS)
    assert others
    for name in sorted(others):
        shown = show(copy(name, tmp_path), OURS)
        assert "no model for NengoGUI" in shown.page.code
        expected = "must declare a nengo.Network|No module named"
        assert re.search(expected, shown.page.error["trace"])


@pytest.mark.parametrize("backend", [OURS, "nengo"])
def test_every_network_and_plot(backend, show, tmp_path):
    path = tmp_path / "networks.py"
    path.write_text(NETWORKS)
    path.with_name("networks.py.cfg").write_text(PLOTS)
    shown = show(path, backend)
    labels = shown.expand()
    assert {"memory", "unit", "sequences"} <= set(labels[None])
    assert {"x0", "x0 of input 1", "decoded of input 1"} <= set(labels["memory"])
    assert {"input", "memory", "hidden", "output"} <= set(labels["unit"])
    assert {"input", "memory", "hidden", "output"} <= set(labels["sequences.lmu"])
    shown.run()
    assert len(shown.plots) == 7
    for plot in shown.plots:
        assert shown.browsers[plot].received, plot

    # sliders, pauses, a new start, and the windows with tuning curves
    slider, value = shown.plots[:2]
    assert isinstance(slider, components.Slider)
    slider.message("0,-0.5")
    shown.run(shown.control.time + 0.05)
    for name in ("lif", "memory.ensembles[0]"):
        asked = {"act": "create_modal", "uid": name}
        asked.update(conn_in_uids=[], conn_out_uids=[])
        shown.graph.message(json.dumps(asked))
    shown.control.message("reset")
    shown.run()
    modals = [m for m in shown.browsers[shown.graph].received if "Tuning curves" in m]
    assert len(modals) == 2
    value.message("synapse:0.1")
    shown.run(shown.control.time + 0.05)


def test_emulator_of_loihi_as_backend(show, tmp_path):
    shown = show(copy("on_loihi", tmp_path), "spiking_lmu.hardware.loihi")
    shown.run()
    assert type(shown.page.sim).__module__ == "spiking_lmu.hardware.loihi"
    for plot in shown.plots:
        assert shown.browsers[plot].received, plot


def test_version():
    assert nengo_gui.__version__.startswith("0.6")
