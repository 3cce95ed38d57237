"""What a class has to have to be what a protocol describes, asked before there is an instance of it."""

from __future__ import annotations

import inspect


def missing_members(found: type, protocol: type) -> list[str]:
    """Return which public members of `protocol` a class lacks, sorted.

    Args:
        found: The class. What its instances alone have needs an annotation in it, or in a base of it.
        protocol: A `Protocol`, or an abstract class to derive from.
    """
    declared = {name for kind in found.__mro__ for name in inspect.get_annotations(kind)}
    missing = set(getattr(found, "__abstractmethods__", ()))
    for kind in protocol.__mro__:
        for name, is_of_instances in _members(kind).items():
            if not hasattr(found, name) and not (is_of_instances and name in declared):
                missing.add(name)
    return sorted(missing)


def _members(kind: type) -> dict[str, bool]:
    """Return the public members that a class states itself, and whether instances alone need to have them."""
    annotations = inspect.get_annotations(kind)
    stated = {name: "ClassVar" not in str(annotation) for name, annotation in annotations.items()}
    stated |= {name: isinstance(value, property) for name, value in vars(kind).items() if name not in stated}
    return {name: of_instances for name, of_instances in stated.items() if not name.startswith("_")}
