"""Build the captioned data set: every (subject, hand) pair composed a number of times. Same seed, same data set.

Run: `python -m pretraining.data.build --variants 16`
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pretraining.data.compose import compose
from pretraining.data.fetch import read_icons, read_keywords
from pretraining.data.render import render_set
from pretraining.data.sets import TRAINED
from pretraining.data.subjects import V0, usable_subjects

BUILT = Path("pretraining/built")


def subjects_for(which: str) -> tuple[str, ...]:
    """Return the subject slugs of preset `which`: "v0" or "all"."""
    if which == "v0":
        return V0
    return tuple(usable_subjects(read_keywords(), {each.name: read_icons(each) for each in TRAINED}))


def build(which: str, variants: int, seed: int) -> tuple[NDArray[np.uint8], list[dict[str, str]]]:
    """Return pictures (count, 128, 128, 3) and, in the same order, subject, hand, ground and three captions each."""
    rng = np.random.default_rng(seed)
    pictures, rows = [], []
    for hand in TRAINED:
        for subject, drawing in render_set(hand, subjects_for(which)).items():
            for _ in range(variants):
                made = compose(subject, hand, drawing, rng)
                pictures.append(made.picture)
                captions = {f"caption_{index}": made.caption(rng) for index in range(3)}
                rows.append({"subject": subject, "hand": hand.name, "ground": made.ground, **captions})
    return np.stack(pictures), rows


def main() -> None:
    """Write `pictures.npy` and `rows.json` and print the hash that identifies the data set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", choices=("v0", "all"), default="v0")
    parser.add_argument("--variants", type=int, default=16, help="compositions of each (subject, hand) pair")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    pictures, rows = build(chosen.subjects, chosen.variants, chosen.seed)
    BUILT.mkdir(parents=True, exist_ok=True)
    np.save(BUILT / ".pictures.npy", pictures)
    (BUILT / ".pictures.npy").replace(BUILT / "pictures.npy")  # a stage that has the old file open keeps it
    (BUILT / "rows.json").write_text(json.dumps(rows), "utf-8")
    digest = hashlib.sha256(pictures.tobytes() + json.dumps(rows).encode()).hexdigest()
    (BUILT / "digest.txt").write_text(digest, "utf-8")
    print(f"{len(rows)} pictures of {len({row['subject'] for row in rows})} subjects  sha256 {digest}")


if __name__ == "__main__":
    main()
