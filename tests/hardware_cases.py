"""Tasks of the hardware experiment."""

from spiking_lmu.experiments.chips.trials import make_tasks

ARGUMENTS = {
    "platforms": ("lif-nengo",),
    "trials": 1,
    "neurons": (16,),
    "ablation_neurons": (16,),
    "study_trials": 1,
    "studies": ("platforms",),
    "inputs": "published",
    "cases": 1,
    "seed": 0,
}


def task_of(platform, **changes):
    given = {**ARGUMENTS, "platforms": (platform,)}
    (task,) = make_tasks(**given)
    return {**task, **changes}
