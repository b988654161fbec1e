"""What Nengo sets before each of its tests; its wheel lacks the file that does."""

from nengo.rc import rc

SETTINGS = {
    ("decoder_cache", "enabled"): "False",
    ("exceptions", "simplified"): "False",
    ("nengo.Simulator", "fail_fast"): "True",
    ("progress", "progress_bar"): "False",
}


def pytest_runtest_setup(item):
    rc.reload_rc([])
    for (section, option), value in SETTINGS.items():
        rc[section][option] = value
