"""What was scored so far: `scores.jsonl`, the settings in its first line, then one line for every pair."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from impasto.core.errors import ConfigError, ResourceError
from impasto.core.files import write_text
from impasto.models.fingerprint import Fingerprint

SCORES_FILE = "scores.jsonl"


@dataclass(frozen=True, slots=True)
class PairScore:
    """Scores of the pictures of one pair: match with the injected words minus match with the original ones.

    Attributes:
        family: What differs within the pair.
        pair: Its number.
        original: The prompt p.
        injected: The prompt p̂.
        plain: Score of the picture of p.
        changed: Score of the picture of p̂.
        blocks: Score with p̂ injected into one block, for every block in order.
    """

    family: str
    pair: int
    original: str
    injected: str
    plain: float
    changed: float
    blocks: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the scores of a folder depend on.

    Attributes:
        fingerprint: Of the base; compared up to rounding.
        values: All others by name.
    """

    fingerprint: Fingerprint
    values: Mapping[str, object]

    def header(self) -> str:
        """Return the first line of the file."""
        return json.dumps({"settings": dict(self.values), "fingerprint": self.fingerprint.model_dump()})

    def refuse_other(self, header: str, path: Path) -> None:
        """Raise `ConfigError` if the scores in `path` were made with other settings."""
        try:
            stated = json.loads(header)
            values = dict(stated["settings"])
            fingerprint = Fingerprint.model_validate(stated["fingerprint"])
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path} is damaged in line 1: remove it, or choose another --out folder") from error
        wanted: dict[str, object] = json.loads(json.dumps(dict(self.values)))  # tuples as JSON has them
        for name in wanted | values:
            before, now = values.get(name), wanted.get(name)
            if before != now:
                raise ConfigError(
                    f"--out {path.parent} holds scores with {name} {_told(before)}, not {_told(now)}: "
                    "choose another folder, or remove that one"
                )
        if not fingerprint.matches(self.fingerprint):
            raise ConfigError(
                f"--out {path.parent} holds scores of a base with other weights: choose another folder, "
                "or remove that one"
            )


def read_scores(path: Path, settings: Settings) -> list[PairScore]:
    """Return the scores in `path`, none if there is no such file; a last line that was cut off is left out.

    Raises:
        ConfigError: They were made with other settings, or the file is damaged.
    """
    if not path.is_file():
        return []
    lines = path.read_text("utf-8").splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]  # a run that was killed may have cut the last one
    if not whole:
        return []
    settings.refuse_other(whole[0], path)
    return [_parsed(line, number, path) for number, line in enumerate(whole[1:], start=2)]


def begin_scores(path: Path, settings: Settings, scores: Sequence[PairScore]) -> None:
    """Write the settings and the scores that are there already."""
    write_text(path, "".join(f"{line}\n" for line in (settings.header(), *map(_line, scores))))


def append_scores(path: Path, scores: Sequence[PairScore]) -> None:
    """Append scores.

    Raises:
        ResourceError: The disk is full or read-only.
    """
    try:
        with path.open("a", encoding="utf-8") as stream:
            stream.write("".join(f"{_line(score)}\n" for score in scores))
    except OSError as error:
        raise ResourceError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from error


def _line(score: PairScore) -> str:
    return json.dumps(dataclasses.asdict(score))


def _parsed(line: str, number: int, path: Path) -> PairScore:
    try:
        values = json.loads(line)
        return PairScore(**(values | {"blocks": tuple(map(float, values["blocks"]))}))
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} is damaged in line {number}: remove it, or choose another --out folder") from error


def _told(value: object) -> str:
    """Return a value for a message; what is not stated is left to the base."""
    if value is None:
        return "as the base says"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
