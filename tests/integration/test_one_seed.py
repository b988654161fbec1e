"""One seed gives the same trials in this process and in two others, to the last bit."""

from __future__ import annotations

import pandas as pd
import pytest

from spiking_lmu.experiments import (
    channel,
    energy,
    information,
    mackey_glass,
    precision,
)
from spiking_lmu.experiments import chips as hardware
from spiking_lmu.experiments import classification as psmnist

SHORT = {"orders": (2,), "neurons": (20,), "trials": 2, "duration": 0.3}
CASES = {
    "precision": (
        precision.run,
        {**SHORT, "neuron_types": ("poisson", "lif"), "duration": 1.0, "floor": False},
    ),
    "channel": (channel.run, {"neurons": (50, 100), "trials": 2, "periods": 1}),
    "information": (
        information.run,
        {
            "systems": ("lmu", "tanh", "spiking"), "units": 10, "steps": 400,
            "delays": (20, 5), "neurons": (10,), "spiking_steps": 200, "trials": 1,
        },
    ),
    "hardware": (
        hardware.run,
        {
            "platforms": ("thesis-nengo", "poisson-nengo", "poisson-sim"), "trials": 1,
            "studies": ("platforms",), "cases": 1,
        },
    ),
    "energy": (
        energy.run,
        {**SHORT, "rates": ("100-200",), "synapse": 0.02, "theta": 0.1},
    ),
    "mackey-glass": (
        mackey_glass.run,
        {
            "models": ("lmu", "spiking"), "series": (2, 1, 1), "steps": 300,
            "length": 50, "epochs": 1, "order": 4, "units": 5, "spiking_units": 5,
            "spiking_epochs": 1, "neurons": (20,), "neuron_types": ("poisson-relu",),
            "spiking_steps": 200, "trials": 1,
        },
    ),
    "psmnist": (
        psmnist.run,
        {
            "orders": (4,), "units": 5, "trainings": 1, "epochs": 1,
            "rungs": ("poisson-relu",), "neurons": (40,), "presentations": (1,),
            "images": 10, "noise_aware": ("no", "yes"),
        },
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_one_seed_gives_one_table_of_trials(name, tmp_path):
    run, arguments = CASES[name]
    here, elsewhere = (
        run(**arguments, seed=3, folder=str(tmp_path / str(jobs)), jobs=jobs)
        for jobs in (1, 2)
    )
    times = [column for column in here if "seconds" in column]
    pd.testing.assert_frame_equal(
        here.drop(columns=times), elsewhere.drop(columns=times), check_exact=True
    )
    assert len(here) and (here["seed"].nunique() > 1 or len(here) > 1)
