"""Plug-ins are found by file name: every public module of a plug-in package is one plug-in, no list to edit."""

from __future__ import annotations

import pkgutil
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from impasto.core.errors import PluginError


def plugin_names(package: str) -> list[str]:
    """Return the plug-ins of `package` (e.g. "impasto.methods"), sorted; imports none of them."""
    spec = find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        raise PluginError(f"{package} is not a package of plug-ins")
    found = pkgutil.iter_modules(spec.submodule_search_locations)
    return sorted(module.name for module in found if not module.name.startswith("_"))


def load_plugin(package: str, name: str, attribute: str) -> object:
    """Return `attribute` of the plug-in `name`.

    Args:
        package: Where to look, e.g. "impasto.metrics".
        name: File name without ending; hyphens count as underscores.
        attribute: The public name that every plug-in of this package defines.

    Raises:
        PluginError: There is no such plug-in, or it lacks the attribute.
    """
    module = _load(package, name)
    if not hasattr(module, attribute):
        raise PluginError(f"{module.__name__} does not define {attribute}")
    found: object = getattr(module, attribute)
    return found


def load_class(package: str, name: str, ending: str = "") -> type:
    """Return the class of the plug-in `name`: the one named like its file, as `StyleForge` in styleforge.py.

    Args:
        package: Where to look, e.g. "impasto.methods".
        name: File name without ending; hyphens count as underscores.
        ending: What the names of all classes of this package end in, e.g. "Features".

    Raises:
        PluginError: There is no such plug-in, or no such class in it.
    """
    module = _load(package, name)
    wanted = name.replace("-", "").replace("_", "") + ending.lower()
    for found in vars(module).values():
        if isinstance(found, type) and found.__module__ == module.__name__ and found.__name__.lower() == wanted:
            return found
    raise PluginError(f"{module.__name__} does not define a class {wanted!r}, in whatever capitals")


def _load(package: str, name: str) -> ModuleType:
    known = plugin_names(package)
    module_name = name.replace("-", "_")
    if module_name not in known:
        kind = package.rsplit(".", 1)[-1]
        close = get_close_matches(module_name, known, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise PluginError(f"unknown name {name!r} among {kind}: {hint}choose one of {', '.join(known)}")
    return import_module(f"{package}.{module_name}")
