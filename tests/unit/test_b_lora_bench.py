"""How the benchmark of B-LoRA compares ways at equal content, and what it trains."""

from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks.b_lora_lessons import FIRST, KINDS, SECOND, Lesson
from benchmarks.b_lora_pocket import (
    B_LORA,
    DB_LORA,
    STRENGTHS,
    VARIANTS,
    WAYS,
    Pair,
    Scores,
    plan,
    style_at_equal_content,
)

PAIRS = [Pair(Path(f"{name}.png"), Path("style.png"), 0) for name in "abcde"]


def curve(content_at: float, style_at: float) -> list[tuple[float, float]]:
    """Content falls and style rises along strengths; the two numbers say where style 0 and content 1 are."""
    return [(content_at - 0.2 * strength, style_at + 0.1 * strength) for strength in STRENGTHS]


def scores(way: str, points: list[tuple[float, float]], noise: float = 0.0) -> dict[tuple[str, float], Scores]:
    rng = torch.Generator().manual_seed(len(way))
    each = torch.randn((len(STRENGTHS), 2, len(PAIRS)), generator=rng) * noise
    return {
        (way, strength): Scores(style + each[index, 0], content + each[index, 1], *[torch.ones(len(PAIRS))] * 2)
        for index, (strength, (content, style)) in enumerate(zip(STRENGTHS, points, strict=True))
    }


def test_a_curve_that_lies_above_wins_by_its_distance() -> None:
    rows = scores(B_LORA, curve(1.0, 0.05)) | scores(DB_LORA, curve(1.0, 0.0))
    assert style_at_equal_content(rows, PAIRS, B_LORA, DB_LORA)["mean"] == pytest.approx(0.05)
    assert style_at_equal_content(rows, PAIRS, DB_LORA, B_LORA)["mean"] == pytest.approx(-0.05)


def test_a_strength_with_less_of_both_does_not_count_against_a_way() -> None:
    plain = curve(1.0, 0.05)
    folded = [(plain[1][0] - 0.1, plain[0][1] - 0.2), *plain[1:]]
    other = scores(DB_LORA, curve(1.0, 0.0))
    found = [
        style_at_equal_content(scores(B_LORA, one) | other, PAIRS, B_LORA, DB_LORA)["mean"] for one in (plain, folded)
    ]
    assert found == pytest.approx([0.05, 0.05])


def test_equal_curves_are_equal_wherever_their_points_are() -> None:
    halfway = [(content - 0.1, style + 0.05) for content, style in curve(1.0, 0.0)]
    rows = scores(B_LORA, curve(1.0, 0.0)) | scores(DB_LORA, halfway)
    found = style_at_equal_content(rows, PAIRS, B_LORA, DB_LORA)
    assert found["mean"] == pytest.approx(0.0, abs=1e-4)
    noisy = scores(B_LORA, curve(1.0, 0.0), 0.05) | scores(DB_LORA, halfway, 0.05)
    found = style_at_equal_content(noisy, PAIRS, B_LORA, DB_LORA)
    assert found["low"] < found["mean"] < found["high"]


def test_curves_that_do_not_meet_are_not_compared() -> None:
    rows = scores(B_LORA, curve(9.0, 0.0)) | scores(DB_LORA, curve(1.0, 0.0))
    assert np.isnan(style_at_equal_content(rows, PAIRS, B_LORA, DB_LORA)["mean"])


def test_stages_are_learnt_in_order_and_variants_with_one_seed() -> None:
    lesson = Lesson(Path("pack/style/a.png"), "[s]", SECOND, 0)
    assert lesson.before() == Lesson(lesson.picture, "[s]", FIRST, 0)
    assert Lesson(lesson.picture, "[s]", FIRST, 0).before() is None
    rows = plan([Path("c.png")], [Path("s.png")], 3)
    assert {len(row.pairs) for row in rows if row.name in VARIANTS} == {1}
    assert {len(row.pairs) for row in rows if row.name not in VARIANTS} == {3}
    used = {way.content for way in WAYS.values()} | {way.style for way in WAYS.values() if way.content}
    assert used - {""} == set(KINDS)
