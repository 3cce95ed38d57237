"""What the judge tells apart: subjects, artists, and the values of each kind of style."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

HELD_OUT = 0.05
"""Share of the compositions of a data set that the judge is never trained on."""
PLAIN = ""
"""The class of pictures to which a kind of style was not applied."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes of each attribute: "subject", "artist", then the kinds of style by name."""

    of: Mapping[str, tuple[str, ...]]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of style."""
        return tuple(name for name in self.of if name not in {"subject", "artist"})

    def counts(self) -> dict[str, int]:
        """Return how many classes each attribute has."""
        return {name: len(values) for name, values in self.of.items()}

    def labels(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        """Return the class of each row, int64 (rows,), by attribute.

        Raises:
            ValueError: A row shows what is not among the classes.
        """
        found = {}
        for name, values in self.of.items():
            places = {value: place for place, value in enumerate(values)}
            shown = [value_of(row, name) for row in rows]
            unknown = sorted(set(shown) - set(places))
            if unknown:
                raise ValueError(f"{name} {unknown[0]!r} is unknown to the judge, which knows {', '.join(values)}")
            found[name] = torch.tensor([places[value] for value in shown])
        return found


def value_of(row: Row, attribute: str) -> str:
    """Return what a row shows of an attribute; `PLAIN` for a kind of style that was not applied."""
    value: str = row[attribute] if attribute in {"subject", "artist"} else row["style"].get(attribute, PLAIN)
    return value


def classes_of(rows: Sequence[Row]) -> Classes:
    """Return all classes of a data set, in an order that does not depend on that of its rows."""
    kinds = sorted({kind for row in rows for kind in row["style"]})
    return Classes(
        {name: tuple(sorted({value_of(row, name) for row in rows})) for name in ("subject", "artist", *kinds)}
    )


def is_held_out(row: Row) -> bool:
    """Return whether the judge must not be trained on this composition, by a hash of what it shows."""
    shown = "\n".join((row["subject"], row["artist"], row["background"], row["words"]))
    digest = hashlib.sha256(f"judge\n{shown}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < HELD_OUT * 2**64
