"""A run says whether it worked: words, style, since when it is worse, and the sheet to look at."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from impasto.cli.console import format_verdict
from impasto.core.events import Verdict
from impasto.data.images import read_picture
from impasto.data.packs import find_pack
from impasto.reporting.grids import labelled_table
from impasto.training.samples.sheet import SampleSheet
from impasto.training.samples.subjects import SubjectsShown
from impasto.training.samples.verdict import (
    Rated,
    best_step,
    distance_to_style,
    distance_within,
    moved,
    words_lost_since,
    worse_since,
)


def test_distances_are_means_over_pairs() -> None:
    style = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    assert distance_within(style) == pytest.approx(5)
    assert distance_within(style[:1]) == 0
    assert distance_to_style(torch.tensor([[0.0, 0.0]]), style) == pytest.approx(2.5)


def test_the_way_to_the_style_is_a_share() -> None:
    untrained = Rated(0, 9.0, 4, 4)
    assert moved(untrained, untrained, 5.0) == 0
    assert moved(Rated(8, 7.0, 4, 4), untrained, 5.0) == pytest.approx(0.5)
    assert moved(Rated(8, 5.0, 4, 4), untrained, 5.0) == pytest.approx(1)
    assert moved(Rated(8, 10.0, 4, 4), untrained, 5.0) == pytest.approx(-0.25)
    assert moved(Rated(8, 1.0, 4, 4), Rated(0, 5.0, 4, 4), 5.0) == 0  # the base draws like this already


@pytest.mark.parametrize(
    ("trained", "step"),
    [
        ([(55, 8.0, 4), (110, 7.0, 4), (165, 6.0, 4)], None),
        ([(55, 7.0, 4), (110, 6.0, 1), (165, 6.0, 1)], 110),  # style came, words went
        ([(55, 6.0, 4), (110, 8.0, 4)], 110),
        ([(55, 6.0, 4), (110, 6.1, 4)], None),  # a little is chance
        ([(55, 6.0, None), (110, 9.0, None)], 110),
        ([], None),
    ],
)
def test_worse_since(trained: list[tuple[int, float, int | None]], step: int | None) -> None:
    kept = None if trained and trained[0][2] is None else 4
    rated = [Rated(0, 9.0, kept, 4), *(Rated(*each, 4) for each in trained)]
    assert worse_since(rated, 5.0) == step


@pytest.mark.parametrize(
    ("kept", "since", "best"),
    [
        ([4, 4, 4], None, 165),
        ([4, 3, 3], 110, 55),  # nearer to the style, but of four subjects one is gone
        ([4, 2, 4], None, 165),  # they came back
        ([3, 4, 3], 165, 110),
        ([2, 2, 2], 55, None),  # from the first samples on: no step is worth keeping
        ([None, None, None], None, 165),
    ],
)
def test_words_lost_since(kept: list[int | None], since: int | None, best: int | None) -> None:
    steps, distances = (55, 110, 165), (8.0, 7.0, 6.0)
    rated = [
        Rated(0, 9.0, kept[0] and 4, 4),
        *(Rated(*each, 4) for each in zip(steps, distances, kept, strict=True)),
    ]
    assert words_lost_since(rated) == since
    assert best_step(rated, 5.0) == best


def test_no_step_is_best_where_none_came_nearer() -> None:
    assert best_step([Rated(0, 9.0, 4, 4), Rated(55, 9.5, 4, 4)], 5.0) is None


def test_subjects_of_prompts_and_pictures() -> None:
    judge = SubjectsShown()
    prompts = [
        "a fox on a green background",
        "a group of houses",
        "an old woman, zwx style",
        "a bicycle",
        "Tiger face!",
    ]
    assert judge.asked(prompts) == ["fox", "houses", "old woman", None, "tiger face"]
    folder = find_pack("fluent-emoji-high-contrast").part("held_out")
    pictures = [read_picture(folder / f"{name}.png").image for name in ("mushroom", "umbrella", "mushroom")]
    assert judge.count(["a mushroom", "an umbrella on a red background", "a bicycle"], pictures) == (2, 2)
    assert judge.count(["an umbrella", "a mushroom", "a bicycle"], pictures) == (0, 2)


def verdict(**changes: object) -> Verdict:
    facts = {"step": 8, "moved": 0.38, "kept": 3, "kept_before": 4, "asked": 4, "worse_since": None, "best": None}
    facts |= {"words_lost_since": None, "is_final": True}
    return Verdict(**(facts | {"sheet": Path("run/samples.png")} | changes))


def test_the_line_says_words_style_and_files() -> None:
    (line,) = format_verdict(verdict())
    assert line == (
        "step 8: the samples went 38% of the way to the style pictures; the subject is recognised in 3 of 4 "
        "(untrained: 4); run/samples.png, run/loss.png"
    )
    assert "nothing here can tell whether the words were kept" in format_verdict(verdict(kept=None))[0]
    assert format_verdict(verdict(worse_since=110))[1].startswith("worse since step 110: train shorter")
    assert format_verdict(verdict(words_lost_since=110, best=55))[1] == (
        "words are lost from step 110 on: 3 of 4 subjects are recognised, 4 before; step 55 was the best"
    )


def test_on_the_way_a_line_is_printed_where_it_goes_wrong_alone() -> None:
    assert format_verdict(verdict(is_final=False)) == []
    assert len(format_verdict(verdict(is_final=False, words_lost_since=4))) == 1


def test_the_sheet_has_a_row_for_each_step(tmp_path: Path) -> None:
    style = [Image.new("RGB", (32, 32), "blue")]
    sheet = SampleSheet(tmp_path, ["a fox", "an owl"], style)
    for step, colour in ((0, "red"), (55, "green")):
        sheet.add(step, [Image.new("RGB", (32, 32), colour)] * 2)
    assert sorted(each.name for each in (tmp_path / "samples").iterdir()) == ["step-000000.png", "step-000055.png"]
    with Image.open(sheet.path) as joined:
        colours = [joined.convert("RGB").getpixel((joined.width - 20, joined.height - high)) for high in (90, 54, 18)]
    assert colours == [(255, 0, 0), (0, 128, 0), (0, 0, 255)]
    other = SampleSheet(tmp_path, ["a fox"], [])  # gone on with other prompts
    other.add(110, [Image.new("RGB", (32, 32), "white")])
    with Image.open(other.path) as joined:
        assert joined.height < 100


def test_a_table_is_as_large_as_its_pictures_and_names() -> None:
    picture = Image.new("RGB", (32, 24))
    one, two = (labelled_table(["a", "b"], [("x", [picture] * 2)] * rows) for rows in (1, 2))
    assert two.height - one.height == 28
    assert labelled_table(["a"], [("x", [picture])]).width == one.width - 36
