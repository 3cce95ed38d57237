"""How often does pocket's image-text encoder tell people from backgrounds in the shipped packs?

The truth is the list of subjects that pocket is made from: people and faces are people, all else is background. Every
drawing of every pack counts, and the twenty style pictures of each, which are what Multi-StyleForge divides, apart.
The way prompts are averaged was chosen on these same drawings.

Run: `python -m benchmarks.subdivision`
"""

from __future__ import annotations

import math

from pretraining.data.subjects import PEOPLE as PEOPLE_SUBJECTS

from benchmarks.machine import save_result
from impasto.data.images import list_pictures
from impasto.data.packs import find_pack
from impasto.data.subdivision import BACKGROUNDS, PEOPLE
from impasto.training.subdivide import divide_pictures

PACKS = ("openmoji", "emojione-v1", "fluent-emoji-high-contrast")
PARTS = ("style", "auxiliary", "held_out")


def answers(pack: str, part: str) -> list[tuple[bool, bool]]:
    """Return (shows people, was taken for people) of each picture of a part of a pack."""
    paths = list_pictures(find_pack(pack).part(part), part)
    divided = divide_pictures(paths, (PEOPLE, BACKGROUNDS), "pocket")
    return [(path.stem in PEOPLE_SUBJECTS, each.concept == PEOPLE) for path, each in zip(paths, divided, strict=True)]


def row(name: str, pairs: list[tuple[bool, bool]]) -> dict[str, object]:
    """Return the share of right answers, in all and by class, and what the larger class alone would give."""
    right = sum(truth == answer for truth, answer in pairs) / len(pairs)
    people = [answer for truth, answer in pairs if truth]
    others = [not answer for truth, answer in pairs if not truth]
    return {
        "pictures": name,
        "count": len(pairs),
        "accuracy": right,
        "standard_error": math.sqrt(right * (1 - right) / len(pairs)),
        "people_found": sum(people) / len(people),
        "backgrounds_found": sum(others) / len(others),
        "larger_class": max(len(people), len(others)) / len(pairs),
    }


def main() -> None:
    """Measure, print and save."""
    by_part = {(pack, part): answers(pack, part) for pack in PACKS for part in PARTS}
    rows = [row(f"{pack}, style", by_part[pack, "style"]) for pack in PACKS]
    rows.append(row("style pictures of all packs", [each for pack in PACKS for each in by_part[pack, "style"]]))
    rows.append(row("all drawings", [each for pairs in by_part.values() for each in pairs]))
    for each in rows:
        print(
            "  ".join(f"{key} {value:.3f}" if isinstance(value, float) else f"{value}" for key, value in each.items())
        )
    save_result("subdivision", {"scorer": "pocket", "rows": rows})


if __name__ == "__main__":
    main()
