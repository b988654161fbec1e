"""Warnings of nengo-loihi, in words of the user's network and each of them once."""

from __future__ import annotations

import re
import threading
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# casts of nan that nengo-loihi overwrites; its remark on Nengo's version
HARMLESS = re.compile("invalid value encountered in cast|has not been tested")
INITIAL = re.compile("does not support initial values")
SYNAPSES = re.compile(r"tau_s is (currently|already)")
LOST_BITS = re.compile(r"Lost (\d+) extra bits")

# warnings are caught in one place for the whole process
_CATCHING = threading.RLock()


@contextmanager
def collected_warnings(changes: list[str], planned: bool) -> Iterator[None]:
    """Show each warning of nengo-loihi once, and none without a meaning.

    Warnings of other threads are shown meanwhile as usual.

    Parameters
    ----------
    changes : list of str
        Where to add warnings that tell a difference between the network and its version
        on the chip.
    planned : bool
        Whether the network is built to a `Plan`, which has its own words for some of
        them.
    """
    builder, caught = threading.get_ident(), []
    try:
        with _CATCHING, warnings.catch_warnings():
            warnings.filterwarnings("always", module="nengo_loihi|spiking_lmu")
            # nengo-loihi 1.1.0 sets an array's dtype, which numpy 2.5 deprecates
            warnings.filterwarnings("ignore", "", DeprecationWarning, "nengo_loihi")
            show = warnings.showwarning

            def take(message: Any, category: Any, *where: Any, **more: Any) -> None:
                if threading.get_ident() == builder:
                    caught.append((str(message), category))
                else:
                    show(message, category, *where, **more)

            warnings.showwarning = take
            yield
    finally:
        _show(caught, changes, planned)


def _show(
    caught: list[tuple[str, type[Warning]]], changes: list[str], planned: bool
) -> None:
    lost, initial = [], False
    counts: Counter[tuple[str, type[Warning]]] = Counter()
    for message, category in caught:
        bits = LOST_BITS.search(message)
        if bits:
            lost.append(int(bits[1]))
        elif planned and INITIAL.search(message):
            initial = True
        elif planned and SYNAPSES.search(message):
            pass  # the plan has a change for it
        elif not HARMLESS.search(message):
            counts[message, category] += 1
    if lost:
        changes.append(
            f"weights of {len(lost)} synapses are rounded to fewer bits, by up to "
            f"{max(lost)}: much larger ones reach the same neurons"
        )
    if initial:
        changes.append("all neurons start from zero voltage, as on the chip")
    for (message, category), times in counts.items():
        suffix = f" ({times} times)" if times > 1 else ""
        warnings.warn(message + suffix, category, stacklevel=5)
