"""Plug-ins are found by name: public modules of a package, no list to edit, and entry points of other packages.

A package outside names its modules under `impasto.methods`, `.controls`, `.metrics`, `.features`, `.families` or
`.commands` (`[project.entry-points."impasto.methods"]`, `plain_lora = "toy.plain_lora"`). Such a module is what a
file in the folder of that name would be.
"""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from impasto.core.errors import PluginError
from impasto.core.protocols import missing_members

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_LISTS = "*-info/entry_points.txt"
"""Where installed packages say what they offer."""


def plugin_names(package: str) -> list[str]:
    """Return the plug-ins of `package` and those from outside, sorted; imports none of them."""
    return sorted({*_names_inside(package), *(each.name for each in _outside(package))})


def module_of(package: str, name: str) -> str:
    """Return the full name of a plug-in's module, without importing it.

    Args:
        package: Where to look, e.g. "impasto.metrics".
        name: File name without ending, or name of an entry point; hyphens count as underscores.

    Raises:
        PluginError: There is no such plug-in, or there are two.
    """
    wanted = name.replace("-", "_")
    inside = [f"{package}.{each}" for each in _names_inside(package) if each == wanted]
    outside = [each for each in _outside(package) if each.name == wanted]
    if len(inside) + len(outside) > 1:
        owners = [*("impasto" for _ in inside), *map(_owner, outside)]
        raise PluginError(f"{_kind(package)} {wanted!r} comes from {' and from '.join(owners)}: uninstall one of them")
    if not inside and not outside:
        raise PluginError(unknown_name(name, plugin_names(package), _kind(package)))
    return inside[0] if inside else outside[0].value


def load_module(package: str, name: str) -> ModuleType:
    """Return a plug-in's module; see `module_of`.

    Raises:
        PluginError: There is no such plug-in, or one from outside cannot be imported.
    """
    path = module_of(package, name)
    try:
        return import_module(path)
    except Exception as error:  # whatever somebody else's code stumbles over
        if path.startswith(f"{package}."):
            raise
        first_line = next(iter(str(error).splitlines()), "")
        raise PluginError(
            f"{_kind(package)} {name!r} cannot be imported from {path} ({type(error).__name__}: {first_line}): mend or "
            "uninstall its package"
        ) from error


def load_plugin(package: str, name: str, attribute: str) -> object:
    """Return `attribute` of the plug-in `name`: the public name that every plug-in of `package` defines.

    Raises:
        PluginError: There is no such plug-in, or it lacks the attribute.
    """
    module = load_module(package, name)
    if not hasattr(module, attribute):
        raise PluginError(f"{_kind(package)} {name!r}: {module.__name__} does not define {attribute}")
    found: object = getattr(module, attribute)
    return found


def load_class(package: str, name: str, protocol: type, ending: str = "") -> type:
    """Return the class of the plug-in `name`: the one named like it, as `StyleForge` of styleforge.

    Args:
        package: Where to look, e.g. "impasto.methods".
        name: File name of the plug-in without `.py`.
        protocol: Whose members the class must have.
        ending: What the names of all classes of this package end in, e.g. "Features".

    Raises:
        PluginError: There is no such plug-in, no such class in it, or the class lacks a member.
    """
    module = load_module(package, name)
    wanted = name.replace("-", "").replace("_", "") + ending.lower()
    for found in vars(module).values():
        if isinstance(found, type) and found.__module__ == module.__name__ and found.__name__.lower() == wanted:
            missing = missing_members(found, protocol)
            if missing:
                raise PluginError(
                    f"{_kind(package)} {name!r}: {module.__name__}.{found.__name__} lacks {', '.join(missing)} of "
                    f"{protocol.__module__}.{protocol.__name__}"
                )
            return found
    raise PluginError(f"{_kind(package)} {name!r}: {module.__name__} lacks a class called {wanted!r}, in any capitals")


def unknown_name(name: str, known: Sequence[str], kind: str) -> str:
    """Return the message for a name that nothing of a kind has: the nearest one, and all."""
    close = get_close_matches(name.replace("-", "_"), known, n=1) or get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"unknown {kind} {name!r}: {hint}choose one of {', '.join(known)}"


def _names_inside(package: str) -> list[str]:
    spec = find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        raise PluginError(f"{package} is not a package of plug-ins")
    found = pkgutil.iter_modules(spec.submodule_search_locations)
    return [module.name for module in found if not module.name.startswith("_")]


def _outside(package: str) -> tuple[EntryPoint, ...]:
    return _entry_points(f"impasto.{package.rpartition('.')[2]}", tuple(sys.path))


@cache
def _entry_points(group: str, path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Return what all installed packages offer, looked up once for each search path."""
    if not any(b"[impasto." in file.read_bytes() for folder in path for file in Path(folder).glob(_LISTS)):
        return ()  # as nearly always: the next import takes longer than all else that `impasto --help` does
    from importlib.metadata import entry_points

    return tuple(entry_points(group=group))


def _owner(found: EntryPoint) -> str:
    return f"package {found.dist.name}" if found.dist is not None else found.value


def _kind(package: str) -> str:
    plural = package.rpartition(".")[2]
    return "family" if plural == "families" else plural.removesuffix("s")
