"""Plug-ins are found by file name: every public module of a plug-in package is one plug-in, no list to edit."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from importlib.util import find_spec

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
        package: Where to look, e.g. "impasto.methods".
        name: File name without ending; hyphens count as underscores.
        attribute: The public name that every plug-in of this package defines.

    Raises:
        PluginError: There is no such plug-in, or it lacks the attribute.
    """
    known = plugin_names(package)
    module_name = name.replace("-", "_")
    if module_name not in known:
        kind = package.rsplit(".", 1)[-1]
        raise PluginError(f"unknown name {name!r} among {kind}: choose one of {', '.join(known)}")
    module = import_module(f"{package}.{module_name}")
    if not hasattr(module, attribute):
        raise PluginError(f"{package}.{module_name} does not define {attribute}")
    found: object = getattr(module, attribute)
    return found
