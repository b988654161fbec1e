"""The report in a real browser: what a reader sees, on a phone and on a desk."""

from __future__ import annotations

import json
import shutil
import time

import numpy as np
import pandas as pd
import pytest
from markupsafe import Markup

from spiking_lmu.experiments.pages import report, style

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is missing")

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def find_program(*names):
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"{names[0]} is missing")
    return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = find_program("chromium", "chromium-browser", "chrome")
    for flag in FLAGS:
        options.add_argument(flag)
    profile = tmp_path_factory.mktemp("profile")
    options.add_argument(f"--user-data-dir={profile}")
    logs = {"browser": "ALL", "performance": "ALL"}
    options.set_capability("goog:loggingPrefs", logs)
    driver = find_program("chromedriver")
    service = webdriver.ChromeService(executable_path=driver)
    browser = webdriver.Chrome(service=service, options=options)
    yield browser
    browser.quit()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A report with all that one can hold, some of it hostile."""
    neurons = np.array([50, 500, 5000])
    with style.rc():
        wide, narrow = style.new_figure("double"), style.new_figure("single")
        for figure in (wide, narrow):
            ax = figure.subplots()
            style.points(ax, neurons, 1 / np.sqrt(neurons))
    hostile = (
        '<script src="http://127.0.0.1:9/x.js"></script><img src=x onerror=boom()>'
    )
    table = pd.DataFrame(
        {f"A column of the table, {k}": [0.1234, 56789.0] for k in range(12)}
    )
    sections = (
        report.Section("Error against neurons", (hostile,), "wide", hostile, hostile),
        report.Section("Narrow", (), "narrow", "A column wide.", table=table),
    )
    law = report.Law(Markup("RMSE ∝ <i>m</i><sup>−0.50</sup>"))
    found = report.Report(
        "precision", "Precision " + hostile, "w" * 400, sections, (law,)
    )
    arguments = {"signal": hostile, "out": "long/" * 60, "n" * 60: 1}
    failures = [
        ({"order": 6}, "Traceback\n  " + "x" * 400 + "\nValueError: " + hostile)
    ]
    run = report.Run("spiking-lmu precision " + "y" * 300, arguments, 0, 12.3, failures)
    figures = {"wide": wide, "narrow": narrow}
    return report.write(tmp_path_factory.mktemp("out"), found, table, figures, run)


def load(browser, page, width):
    """Load the page at a width, and return its messages and requests."""
    phone = {
        "width": width,
        "height": 800,
        "deviceScaleFactor": 1,
        "mobile": width < 600,
    }
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    browser.get("about:blank")
    browser.get_log("browser"), browser.get_log("performance")
    browser.get(page.as_uri())
    time.sleep(0.3)  # for a request that comes late
    messages = [entry["message"] for entry in browser.get_log("browser")]
    events = [
        json.loads(entry["message"])["message"]
        for entry in browser.get_log("performance")
    ]
    requests = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    return messages, requests


@pytest.mark.parametrize("width", [375, 1280])
def test_page_reads_well(browser, page, width):
    messages, requests = load(browser, page, width)
    assert messages == []
    outside = [url for url in requests if not url.startswith("data:")]
    assert outside == [page.as_uri()]

    ask = browser.execute_script
    assert ask("return innerWidth") == width
    assert ask("return document.documentElement.scrollWidth") <= width
    sizes = ask("return [...document.images].map(i => [i.complete, i.naturalWidth])")
    assert len(sizes) == 2
    assert all(complete and size > 0 for complete, size in sizes)
    assert all(ask("return [...document.images].map(i => i.alt.length > 0)"))
    body = ask("return parseFloat(getComputedStyle(document.body).fontSize)")
    assert body >= 14
    smallest = """return Math.min(...[...document.querySelectorAll('p, li, td, th, a')]
        .map(e => parseFloat(getComputedStyle(e).fontSize)))"""
    assert ask(smallest) >= 14


def test_contents_lead_to_every_section(browser, page):
    load(browser, page, 1280)
    lost = """return [...document.querySelectorAll('nav a')]
        .filter(a => !document.getElementById(a.hash.slice(1))).length"""
    assert browser.execute_script(lost) == 0
    heads = "return document.querySelectorAll('main h2').length"
    links = "return document.querySelectorAll('nav a').length"
    assert browser.execute_script(heads) == browser.execute_script(links) == 5


def test_figures_grow_on_a_phone(browser, page):
    load(browser, page, 375)
    figure = browser.find_element("css selector", ".plate.wide")
    image = "return document.querySelector('.plate.wide img').clientWidth"
    assert browser.execute_script(image) < 375
    figure.click()
    assert browser.execute_script(image) > 800
    overflow = "return document.documentElement.scrollWidth"
    assert browser.execute_script(overflow) <= 375


def test_no_script_runs(browser, page):
    load(browser, page, 1280)
    assert browser.execute_script("return document.scripts.length") == 0
    assert browser.execute_script("return document.images.length") == 2
