"""Functions that Numba compiles into the interpreter.

Every kernel has the arguments ``code, at, arena, words, lanes``. The operands of its
instruction begin at ``code[at]``. A signal is given as a *place*, three integers:
offset, stride and lane. Element i of lane b lies at ``arena[offset + i * stride + b *
lane]``. A single network has one lane, and `lanes` is None. In a minibatch, the lanes
of one element lie side by side. Lane is 0 for what all lanes share.
"""
