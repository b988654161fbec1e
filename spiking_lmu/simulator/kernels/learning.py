"""Learning rules: the change of weights in a step (`nengo.builder.learning_rules`).

A change is a matrix, with a row for each postsynaptic and a column for each presynaptic
signal. The first operands are always: rows, columns, delta, the presynaptic signal, and
room for two numbers of each lane.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .compilation import kernel
from .lanes import n_lanes
from .operators import FAST_SUMS, add_scaled


@kernel(fastmath=FAST_SUMS)
def _learn(code: Any, at: int, arena: Any, j: int, lanes: Any) -> None:
    """``delta[j] = factor * pre``, where the room holds a factor for each lane."""
    columns = code[at + 1]
    delta, stride, lane = code[at + 2], code[at + 3], code[at + 4]
    pre, pre_stride, pre_lane = code[at + 5], code[at + 6], code[at + 7]
    room = code[at + 8]
    delta += j * columns * stride
    if lanes is None and stride == 1 and pre_stride == 1:
        # slices tell the compiler that neighbours lie side by side
        changes, activities = arena[delta : delta + columns], arena[pre : pre + columns]
        factor = arena[room]
        for i in range(columns):
            changes[i] = factor * activities[i]
        return
    n, lane, pre_lane = np.uint64(n_lanes(lanes)), np.uint64(lane), np.uint64(pre_lane)
    for i in range(columns):
        to, of = np.uint64(delta + i * stride), np.uint64(pre + i * pre_stride)
        for b in range(n):
            arena[to + b * lane] = arena[np.uint64(room) + b] * arena[of + b * pre_lane]


@kernel(fastmath=FAST_SUMS)
def _forget(code: Any, at: int, arena: Any, j: int, lanes: Any) -> None:
    """``delta[j] -= rate * weights[j]``, where the room holds a rate for each lane."""
    columns = code[at + 1]
    delta, stride, lane = code[at + 2], code[at + 3], code[at + 4]
    weights, weights_stride, weights_lane = code[at + 9], code[at + 10], code[at + 11]
    room = code[at + 8] + n_lanes(lanes)
    delta += j * columns * stride
    weights += j * columns * weights_stride
    if lanes is None and stride == 1 and weights_stride == 1:
        add_scaled(arena, delta, -arena[room], weights, columns)
        return
    n, lane = np.uint64(n_lanes(lanes)), np.uint64(lane)
    weights_lane = np.uint64(weights_lane)
    for i in range(columns):
        to, of = np.uint64(delta + i * stride), np.uint64(weights + i * weights_stride)
        for b in range(n):
            arena[to + b * lane] -= (
                arena[np.uint64(room) + b] * arena[of + b * weights_lane]
            )


@kernel(fastmath=FAST_SUMS)
def pes(code: Any, at: int, arena: Any, words: Any, lanes: Any) -> None:
    """``delta = outer(alpha * error, pre)``.

    Operands behind the first: error, parameters (alpha).
    """
    room = code[at + 8]
    error, error_stride, error_lane = code[at + 9], code[at + 10], code[at + 11]
    alpha = arena[code[at + 12]]
    for j in range(code[at]):
        for b in range(n_lanes(lanes)):
            arena[room + b] = alpha * arena[error + j * error_stride + b * error_lane]
        _learn(code, at, arena, j, lanes)


@kernel(fastmath=FAST_SUMS)
def bcm(code: Any, at: int, arena: Any, words: Any, lanes: Any) -> None:
    """``delta = outer(alpha * post * (post - theta), pre)``.

    Operands behind the first: post, theta, parameters (alpha).
    """
    room = code[at + 8]
    post, post_stride, post_lane = code[at + 9], code[at + 10], code[at + 11]
    theta, theta_stride, theta_lane = code[at + 12], code[at + 13], code[at + 14]
    alpha = arena[code[at + 15]]
    for j in range(code[at]):
        for b in range(n_lanes(lanes)):
            activity = arena[post + j * post_stride + b * post_lane]
            threshold = arena[theta + j * theta_stride + b * theta_lane]
            arena[room + b] = alpha * activity * (activity - threshold)
        _learn(code, at, arena, j, lanes)


@kernel(fastmath=FAST_SUMS)
def oja(code: Any, at: int, arena: Any, words: Any, lanes: Any) -> None:
    """``delta = outer(alpha * post, pre) - beta * alpha * post**2 * weights``.

    Operands behind the first: weights, post, parameters (alpha, beta).
    """
    room, n = code[at + 8], n_lanes(lanes)
    post, post_stride, post_lane = code[at + 12], code[at + 13], code[at + 14]
    alpha, beta = arena[code[at + 15]], arena[code[at + 15] + 1]
    for j in range(code[at]):
        for b in range(n):
            activity = arena[post + j * post_stride + b * post_lane]
            arena[room + b] = alpha * activity
            arena[room + n + b] = beta * alpha * activity * activity
        _learn(code, at, arena, j, lanes)
        _forget(code, at, arena, j, lanes)


@kernel(fastmath=FAST_SUMS)
def voja(code: Any, at: int, arena: Any, words: Any, lanes: Any) -> None:
    """``delta = alpha * learning * (scale * outer(post, pre) - post * encoders)``.

    Operands behind the first: encoders, post, learning, parameters (alpha, then the
    scale of each row). `learning` is one number.
    """
    room, n = code[at + 8], n_lanes(lanes)
    post, post_stride, post_lane = code[at + 12], code[at + 13], code[at + 14]
    learning, learning_lane = code[at + 15], code[at + 17]
    alpha, scales = arena[code[at + 18]], code[at + 18] + 1
    for j in range(code[at]):
        for b in range(n):
            rate = alpha * arena[learning + b * learning_lane]
            rate *= arena[post + j * post_stride + b * post_lane]
            arena[room + b] = rate * arena[scales + j]
            arena[room + n + b] = rate
        _learn(code, at, arena, j, lanes)
        _forget(code, at, arena, j, lanes)


@kernel(fastmath=FAST_SUMS)
def rls(code: Any, at: int, arena: Any, words: Any, lanes: Any) -> None:
    """``P -= outer(P r, P r) / (1 + r P r)``; ``delta = -outer(error, P r)``, new P.

    Operands behind the first: error, P, room for `columns` numbers of each lane. The
    presynaptic signal is r. P is symmetric.
    """
    n, room = code[at + 1], code[at + 8]
    r, r_stride, r_lane = code[at + 5], code[at + 6], code[at + 7]
    error, error_stride, error_lane = code[at + 9], code[at + 10], code[at + 11]
    P, P_stride, P_lane = code[at + 12], code[at + 13], code[at + 14]
    Pr, lanes_of = code[at + 15], n_lanes(lanes)
    n_of, P_step, r_step = np.uint64(lanes_of), np.uint64(P_lane), np.uint64(r_lane)
    for i in range(n):
        row = P + i * n * P_stride
        if lanes is None and P_stride == 1 and r_stride == 1:
            weights, activities = arena[row : row + n], arena[r : r + n]
            total = 0.0
            for j in range(n):
                total += weights[j] * activities[j]
            arena[Pr + i] = total
        else:
            to = np.uint64(Pr + i * lanes_of)
            for b in range(n_of):
                arena[to + b] = 0.0
            for j in range(n):
                here, of = np.uint64(row + j * P_stride), np.uint64(r + j * r_stride)
                for b in range(n_of):
                    arena[to + b] += arena[here + b * P_step] * arena[of + b * r_step]
    for b in range(lanes_of):
        total = 0.0
        for i in range(n):
            total += arena[r + i * r_stride + b * r_lane] * arena[Pr + i * lanes_of + b]
        arena[room + b] = 1.0 / (1.0 + total)
    for i in range(n):
        row = P + i * n * P_stride
        if lanes is None and P_stride == 1:
            weights, along = arena[row : row + n], arena[Pr : Pr + n]
            scale, value = arena[room], arena[Pr + i]
            for j in range(n):
                weights[j] -= value * (along[j] * scale)
        else:
            of, by = np.uint64(Pr + i * lanes_of), np.uint64(room)
            for j in range(n):
                here = np.uint64(row + j * P_stride)
                to = np.uint64(Pr + j * lanes_of)
                for b in range(n_of):
                    arena[here + b * P_step] -= arena[of + b] * (
                        arena[to + b] * arena[by + b]
                    )
    delta, stride, lane = code[at + 2], code[at + 3], code[at + 4]
    for j in range(code[at]):
        for i in range(n):
            for b in range(lanes_of):
                arena[delta + (j * n + i) * stride + b * lane] = arena[
                    error + j * error_stride + b * error_lane
                ] * (-arena[room + b] * arena[Pr + i * lanes_of + b])
