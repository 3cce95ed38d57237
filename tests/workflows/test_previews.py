"""`--preview-every`: a small picture of what is being drawn, there while it is drawn."""

from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from impasto.cli.main import main
from impasto.core.errors import ConfigError
from impasto.core.events import Generated, Previewed
from impasto.generation.generate import generate
from impasto.generation.options import GenerateOptions


@pytest.fixture
def options(tiny_folders: dict[str, Path], tmp_path: Path):
    """Options of two pictures in five steps, a preview every two."""

    def made(**changes) -> GenerateOptions:
        given = {"base": str(tiny_folders["sdxl"]), "prompt": ("a fox",), "num_images": 2, "steps": 5, "device": "cpu"}
        return GenerateOptions(**given | {"preview_every": 2, "out": tmp_path / "drawn"} | changes)

    return made


def test_the_preview_is_there_until_all_is_drawn(options, tmp_path: Path) -> None:
    target, seen = tmp_path / "drawn" / "preview.png", []
    with closing(generate(options(batch=1))) as events:
        for event in events:
            if isinstance(event, Previewed):
                assert event.path == target
                with Image.open(target) as shown:
                    seen.append((event.step, event.steps, shown.size))
    assert seen == [(2, 5, (16, 16)), (4, 5, (16, 16))] * 2
    assert sorted(path.name for path in target.parent.iterdir()) == [
        *("0000-seed0.json", "0000-seed0.png", "0001-seed1.json", "0001-seed1.png")
    ]


def test_a_batch_is_shown_side_by_side_and_leaving_early_removes_it(options, tmp_path: Path) -> None:
    with closing(generate(options())) as events:
        event = next(event for event in events if isinstance(event, Previewed))
        with Image.open(event.path) as shown:
            assert shown.size == (32, 16)
    assert not list((tmp_path / "drawn").iterdir())


def test_the_pictures_are_those_without_previews(options, tmp_path: Path) -> None:
    list(generate(options()))
    list(generate(options(preview_every=0, out=tmp_path / "plain")))
    for path in (tmp_path / "plain").iterdir():
        assert path.read_bytes() == (tmp_path / "drawn" / path.name).read_bytes()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"preview_every": 5}, "has no effect on 5 steps: give at most 4"),
        ({"out": "preview.png", "num_images": 1}, "is a file of yours"),
        ({"out": "mine"}, "is a file of yours"),
    ],
)
def test_what_would_do_nothing_or_overwrite_is_refused(options, tmp_path: Path, changes, reason: str) -> None:
    mine = tmp_path / "mine" / "preview.png"
    mine.parent.mkdir()
    mine.write_bytes(b"mine")
    given = {**changes, "out": tmp_path / changes["out"]} if "out" in changes else changes
    with pytest.raises(ConfigError, match=reason):
        list(generate(options(**given)))
    assert mine.read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_stylize_and_transfer_know_the_flag_and_a_plain_run_shows_nothing(
    options, tiny_folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (40, 40), (200, 90, 10)).save("sun.png")
    common = f"--base {tiny_folders['sdxl']} --steps 10 --device cpu --preview-every"
    assert main(["stylize", "sun.png", *common.split(), "5", "--strength", "0.6", "--out", "a.png"]) == 0
    aligned = ["--control", "style_aligned", "--prompt", "a fox", "--out", "b"]
    assert main(["transfer", "sun.png", *aligned, *common.split(), "9"]) == 0
    assert main(["stylize", "sun.png", *common.split(), "6", "--strength", "0.6", "--out", "c.png"]) == 2
    assert "has no effect on 6 steps" in capsys.readouterr().err
    assert not list(tmp_path.rglob("preview.png"))
    drawn = [event for event in generate(options(preview_every=0)) if isinstance(event, Generated | Previewed)]
    assert [type(event) for event in drawn] == [Generated, Generated]
