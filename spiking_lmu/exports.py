"""Names that a package offers and imports when they are first used."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any


def on_first_use(
    package: str, modules: Mapping[str, tuple[str, ...]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """What makes a package import its modules when their names are first used.

    Importing such a package takes no time and loads nothing; see :pep:`562`. Its
    modules need no import of their own: ``package.module`` imports them.

    Parameters
    ----------
    package : str
        The package's ``__name__``.
    modules : dict of tuple of str
        Modules of the package, with the names that the package offers from each.

    Returns
    -------
    __getattr__, __dir__ : callable
    __all__ : list of str
        For the namespace of the package.
    """
    homes = {name: module for module, names in modules.items() for name in names}
    offered = sorted(homes)

    def __getattr__(name: str) -> Any:
        if name in homes:
            home = import_module(f"{package}.{homes[name]}")
            try:
                value = getattr(home, name)
            except AttributeError:  # it is a module itself
                value = import_module(f"{home.__name__}.{name}")
            setattr(sys.modules[package], name, value)
            return value
        # a module within, or a layer above; not what inspection asks for (__wrapped__)
        if name[:1] != "_" and find_spec(f"{package}.{name}"):
            return import_module(f"{package}.{name}")
        raise AttributeError(
            f"module {package!r} has no attribute {name!r}",
            name=name,
            obj=sys.modules[package],
        )

    def __dir__() -> list[str]:
        loaded = vars(sys.modules[package]).items()
        kept = {n for n, v in loaded if n[:2] == "__" or isinstance(v, ModuleType)}
        return sorted(kept.union(homes, (m for m in modules if "." not in m)))

    return __getattr__, __dir__, offered
