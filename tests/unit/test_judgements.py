"""Blind pairwise judgement: pairs, sides, intervals, and the column that they make."""

import json
import math
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from impasto.comparison.judgements import (
    judge,
    next_pair,
    pairs_of,
    pictures_of_trials,
    preferred,
    read_judgements,
    take_back,
    wilson,
)
from impasto.core.errors import DataError


def comparison(out: Path, rows: int = 3, prompts: int = 4) -> Path:
    for row in range(rows):
        folder = out / "trials" / f"key{row}"
        folder.mkdir(parents=True)
        facts = {"row": f"method {row}", "style": "ink", "seed": 0}
        facts |= {"pictures": [str(n) for n in range(prompts)], "prompts": [f"thing {n}" for n in range(prompts)]}
        (folder / "trial.json").write_text(json.dumps(facts))
    return out


def test_every_pair_of_methods_meets_on_every_prompt(tmp_path: Path) -> None:
    pairs = pairs_of(pictures_of_trials(comparison(tmp_path)))
    assert len(pairs) == 3 * 4
    assert all(pair.left.prompt == pair.right.prompt and pair.left.row != pair.right.row for pair in pairs)
    assert len({pair.key() for pair in pairs}) == 12


def test_a_method_is_not_judged_against_itself(tmp_path: Path) -> None:
    out = comparison(tmp_path, rows=2)
    shutil.copytree(out / "trials" / "key0", out / "trials" / "changed")  # the same method with other options
    assert all(len(pair.rows()) == 2 for pair in pairs_of(pictures_of_trials(out)))


def test_sides_are_dealt_evenly_and_no_pair_comes_twice(tmp_path: Path) -> None:
    comparison(tmp_path, prompts=60)
    rng, first = random.Random(0), Counter[str]()
    seen = set()
    while (found := next_pair(tmp_path, rng)) is not None:
        pair, done, count = found
        assert (done, count) == (len(seen), 180)
        assert pair.key() not in seen
        seen.add(pair.key())
        first[min(pair.left.row, pair.right.row) == pair.left.row] += 1
        judge(tmp_path, pair, "left")
        if len(seen) % 3 == 0:  # every two methods met equally often, whenever somebody stops
            met = Counter(frozenset((j["left"]["row"], j["right"]["row"])) for j in read_judgements(tmp_path))
            assert len(set(met.values())) == 1
    assert len(seen) == 180
    assert abs(first[True] - 90) < 3.3 * math.sqrt(45)


def test_shares_count_ties_as_half(tmp_path: Path) -> None:
    comparison(tmp_path, rows=2, prompts=4)
    for choice in ("better", "equal", "better", "better"):
        pair, _, _ = next_pair(tmp_path, random.Random(1))
        better = "left" if pair.left.row == "method 0" else "right"
        judge(tmp_path, pair, choice if choice == "equal" else better)
    won = preferred(read_judgements(tmp_path), "ink")
    assert won == {"method 0": (3.5, 4), "method 1": (0.5, 4)}
    assert preferred(read_judgements(tmp_path), "oil") == {}
    assert take_back(tmp_path)
    assert preferred(read_judgements(tmp_path), "ink")["method 0"][1] == 3


@pytest.mark.parametrize(
    ("wins", "count", "low", "high"), [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (81, 263, 0.2553, 0.3662)]
)
def test_wilson_interval(wins: float, count: int, low: float, high: float) -> None:
    """Values of Newcombe (1998), table I, and by hand."""
    centre, half = wilson(wins, count)
    assert centre - half == pytest.approx(low, abs=5e-5)
    assert centre + half == pytest.approx(high, abs=5e-5)


def test_half_written_lines_are_passed_over(tmp_path: Path) -> None:
    pair, _, _ = next_pair(comparison(tmp_path), random.Random(0))
    judge(tmp_path, pair, "left")
    with (tmp_path / "judgements.jsonl").open("a") as stream:
        stream.write('{"left": {"row')
    assert len(read_judgements(tmp_path)) == 1


def test_a_folder_without_trials_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="impasto compare --out"):
        pictures_of_trials(tmp_path)
