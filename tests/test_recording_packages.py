"""Recordings in EDF, BDF and WFDB, written on the fly by the packages themselves."""

import importlib.util

import numpy as np
import pytest
from nengo.exceptions import ValidationError

from command_cases import refused
from spiking_lmu import load_signal
from spiking_lmu.data import recording_packages
from spiking_lmu.experiments import command, precision

RATE = 200
TIMES = np.arange(2 * RATE) / RATE
WAVES = {
    "Fp1": np.sin(2 * np.pi * 3 * TIMES),
    "ECG II": np.cos(2 * np.pi * 5 * TIMES) + 0.3 * TIMES,
}


def write_edf(path, names=tuple(WAVES), kind="Edf"):
    edfio = pytest.importorskip("edfio")
    signal = getattr(edfio, f"{kind}Signal")
    signals = [signal(WAVES[name], RATE, label=name) for name in names]
    getattr(edfio, kind)(signals).write(path)
    return path


def expected(name, folder, rate=RATE):
    np.save(folder / "a.npy", WAVES[name])
    return load_signal(folder / "a.npy", rate=rate)


@pytest.mark.parametrize("package", recording_packages.OF_EDF)
@pytest.mark.parametrize("ending, kind", [("edf", "Edf"), ("BDF", "Bdf")])
def test_channels_of_a_polysomnogram(tmp_path, monkeypatch, package, ending, kind):
    pytest.importorskip(package)
    monkeypatch.setattr(recording_packages, "OF_EDF", (package,))
    path = write_edf(tmp_path / f"a.{ending}", kind=kind)
    for channel, name in (("ECG II", "ECG II"), (0, "Fp1"), ("1", "ECG II")):
        found = load_signal(path, channel=channel)
        np.testing.assert_allclose(found, expected(name, tmp_path), atol=2e-4)
    with pytest.raises(ValidationError, match=r"channel: must be .*0 \(Fp1\), 1 \(ECG"):
        load_signal(path)
    with pytest.raises(ValidationError, match="rate: must be 200 per second"):
        load_signal(path, rate=100, channel=0)


def test_precision_takes_a_channel(tmp_path, capsys):
    path = str(write_edf(tmp_path / "sleep.edf"))
    for channel, name in (("ECG II", "ECG II"), ("0", "Fp1")):
        argv = ["precision", "--signal", path, "--channel", channel]
        found = precision.prepare(command.parse(argv).arguments)["signal"]
        np.testing.assert_allclose(found, load_signal(path, channel=name))
    error = refused(capsys, "precision", "--signal", path)
    assert "argument --channel: " in error and "0 (Fp1), 1 (ECG II)" in error


def test_one_channel_needs_no_name(tmp_path):
    path = write_edf(tmp_path / "a.edf", ["Fp1"])
    found = load_signal(path)
    np.testing.assert_allclose(found, expected("Fp1", tmp_path), atol=2e-4)


@pytest.mark.parametrize("channel", ["Fp2", 2, -1, True, 0.5, "", "2"])
def test_channels_that_are_not_there(tmp_path, channel):
    path = write_edf(tmp_path / "a.edf")
    with pytest.raises(ValidationError, match="channel: must be one of"):
        load_signal(path, channel=channel)


def test_other_formats_have_one_channel(tmp_path):
    np.save(tmp_path / "a.npy", WAVES["Fp1"])
    with pytest.raises(ValidationError, match="channel: must be None for .* .npy"):
        load_signal(tmp_path / "a.npy", rate=RATE, channel=0)


@pytest.mark.parametrize("share", [0, 0.3, 0.9])
def test_recordings_that_are_damaged(tmp_path, share):
    path = write_edf(tmp_path / "a.edf", ["Fp1"])
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValidationError, match=f"{path} cannot be read"):
        load_signal(path)


def test_a_record_of_physionet(tmp_path):
    wfdb = pytest.importorskip("wfdb")
    values = np.stack(list(WAVES.values()), axis=1)
    names = list(WAVES)
    wfdb.wrsamp(
        "r100", RATE, ["mV", "mV"], names, values, fmt=["16", "16"], write_dir=tmp_path
    )
    for name in ("r100.hea", "r100.dat", "r100"):
        found = load_signal(tmp_path / name, channel="ECG II")
        np.testing.assert_allclose(found, expected("ECG II", tmp_path), atol=2e-4)
    (tmp_path / "r100.dat").write_bytes(b"")
    with pytest.raises(ValidationError, match="r100.hea .*cannot be read"):
        load_signal(tmp_path / "r100", channel=0)


@pytest.mark.parametrize("name, needed", [("a.edf", "edfio"), ("a.hea", "wfdb")])
def test_missing_packages_are_named(tmp_path, monkeypatch, name, needed):
    original = importlib.util.find_spec

    def hide(module, package=None):
        known = (*recording_packages.OF_EDF, "wfdb")
        return None if module in known else original(module, package)

    monkeypatch.setattr(recording_packages, "find_spec", hide)
    path = tmp_path / name
    path.write_bytes(b"x" * 300)
    with pytest.raises(
        ValidationError, match=rf"signal: needs {needed}.*'spiking-lmu\[recordings\]'"
    ):
        load_signal(path)
