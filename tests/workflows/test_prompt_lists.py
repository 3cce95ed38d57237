"""Prompts from files, choices, labelled sheets and grids; the words that pocket knows."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from impasto.cli.main import main
from impasto.core.errors import ConfigError, DataError
from impasto.data.prompt_list import AskedFor, read_prompts, with_choices_made
from impasto.generation.generate import asked_for, count_pictures, generate
from impasto.generation.mix_options import MixOptions, check_parts
from impasto.generation.options import GenerateOptions
from impasto.generation.sheets import grid, read_axes
from impasto.generation.text_to_image import refuse_no_steps


def test_a_line_is_a_prompt(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_text("\ufeffa fox\n\n# not this\n  an owl  \n", "utf-8")
    assert read_prompts(path, (1, 2), ("s",)) == [AskedFor("a fox", (1, 2), ("s",)), AskedFor("an owl", (1, 2), ("s",))]


def test_json_lines_have_seeds_and_styles(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    rows = [{"prompt": "a fox"}, {"prompt": "an owl", "seed": 7, "style": "b:0.5"}]
    rows += [{"prompt": "a cat", "seed": [1, 2], "style": []}]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert read_prompts(path, (0,), ("a",)) == [
        AskedFor("a fox", (0,), ("a",)),
        AskedFor("an owl", (7,), ("b:0.5",)),
        AskedFor("a cat", (1, 2), ()),
    ]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("x.txt", b"", "holds no prompt"),
        ("x.txt", b"# one\n", "holds no prompt"),
        ("x.txt", b"\xff", "is not UTF-8"),
        ("x.jsonl", b"{", "line 1 is not JSON"),
        ("x.jsonl", b"\n[]", "line 2 is no table"),
        ("x.jsonl", b'{"prompt": ""}', "prompt"),
        ("x.jsonl", b'{"prompt": "a", "sed": 1}', "unknown option 'sed'"),
        ("x.jsonl", b'{"prompt": "a", "seed": "b"}', "seed"),
        ("x.jsonl", b'{"prompt": "a", "seed": -1}', "seed"),
        ("x.jsonl", b'{"prompt": "a", "seed": [1, 9223372036854775808]}', "seed"),
    ],
)
def test_damaged_lists_are_one_line(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises((ConfigError, DataError), match=told) as error:
        read_prompts(tmp_path / name, (0,), ())
    assert "\n" not in str(error.value)


def test_choices_are_made_by_the_seed() -> None:
    drawn = {with_choices_made("a {fox|owl} on a {red | blue} hill", seed) for seed in range(40)}
    assert drawn == {f"a {animal} on a {colour} hill" for animal in ("fox", "owl") for colour in ("red", "blue")}
    assert with_choices_made("a {fox|owl}", 3) == with_choices_made("a {fox|owl}", 3)
    assert with_choices_made("a {fox} and {}", 3) == "a {fox} and {}"


def test_prompts_are_needed_and_not_empty() -> None:
    for given in ({}, {"prompt": ("",)}, {"prompt": ("a", " ")}):
        with pytest.raises(ConfigError, match="say what to draw with --prompt"):
            asked_for(GenerateOptions(**given))
    assert count_pictures(GenerateOptions(prompt=("a", "b"), num_images=3, sheet=True)) == 7


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("", "takes one or two settings"),
        ("size=1,2", "write NAME=VALUE,VALUE with one of scale, seed, steps, guidance"),
        ("seed", "write NAME=VALUE,VALUE"),
        ("seed=1.5", "is not a whole number"),
        ("scale=a", "is not a number"),
        ("scale=nan", "is not a number"),
        ("scale=1,inf", "is not a number"),
        ("seed=1 seed=2", "names seed twice"),
        ("seed=1 scale=1 steps=2", "3 are named"),
        ("seed=" + ",".join(map(str, range(201))), "at most 200"),
    ],
)
def test_wrong_axes_are_one_line(given: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        read_axes((given,))


def test_axes() -> None:
    assert read_axes(("scale=0.4,0.8 seed=1,2",)) == {"scale": (0.4, 0.8), "seed": (1, 2)}
    assert list(read_axes(("seed=1", "steps=2"))) == ["seed", "steps"]
    assert read_axes(("seed=9007199254740993",)) == {"seed": (2**53 + 1,)}  # which is no float


def test_labels_of_a_grid_tell_large_seeds_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.generation.sheets.labelled_table", lambda names, rows: (names, rows))
    monkeypatch.setattr("impasto.generation.sheets._opened", lambda path: path)
    axes = read_axes(("seed=1234567,1234568 scale=0.4,1",))
    names, rows = grid(axes, {each: Path() for each in product(*axes.values())})
    assert names == ["seed 1234567", "seed 1234568"]
    assert [label for label, _ in rows] == ["scale 0.4", "scale 1"]


class Opening(Exception):
    """The base would be opened now."""


@pytest.fixture
def unopened(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened_for(_: GenerateOptions) -> None:
        raise Opening

    monkeypatch.setattr("impasto.generation.generate.opened_for", opened_for)


@pytest.mark.usefixtures("unopened")
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"xy": ("steps=2,0",)}, "--xy: steps = 0"),
        ({"xy": ("guidance=5,0.5",)}, "--xy: guidance_scale = 0.5"),
        ({"xy": ("seed=3,-1",)}, "--xy: seed = -1"),
        ({"sheet": True}, "--sheet has no effect with --xy"),
        ({"out": Path("grid.jpg")}, "names no PNG, and PNG is written: grid.png"),
    ],
)
def test_what_a_grid_cannot_be_is_told_before_anything_is_drawn(
    tmp_path: Path, changes: dict[str, object], told: str
) -> None:
    given = {"prompt": ("a fox",), "xy": ("seed=1,2",), "out": tmp_path / "grid.png"} | changes
    with pytest.raises(ConfigError, match=told):
        list(generate(GenerateOptions(**given)))


@pytest.mark.usefixtures("unopened")
def test_one_file_holds_one_picture_whatever_its_style(tmp_path: Path) -> None:
    """Prompts in other styles are drawn one after another: each would have replaced the one before."""
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"prompt": "a fox"}\n{"prompt": "an owl", "style": "ink.safetensors"}\n')
    with pytest.raises(ConfigError, match=r"x.png is one file, but 2 pictures are asked for: name a folder"):
        list(generate(GenerateOptions(prompts=path, out=tmp_path / "x.png", overwrite=True)))


@pytest.mark.usefixtures("unopened")
def test_names_of_folders_may_hold_dots(tmp_path: Path) -> None:
    with pytest.raises(Opening):
        list(generate(GenerateOptions(prompt=("a fox",), sheet=True, out=tmp_path / "v1.2")))
    check_parts(MixOptions(style=("a", "b"), subject="a fox", strip=3, out=tmp_path / "v1.2"))
    with pytest.raises(ConfigError, match="--sheet needs a folder"):
        list(generate(GenerateOptions(prompt=("a fox",), sheet=True, out=tmp_path / "x.png")))


@pytest.mark.parametrize("steps", [1, 3, 4, 7, 29, 30, 50, 99, 300, 1000])
def test_the_least_strength_that_is_advised_takes_a_step(steps: int) -> None:
    with pytest.raises(ConfigError, match="is none: use at least") as error:
        refuse_no_steps(steps, 0.5 / steps)
    refuse_no_steps(steps, float(str(error.value).split()[-1]))


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def is_within(picture: np.ndarray, sheet: np.ndarray) -> bool:
    high, wide = picture.shape[:2]
    return any(
        (sheet[top : top + high, left : left + wide] == picture).all()
        for top in range(sheet.shape[0] - high + 1)
        for left in range(150, sheet.shape[1] - wide + 1, 2)
    )


def test_a_file_of_prompts_a_sheet_and_a_grid(
    tiny_folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "prompts.txt").write_text("a fox\nan {owl|cat}\n")
    shared = ["generate", "--base", str(tiny_folders["sdxl"]), "--steps", "2", "--device", "cpu"]
    out = tmp_path / "drawn"
    listed = ["--prompts", str(tmp_path / "prompts.txt"), "--num-images", "2", "--sheet", "--out", str(out)]
    assert main([*shared, *listed]) == 0
    names = ["0000-seed0", "0001-seed1", "0002-seed0", "0003-seed1"]
    assert sorted(path.name for path in out.glob("*.png")) == [*(f"{name}.png" for name in names), "sheet-0000.png"]
    sheet = pixels(out / "sheet-0000.png")
    assert all(is_within(pixels(out / f"{name}.png"), sheet) for name in names)

    grid = tmp_path / "grid.png"
    drawing = [*shared, "--prompt", "a fox", "--out", str(grid), "--xy"]
    assert main([*drawing, "steps=1,2 seed=0,1"]) == 0
    assert "steps 1, 2; seed 0, 1" in " ".join(capsys.readouterr().out.split())
    assert is_within(pixels(out / "0000-seed0.png"), pixels(grid))
    assert main([*drawing, "steps=1,2 seed=0,1"]) == 2  # it exists
    assert main([*drawing, "scale=1,2"]) == 2
    assert "--xy scale has no effect without --style" in capsys.readouterr().err


def told(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_words_that_pocket_does_not_know_are_mentioned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawing = ["generate", "--steps", "2", "--dry-run", "--out", str(tmp_path)]
    assert main([*drawing, "--prompt", "a bicycle on a green background"]) == 0
    assert "pocket was not taught these words, and draws something else: bicycle" in told(capsys)
    assert main([*drawing, "--prompt", "a fox on a green background, thick red outlines"]) == 0
    assert "was not taught" not in told(capsys)


def test_negative_words_without_guidance_are_mentioned(
    tiny_folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawing = ["generate", "--base", str(tiny_folders["sdxl"]), "--prompt", "a fox", "--negative-prompt", "grey"]
    drawing += ["--dry-run", "--device", "cpu", "--out", str(tmp_path)]
    for scale, is_told in ((5, False), (1, True)):
        assert main([*drawing, "--guidance-scale", str(scale)]) == 0
        out = told(capsys)
        assert ("--negative-prompt has no effect at guidance 1" in out) == is_told
        assert ("negative words grey" in out) != is_told


def test_the_vocabulary_is_printed(tiny_folders: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["styles", "--base", "pocket", "--words"]) == 0
    printed = capsys.readouterr().out
    assert "subjects (100)" in printed
    assert "twemoji style" in printed
    assert main(["styles", "--base", str(tiny_folders["sd15"]), "--words"]) == 2
    assert "has no list of words" in capsys.readouterr().err
