"""What tests of kernels share: single instructions on the compiled interpreter."""

import numpy as np

from spiking_lmu.simulator.interpreter import load_interpreter

DT = 0.001


def run_instruction(opcode, code, arena, words, lanes, x, outputs, places):
    """Steps of one instruction; after each, the numbers at some places are recorded.

    Its inputs lie at the beginning of the arena. It increments its outputs, which are
    set to 0.5 before each step.
    """
    interpret = load_interpreter(lanes is not None, announce=False)
    code = np.concatenate([[opcode, 2 + len(code)], code])
    rest = np.zeros(1, int), np.empty(0), np.empty(0, int), np.empty(0), lanes
    records = np.empty((len(x), len(places)))
    for given, record in zip(x, records, strict=True):
        arena[: len(given)] = given
        arena[outputs] = 0.5
        interpret(code, 0, len(code), 0, 0, DT, arena, words, *rest)
        record[:] = arena[places]
    return records
