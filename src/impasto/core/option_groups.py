"""The groups that options stand in when help lists them, kept with the fields of the option models themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from impasto.core.config import Config

Model = TypeVar("Model", bound=Config)


class Group(StrEnum):
    """What an option is about; help lists them in this order."""

    PICTURES = "pictures"
    LEARNING = "learning"
    DRAWING = "drawing"
    KEEPING = "keeping steps"
    MACHINE = "machine"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class InHelp:
    """Where help lists an option.

    Attributes:
        group: Under which heading.
        is_first: Whether it is among those that people use first.
    """

    group: Group
    is_first: bool


def grouped(*, first: str = "", **groups: str) -> Callable[[type[Model]], type[Model]]:
    """Return a class decorator that notes in the fields of a model where help lists them.

    Args:
        first: Names of the options that people use first, separated by blanks.
        **groups: Names of options by the lower-case name of their `Group`, separated by blanks.

    Raises:
        TypeError: A name is no field of the model's, or stands in two groups.
    """

    def note(model: type[Model]) -> type[Model]:
        for heading, names in groups.items():
            for name in names.split():
                if name not in model.model_fields or noted_in(model, name) is not None:
                    raise TypeError(f"{model.__name__}.{name} is unknown, or stands in two groups of options")
                place = InHelp(Group[heading.upper()], name in first.split())
                model.model_fields[name].metadata.append(place)
        return model

    return note


def listed_under(group: Group, *, first: str = "") -> Callable[[type[Model]], type[Model]]:
    """Return a class decorator that notes one group in all fields of a model; see `grouped`."""

    def note(model: type[Model]) -> type[Model]:
        return grouped(first=first, **{group.name.lower(): " ".join(model.model_fields)})(model)

    return note


def noted_in(model: type[Config], name: str) -> InHelp | None:
    """Return where help lists an option, as its field or the one that it stands in for says; None if neither does."""
    for owner in model.__mro__:
        field = owner.model_fields.get(name) if issubclass(owner, Config) else None
        for note in field.metadata if field is not None else ():
            if isinstance(note, InHelp):
                return note
    return None
