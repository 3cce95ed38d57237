"""Score what a reader said of pictures without words: is the subject named, how well drawn, which row is nearer.

Each folder below `reader/` has sheets, a key, and the reader's raw answers. An answer names the subject if the longest
of the fixed synonyms in it is one of this subject's: "old man" does not name a man, "a blue car" names an automobile.
Where several readers saw the same sheets (`answers.json`, `answers-2.json` ...) each number is the median of theirs.

Run: `python -m pretraining.reader_score`, after `answers.json` was committed.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

READER = Path("pretraining/reader")
SYNONYMS = READER / "synonyms.json"
"""Everyday names of every subject, fixed before anything was read."""
PROMPTS = "prompts"
"""The folder of what plain pocket drew; the others are called by their packs."""
ALTERNATIVES = re.compile(r"\bor\b|/")

Synonyms = Mapping[str, Sequence[str]]


def read_synonyms() -> dict[str, list[str]]:
    """Return the names that each subject may be called by."""
    found: dict[str, list[str]] = json.loads(SYNONYMS.read_text("utf-8"))
    return found


def plain_words(text: str) -> str:
    """Return a text in lower case letters and digits, single spaces between and around its words."""
    return f" {' '.join(re.findall('[a-z0-9]+', text.lower().replace(chr(39), '')))} "


def is_named(answer: str, subject: str, synonyms: Synonyms) -> bool:
    """Return whether `answer` names `subject`.

    Raises:
        ValueError: The answer names alternatives.
    """
    if ALTERNATIVES.search(answer.lower()):
        raise ValueError(f"answer {answer!r} names alternatives: a reader gives one name")
    said = plain_words(answer)
    found = {
        each: max((len(words) for name in names if (words := plain_words(name)) in said), default=0)
        for each, names in synonyms.items()
    }
    return found[subject] > 0 and found[subject] == max(found.values())


def _checked(answers: Mapping[str, Any], key: Mapping[str, Any], part: str) -> None:
    if set(answers) != set(key):
        wrong = sorted(set(answers) ^ set(key), key=int)
        raise ValueError(f"{part} {', '.join(wrong)}: every number of the sheets needs one answer, and no other does")


def _share_of_kind(key: Mapping[str, Any], answers: Mapping[str, Any], kind: str, synonyms: Synonyms) -> dict[str, Any]:
    numbers = [number for number, shown in key.items() if shown["kind"] == kind]
    ratings = [answers[number]["rating"] for number in numbers]
    if any(rating not in {1, 2, 3, 4, 5} for rating in ratings):
        raise ValueError(f"ratings {ratings}: each is 1, 2, 3, 4 or 5")
    named = [is_named(answers[number]["name"], key[number]["subject"], synonyms) for number in numbers]
    missed = {n: answers[n]["name"] for n, right in zip(numbers, named, strict=True) if not right}
    rating = round(sum(ratings) / len(ratings), 2) if ratings else 0.0
    return {"pictures": len(numbers), "named": sum(named), "rating": rating, "missed": missed}


def scores_of(key: Mapping[str, Any], answers: Mapping[str, Any], synonyms: Synonyms) -> dict[str, Any]:
    """Return what the answers come to.

    Args:
        key: "pictures": subject and kind ("drawn" or "control") by number; "rows", if two rows were compared: which of
            them, "A" or "B", is the new style's, by number.
        answers: "reader": what kind it was; "pictures": name and rating by number; "rows": the nearer one by number.
        synonyms: See `read_synonyms`.

    Raises:
        ValueError: Answers are missing, or are none of those that were asked for.
    """
    _checked(answers["pictures"], key["pictures"], "pictures")
    drawn = _share_of_kind(key["pictures"], answers["pictures"], "drawn", synonyms)
    control = _share_of_kind(key["pictures"], answers["pictures"], "control", synonyms)
    found = {"reader": answers["reader"], **drawn, **{f"control_{name}": value for name, value in control.items()}}
    if rows := key.get("rows"):
        _checked(answers["rows"], rows, "rows")
        if unknown := set(answers["rows"].values()) - {"A", "B"}:
            raise ValueError(f"rows {sorted(unknown)}: the nearer one is A or B")
        found["nearer"] = sum(answers["rows"][number] == after for number, after in rows.items())
    return found


def medians(scores: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the median of each number over the readers; what was missed is the first one's."""
    first = dict(scores[0])
    numbers = [name for name, value in first.items() if isinstance(value, int | float)]
    return (
        first | {name: statistics.median(each[name] for each in scores) for name in numbers} | {"readers": len(scores)}
    )


def read_scores(folder: Path = READER) -> dict[str, Any]:
    """Return the scores of all sheets that were read, by name of their folder; empty if nothing was.

    Folders of pairs (`reader_pairs.py`) have no `answers.json`, and are left out.
    """
    folders = [file.parent for file in sorted(folder.glob("*/answers.json"))]
    return {each.name: json.loads((each / "scores.json").read_text("utf-8")) for each in folders}


def main() -> None:
    """Write `scores.json` beside all answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=READER)
    chosen = parser.parse_args()
    for file in sorted(chosen.folder.glob("*/answers.json")):
        key = json.loads((file.parent / "key.json").read_text("utf-8"))
        every = [json.loads(each.read_text("utf-8")) for each in (file, *sorted(file.parent.glob("answers-*.json")))]
        scores = medians([scores_of(key, answers, read_synonyms()) for answers in every])
        (file.parent / "scores.json").write_text(json.dumps(scores, indent=2) + "\n", "utf-8")
        print(file.parent.name, json.dumps(scores))


if __name__ == "__main__":
    main()
