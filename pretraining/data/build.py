"""Build a captioned data set: every (subject, hand) pair composed a number of times. Same seed, same data set.

Run: `python -m pretraining.data.build --variants 16`, or with `--grammar full --subjects all` for the full grammar.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from pretraining.data.fetch import read_icons, read_keywords
from pretraining.data.pieces import full_job, full_pieces, v0_count, v0_pieces
from pretraining.data.sets import TRAINED
from pretraining.data.sheet import write_sheet
from pretraining.data.store import write_pieces
from pretraining.data.subjects import V0, usable_subjects

BUILT = Path("pretraining/built")


def subjects_for(which: str) -> tuple[str, ...]:
    """Return the subject slugs of preset `which`: "v0" or "all"."""
    if which == "v0":
        return V0
    return tuple(usable_subjects(read_keywords(), {each.name: read_icons(each) for each in TRAINED}))


def read_options() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grammar", choices=("v0", "full"), default="v0")
    parser.add_argument("--subjects", choices=("v0", "all"), default="v0")
    parser.add_argument("--variants", type=int, default=16, help="compositions of each (subject, hand) pair")
    parser.add_argument("--plain", type=float, default=0.0, help="share of simple compositions in the full grammar")
    parser.add_argument("--favour", default="", help="a treatment for a third of the simple compositions")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=BUILT, help="folder that is written")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes; full grammar only")
    parser.add_argument("--sheet", type=Path, help="write samples of the full grammar as this PNG and build nothing")
    return parser.parse_args()


def main() -> None:
    """Write `pictures.npy` and `rows.json` and print the hash that identifies the data set."""
    chosen = read_options()
    subjects = subjects_for(chosen.subjects)
    if chosen.sheet:
        write_sheet(full_job(subjects, 1, chosen.seed, chosen.plain, chosen.favour).grammar, chosen.sheet, chosen.seed)
        return
    if chosen.grammar == "full":
        job = full_job(subjects, chosen.variants, chosen.seed, chosen.plain, chosen.favour)
        count, pieces = job.count, full_pieces(job, subjects, chosen.workers)
    else:
        count = v0_count(subjects, chosen.variants)
        pieces = v0_pieces(subjects, chosen.variants, chosen.seed)
    digest = write_pieces(pieces, count, chosen.out)
    print(f"{count} pictures of {len(subjects)} subjects  sha256 {digest}")


if __name__ == "__main__":
    main()
