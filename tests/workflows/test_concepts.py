"""Multi-StyleForge, subdivide and aux through the command line."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from impasto.cli.main import main
from impasto.core.config import validated
from impasto.core.errors import ConfigError
from impasto.data.images import read_picture
from impasto.methods.multi_styleforge import MultiStyleForgeSettings
from impasto.style.file import load_style

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(
    tmp_path: Path,
    style_images: Path,
    aux_images: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")

    def command(*arguments: object) -> tuple[int, str]:
        code = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return code, printed.err or printed.out

    return command


def into_folders(folder: Path, *concepts: str) -> None:
    for index, concept in enumerate(concepts):
        (folder / concept).mkdir()
        for path in sorted(folder.glob("*.png"))[index :: len(concepts)]:
            shutil.move(path, folder / concept)


@pytest.fixture
def multi(tiny_folders: dict[str, Path]) -> tuple[object, ...]:
    base = ("train", "multi-styleforge", "--base", tiny_folders["sdxl"], "--style-images", "style-pictures")
    small = ("--learn", "lora", "--rank", 2, "--steps", 2, "--sample-every", 2, "--sample-prompts", "fox")
    return (*base, *small, "--out", "m.safetensors", "--run-dir", "run")


def test_from_subfolders_to_pictures(run: Run, multi: tuple[object, ...], tiny_folders: dict[str, Path]) -> None:
    into_folders(Path("style-pictures"), "people", "backgrounds")
    code, told = run(*multi, "--aux", "generate", "--num-aux", 2)
    assert code == 0, told
    assert "style:people pictures" in told
    assert 'shown with "ukj style"' in told
    assert "--style m.safetensors --prompt fox --num-images 4" in told
    drawn = sorted(str(path.relative_to("run")) for path in Path("run/aux").rglob("*.png"))
    assert drawn == [f"aux/{concept}/00{index}.png" for concept in ("backgrounds", "people") for index in (0, 1)]
    card = load_style(Path("m.safetensors")).card
    assert card.style_words == "zwx style, ukj style"
    assert card.concepts == {"people": "zwx style", "backgrounds": "ukj style"}
    assert set(card.pictures) == {"style:people", "style:backgrounds", "aux:people", "aux:backgrounds"}
    steps = [json.loads(line) for line in Path("run/events.jsonl").read_text().splitlines()]
    shown = {tuple(sorted(name for name, _ in each["parts"])) for each in steps if "parts" in each}
    assert shown == {("aux:people", "style:people"), ("aux:backgrounds", "style:backgrounds")}

    drawing = ("generate", "--base", tiny_folders["sdxl"], "--style", "m.safetensors", "--steps", 1)
    prompts = {(): "zwx style, ukj style, girl in a park", ("--decompose",): "girl, zwx style, in a park, ukj style"}
    for flags, expected in prompts.items():
        assert run(*drawing, "--prompt", "girl in a park", "--out", "p.png", "--overwrite", *flags)[0] == 0
        assert json.loads(Path("p.json").read_text())["prompt"] == expected
    assert "--decompose has no effect" in run(*drawing[:3], "--prompt", "girl", "--decompose")[1]
    assert (
        "decompose has no effect with --raw-prompt" in run(*drawing, "--prompt", "x", "--decompose", "--raw-prompt")[1]
    )


def test_a_corrected_csv_divides(run: Run, multi: tuple[object, ...]) -> None:
    rows = [("0.png", "people"), ("1.png", "backgrounds"), ("2.png", "none"), ("3.png", "people")]
    Path("d.csv").write_text("file,class\n" + "".join(f"{name},{concept}\n" for name, concept in rows))
    code, told = run(*multi, "--concepts-csv", "d.csv", "--dry-run")
    assert code == 0, told
    assert '2 from style-pictures, shown with "zwx style"' in told
    assert '1 from style-pictures, shown with "ukj style"' in told


def test_an_empty_side_is_told_with_the_way_out(run: Run, multi: tuple[object, ...]) -> None:
    Path("d.csv").write_text("file,class\n" + "".join(f"{index}.png,people\n" for index in range(4)))
    code, told = run(*multi, "--concepts-csv", "d.csv")
    assert code == 2
    assert "--style-images style-pictures holds no picture of backgrounds: add some in" in told
    assert "--concepts-csv FILE.csv" in told
    assert told.count("\n") == 1
    into_folders(Path("style-pictures"), "backgrounds")
    code, told = run(*multi)
    assert code == 2
    assert "holds no picture of people" in told
    code, told = run(*multi, "--concepts-csv", "d.csv")
    assert "contradict each other" in told


def test_division_of_an_undivided_method(run: Run, tiny_folders: dict[str, Path]) -> None:
    where = ("--base", tiny_folders["sdxl"], "--style-images", "style-pictures", "--out", "x.safetensors")
    code, told = run("train", "lora", *where, "--concepts-csv", "d.csv")
    assert code == 2
    assert "--concepts-csv d.csv has no effect" in told


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"identifiers": ("zwx",)}, "1 identifiers for 2 concepts"),
        ({"identifiers": ("zwx", "zwx")}, "identifiers must differ"),
        ({"concepts": ("a", "a")}, "concepts must differ"),
        ({"rank": 4}, "rank has no effect with --learn full"),
    ],
)
def test_settings(settings: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        validated(MultiStyleForgeSettings, settings, source="test")


def test_subdivide(run: Run) -> None:
    code, told = run("subdivide", "pack:emojione-v1", "--out", "d.csv")
    assert code == 0, told
    rows = list(csv.DictReader(Path("d.csv").read_text().splitlines()))
    assert len(rows) == 20
    assert {row["class"] for row in rows} == {"people", "backgrounds"}
    assert [float(row["score"]) for row in rows] == sorted(float(row["score"]) for row in rows)
    assert read_picture(Path("d.png")).image.width > 500
    assert "exists: --overwrite replaces it" in run("subdivide", "style-pictures", "--out", "d.csv")[1]
    for name in ("1_a/0.png", "2_b/1.png"):  # as kohya's scripts want them: the second twice
        Path(f"folder/{name}").parent.mkdir(parents=True)
        shutil.copy(f"style-pictures/{Path(name).name}", f"folder/{name}")
    assert run("subdivide", "folder", "--out", "k.csv")[0] == 0
    assert len(Path("k.csv").read_text().splitlines()) == 1 + 2
    assert "must end in .csv" in run("subdivide", "style-pictures", "--out", "d.txt")[1]


def test_aux_from_a_folder_and_from_the_base(run: Run, tiny_folders: dict[str, Path]) -> None:
    shutil.copy("aux-pictures/0.png", "aux-pictures/again.png")
    Path(".set.part").mkdir()  # of a process that was killed
    Path(".set.part/007.png").touch()
    code, told = run("aux", "--images", "aux-pictures", "--out", "set")
    assert code == 0, told
    assert sorted(path.name for path in Path("set").iterdir()) == [*(f"00{i}.png" for i in range(4)), "aux.json"]
    assert json.loads(Path("set/aux.json").read_text())["looked_at"] == 5
    drawing = ("aux", "--base", tiny_folders["sdxl"], "--steps", 1, "--prompt", "fox", "--prompt", "hut")
    code, told = run(*drawing, "--num", 3, "--threshold", 0, "--out", "drawn")
    assert code == 0, told
    assert [path.read_text() for path in sorted(Path("drawn").glob("*.txt"))] == ["fox\n", "hut\n", "fox\n"]
    before = sorted(Path().rglob("*"))
    assert "--out set exists already" in run("aux", "--images", "aux-pictures", "--out", "set")[1]
    assert "are wanted" in run("aux", "--images", "aux-pictures", "--num", 9, "--out", "x")[1]
    assert "are wanted" in run(*drawing, "--num", 3, "--threshold", 1, "--out", "x")[1]
    assert "steps has no effect with --images" in run("aux", "--images", "a", "--steps", 3, "--out", "x")[1]
    assert sorted(Path().rglob("*")) == before
