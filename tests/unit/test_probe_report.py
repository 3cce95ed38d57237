"""Which blocks are proposed for which roles, and how certain that is said to be."""

import json
from pathlib import Path

import torch

from impasto.core.rng import generator
from impasto.models.roles import read_roles
from impasto.probing.figures import short_name
from impasto.probing.report import BlockMeasurement, measure, propose, two_digits, write_report
from impasto.probing.scores import PairScore

BLOCKS = ["mid_block.attentions.0", "up_blocks.0.attentions.0", "up_blocks.0.attentions.1"]
FACTS = {"base": "mine", "pairs": 40, "steps": 20, "guidance_scale": 5.0, "seed": 0, "scorer": "fake"}


def measured(*shares: float, noise: float = 0.05, pairs: int = 40, span: float = 1.0) -> BlockMeasurement:
    """Blocks with these effects, up to noise."""
    rows = torch.tensor(shares) * span + noise * torch.randn(pairs, len(shares), generator=generator(7))
    return measure([PairScore("any", i, "p", "q", 0.0, span, tuple(row)) for i, row in enumerate(rows.tolist())])


def test_largest_effects_are_proposed_and_clear() -> None:
    content, style = propose({"subject": measured(0.1, 0.6, 0.2), "style": measured(0.1, 0.2, 0.5)}, BLOCKS)
    assert (content.role, content.block, content.rival, content.doubts) == ("content", BLOCKS[1], BLOCKS[2], ())
    assert (style.role, style.block, style.rival, style.doubts) == ("style", BLOCKS[2], BLOCKS[1], ())
    assert content.formatted() == "content: `up_blocks.0.attentions.0` (clear)."


def test_overlapping_intervals_are_not_clear() -> None:
    (content,) = propose({"subject": measured(0.5, 0.51, 0.2, noise=0.4)}, BLOCKS)
    assert content.doubts == (f"its interval overlaps that of {content.rival}",)


def test_few_pairs_are_not_clear() -> None:
    (content,) = propose({"subject": measured(0.1, 0.6, 0.2, pairs=29)}, BLOCKS)
    assert content.doubts == ("fewer than 30 pairs",)


def test_pictures_that_the_scorer_does_not_tell_apart_are_not_clear() -> None:
    (content,) = propose({"subject": measured(0.1, 0.6, 0.2, span=-1.0)}, BLOCKS)
    assert "the scorer does not tell the plain pictures apart" in content.doubts


def test_no_block_gets_two_roles() -> None:
    content, style = propose({"subject": measured(0.1, 0.6, 0.2), "style": measured(0.1, 0.8, 0.4)}, BLOCKS)
    assert (content.block, content.doubts) == (BLOCKS[1], ())
    assert (style.block, style.rival) == (BLOCKS[2], BLOCKS[1])
    assert style.doubts == (f"{BLOCKS[1]} decides more on style, but has another role",)


def test_no_role_is_left_with_a_block_that_decides_on_nothing() -> None:
    """One block has the largest effect on both; it gets the role that nobody else can play."""
    content, style = propose({"subject": measured(0.0, 0.3, 0.8), "style": measured(0.0, 0.03, 0.5)}, BLOCKS)
    assert (content.block, style.block) == (BLOCKS[1], BLOCKS[2])
    assert content.doubts == (f"{BLOCKS[2]} decides more on subject, but has another role",)
    assert style.doubts == ()


def test_an_effect_that_may_be_none_is_not_clear() -> None:
    _, style = propose({"subject": measured(0.0, 0.6, 0.0), "style": measured(0.0, 0.8, 0.01, noise=0.3)}, BLOCKS)
    assert "its interval includes 0, it may decide on nothing" in style.doubts


def test_colour_stands_for_style_where_style_was_not_measured() -> None:
    both = {"style": measured(0.1, 0.2, 0.5), "colour": measured(0.7, 0.2, 0.1)}
    assert [proposal.block for proposal in propose(both, BLOCKS)] == [BLOCKS[2]]
    (style,) = propose({"colour": both["colour"]}, BLOCKS)
    assert (style.role, style.family, style.block) == ("style", "colour", BLOCKS[0])


def test_files(tmp_path: Path) -> None:
    families = {"subject": measured(0.1, 0.6, 0.2), "style": measured(-0.001, 0.2, 0.5, noise=0.0)}
    table = write_report(tmp_path, FACTS, families, BLOCKS, propose(families, BLOCKS))
    assert table == (tmp_path / "table.md").read_text("utf-8")
    assert "| block | subject | style |" in table
    assert "| 0.00 [0.00, 0.00] |" in table  # without the sign of -0.001
    assert "**0.50** [0.50, 0.50]" in table
    assert read_roles(tmp_path) == {"content": (BLOCKS[1],), "style": (BLOCKS[2],)}
    stated = json.loads((tmp_path / "probe.json").read_text("utf-8"))
    assert stated["families"]["style"]["blocks"][BLOCKS[2]]["mean"] == 0.5
    assert stated["evidence"]["content"]["clear"] is True
    assert stated["scorer"] == "fake"


def test_scores_that_never_differ_leave_no_numbers_and_valid_json(tmp_path: Path) -> None:
    same = {"subject": measured(0.0, 0.0, 0.0, noise=0.0, span=0.0)}
    table = write_report(tmp_path, FACTS, same, BLOCKS, propose(same, BLOCKS))
    assert "- [-, -]" in table
    assert "The scorer does not tell the plain pictures of subject apart" in table
    assert "NaN" not in (tmp_path / "probe.json").read_text("utf-8")
    assert json.loads((tmp_path / "roles.json").read_text("utf-8"))["evidence"]["content"]["clear"] is False


def test_short_names_and_numbers() -> None:
    assert [short_name(block) for block in BLOCKS] == ["mid 0", "up 0.0", "up 0.1"]
    assert (two_digits(-0.004), two_digits(-0.126)) == ("0.00", "-0.13")
