"""How the benchmark of StyleStudio pairs words with references, and finds strengths of equal style."""

import numpy as np
import pytest
from benchmarks.style_studio_bench import interval, make_prompts, pairs_of, read_references
from benchmarks.style_studio_pocket import matched, presets

from impasto.generation.transfer_presets import PRESETS


def test_strengths_are_found_between_measured_ones() -> None:
    assert matched({0.5: 0.1, 1.0: 0.3}, 0.2) == 0.75
    assert matched({0.5: 0.1, 0.75: 0.3, 1.0: 0.2}, 0.25) == pytest.approx(0.69, abs=0.01)  # the weakest that does
    assert matched({0.5: 0.1, 1.0: 0.3}, 0.9) == 1.0  # no strength has so much
    assert matched({0.5: 0.1, 1.0: 0.3}, 0.0) == 0.5


def test_words_never_ask_for_what_the_reference_shows() -> None:
    references, prompts = read_references(3), make_prompts(20)
    pairs = pairs_of(prompts, references, 2)
    assert len({each.pack for each in references}) == 3
    assert all(prompts[p].subject != references[r].subject for p, r in pairs)
    assert all(prompts[p].background != references[r].background for p, r in pairs)
    assert {p for p, _ in pairs} == set(range(20))
    assert {r for _, r in pairs} == set(range(len(references)))  # all have their turns
    assert max(sum(p == each for p, _ in pairs) for each in range(20)) <= 3 * 2


def test_intervals_hold_the_mean() -> None:
    found = interval(np.random.default_rng(1).normal(2, 1, 50).tolist())
    assert found["low"] < found["mean"] < found["high"]
    assert interval([]) == {}


def test_presets_are_those_of_the_command() -> None:
    assert [name.removeprefix("preset ") for name in presets()] == list(PRESETS)
