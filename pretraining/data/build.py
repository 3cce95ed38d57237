"""Build a captioned data set: every pair of subject and artist drawn a number of times. Same seed, same data set.

Run: `python -m pretraining.data.build --variants 60`, or with `--sheet FILE` to look at samples
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from pretraining.data.fetch import read_icons, read_keywords
from pretraining.data.pieces import job_for
from pretraining.data.sets import TRAINED
from pretraining.data.sheet import write_sheet
from pretraining.data.store import write_pieces
from pretraining.data.subjects import V0, usable_subjects, widened

BUILT = Path("pretraining/built")


def subjects_for(count: int) -> tuple[str, ...]:
    """Return `count` subject slugs; `V0` needs no list of all."""
    if count == len(V0):
        return V0
    return widened(usable_subjects(read_keywords(), {each.name: read_icons(each) for each in TRAINED}), count)


def read_options() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--subjects", type=int, default=len(V0), help="how many; those beyond the first hundred by hash"
    )
    parser.add_argument("--variants", type=int, default=60, help="pictures of each (subject, artist) pair")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=BUILT, help="folder that is written")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--sheet", type=Path, help="write labelled samples as this PNG and build nothing")
    return parser.parse_args()


def main() -> None:
    """Write `pictures.npy` and `rows.json` and print the hash that identifies the data set."""
    chosen = read_options()
    job = job_for(subjects_for(chosen.subjects), chosen.variants, chosen.seed)
    if chosen.sheet:
        write_sheet(job.pairs, chosen.sheet, chosen.seed)
        return
    started = time.perf_counter()
    digest = write_pieces(job.pieces(chosen.workers), job.count, chosen.out)
    pace = job.count / (time.perf_counter() - started)
    print(f"{job.count} pictures of {chosen.subjects} subjects, {pace:.0f} a second  sha256 {digest}")


if __name__ == "__main__":
    main()
