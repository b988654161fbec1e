"""Populations: encoding, neurons and decoding as one instruction."""

from __future__ import annotations

from nengo.builder import Model
from nengo.builder.operator import Operator

from .instructions import Room
from .schedule import Task


def populations(order: list[Operator], model: Model, room: Room) -> list[Task]:
    """The populations of a network that are done as one."""
    return []
