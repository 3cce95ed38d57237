"""Blind pairwise judgement: two pictures of one prompt by two methods, and which of them a person prefers.

Nobody who judges sees which method drew what: sides are dealt at random. Judgements are lines of `judgements.jsonl` in
the comparison's folder; the share of pairs that a method wins, ties as half, joins the table.
"""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

from impasto.core.errors import DataError
from impasto.core.files import json_rows, not_written, reason_of, write_text

FILE = "judgements.jsonl"
LEFT, RIGHT, EQUAL = "left", "right", "equal"
Z = 1.959964
"""Quantile 0.975 of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One picture of a comparison.

    Attributes:
        row: The method, as the report calls it.
        style: The style, as the report calls it.
        seed: Of the trial.
        prompt: What it shows.
        trial: Name of the trial's folder.
        name: Of the picture, without its ending.
    """

    row: str
    style: str
    seed: int
    prompt: str
    trial: str
    name: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures of one prompt, style and seed by two methods."""

    left: Drawn
    right: Drawn

    def key(self) -> tuple[str, ...]:
        """Return what is the same whichever side each stands on."""
        return tuple(sorted((f"{self.left.trial}/{self.left.name}", f"{self.right.trial}/{self.right.name}")))

    def rows(self) -> frozenset[str]:
        """Return the two methods."""
        return frozenset((self.left.row, self.right.row))


def pictures_of_trials(out: Path) -> list[Drawn]:
    """Return all pictures of the trials that are done.

    Raises:
        DataError: There is no comparison in `out`.
    """
    found: list[Drawn] = []
    for file in sorted(out.glob("trials/*/trial.json")):
        try:
            facts = json.loads(file.read_text("utf-8"))
            shown = zip(facts["pictures"], facts["prompts"], strict=True)
            for name, prompt in shown:
                found.append(Drawn(facts["row"], facts["style"], facts["seed"], prompt, file.parent.name, name))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{file} is damaged: remove its folder and run impasto compare again") from error
    if not found:
        raise DataError(f"{out} holds no finished trial: give the folder that impasto compare --out wrote")
    return found


def pairs_of(pictures: Sequence[Drawn]) -> list[Pair]:
    """Return every pair of two methods on every prompt, style and seed."""
    alike: dict[tuple[str, int, str], list[Drawn]] = {}
    for picture in pictures:
        alike.setdefault((picture.style, picture.seed, picture.name), []).append(picture)
    pairs = [Pair(*two) for some in alike.values() for two in combinations(some, 2)]
    return [pair for pair in pairs if pair.left.row != pair.right.row]  # trials of changed options may lie there too


def next_pair(out: Path, rng: random.Random) -> tuple[Pair, int, int] | None:
    """Return a pair that was not judged yet, its sides dealt at random, how many were judged, and how many there are.

    Pairs of methods that were compared least come first, so that stopping early is fair to all.
    """
    pairs, judged = pairs_of(pictures_of_trials(out)), read_judgements(out)
    done = {tuple(map(str, key)) for each in judged if isinstance(key := each.get("pair"), list)}
    left = [pair for pair in pairs if pair.key() not in done]
    if not left:
        return None
    times = Counter(pair.rows() for pair in pairs if pair.key() in done)
    fewest = min(times[pair.rows()] for pair in left)
    due = [pair for pair in left if times[pair.rows()] == fewest]
    pair = rng.choice(due)
    dealt = pair if rng.random() < 0.5 else Pair(pair.right, pair.left)
    return dealt, len(pairs) - len(left), len(pairs)


def read_judgements(out: Path) -> list[Mapping[str, object]]:
    """Return what was judged; lines that a killed process left half-written are passed over."""
    try:
        lines = (out / FILE).read_text("utf-8").splitlines()
    except OSError:
        return []
    return list(json_rows(lines))


def judge(out: Path, pair: Pair, choice: str) -> None:
    """Write down which of two pictures is preferred: "left", "right" or "equal"."""
    row = {"left": asdict(pair.left), "right": asdict(pair.right), "choice": choice, "pair": list(pair.key())}
    try:
        with (out / FILE).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
    except OSError as error:
        raise not_written(out / FILE, reason_of(error)) from error


def take_back(out: Path) -> bool:
    """Forget the last judgement; returns whether there was one."""
    judged = read_judgements(out)
    if not judged:
        return False
    kept = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in judged[:-1])
    write_text(out / FILE, kept)
    return True


def wilson(wins: float, count: int) -> tuple[float, float]:
    """Return centre and half width of the 95 % Wilson interval of a share.

    Args:
        wins: How many were won; ties count as half.
        count: Of how many, at least 1.
    """
    share, z2 = wins / count, Z**2
    centre = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = Z / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return centre, half


def preferred(judged: Sequence[Mapping[str, object]], style: str) -> dict[str, tuple[float, int]]:
    """Return, by method, how many pairs on a style it won, ties as half, and of how many."""
    found: dict[str, tuple[float, int]] = {}
    for each in judged:
        sides = [each.get(side) for side in (LEFT, RIGHT)]
        if not all(isinstance(side, dict) and side.get("style") == style for side in sides):
            continue
        for side, drawn in zip((LEFT, RIGHT), sides, strict=True):
            row = str(drawn["row"]) if isinstance(drawn, dict) else ""
            won, count = found.get(row, (0.0, 0))
            found[row] = (won + (1.0 if each["choice"] == side else 0.5 if each["choice"] == EQUAL else 0.0), count + 1)
    return found
