"""`impasto evaluate` from end to end: what it pairs, what it writes, and what it refuses."""

import json
from contextlib import closing
from pathlib import Path

import pytest
import torch
from PIL import Image

from impasto.cli.main import main
from impasto.core.errors import ConfigError, DataError
from impasto.core.events import Measured, Planned
from impasto.data.held_out import read_held_out
from impasto.data.packs import find_pack
from impasto.evaluation.evaluate import evaluate
from impasto.evaluation.feature_sets import pairs_by_name
from impasto.evaluation.options import EvaluateOptions
from impasto.evaluation.prompts import find_prompts, without_style_words
from impasto.features.pocket import PocketFeatures
from impasto.metrics.kernel import kernel_distance

PACK = find_pack("openmoji")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures with sidecars, as `impasto generate` writes them: another artist's, named after subjects."""
    folder = tmp_path_factory.mktemp("drawn")
    for subject in read_held_out(find_pack("emojione-v1"), demo_only=False)[:12]:
        subject.picture.save(folder / f"{subject.name}-seed3.png")
        facts = {"prompt": f"{subject.caption}, zwx style", "seed": 3}
        (folder / f"{subject.name}-seed3.json").write_text(json.dumps(facts))
    return folder


def measured(folder: Path, **options: object) -> tuple[Planned, dict[str, Measured]]:
    with closing(evaluate(EvaluateOptions(images=folder, **{"reference": "pack:openmoji"} | options))) as events:
        plan, *rest = events
    assert isinstance(plan, Planned)
    return plan, {event.name: event for event in rest if isinstance(event, Measured)}


def test_numbers_are_those_of_the_metrics(drawn: Path, tmp_path: Path) -> None:
    out = tmp_path / "numbers.json"
    plan, found = measured(drawn, training="pack:openmoji", style_words="zwx style", out=out)
    pictures = [Image.open(path) for path in sorted(drawn.glob("*.png"))]
    real = [subject.picture for subject in read_held_out(PACK, demo_only=False)]
    features = PocketFeatures()
    expected = kernel_distance(features.extract(pictures), features.extract(real))
    assert found["KID"].value == pytest.approx(expected.value, rel=1e-5)
    assert found["KID"].counts == (12, len(real))
    assert "12 pictures are too few for 128 dimensions" in found["Fréchet"].warning
    captions = [
        json.loads(path.read_text())["prompt"].removesuffix(", zwx style") for path in sorted(drawn.glob("*.json"))
    ]
    cosines = (features.extract(pictures) * features.text(captions)).sum(dim=1)
    assert found["text alignment"].value == pytest.approx(100 * float(cosines.mean()), rel=1e-4)
    assert found["text alignment, with style words"].value != found["text alignment"].value
    assert 0 < found["content similarity"].counts[0] <= 12
    assert 0 <= found["nearer to training than unseen"].value <= 1
    written = json.loads(out.read_text("utf-8"))
    assert {each["name"]: each["value"] for each in written["measured"]} == {n: e.value for n, e in found.items()}
    assert written["notes"] == list(plan.notes) == []


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve of the reference's pictures, to be quick."""
    folder = tmp_path_factory.mktemp("few")
    for subject in read_held_out(PACK, demo_only=False)[::7]:
        subject.picture.save(folder / f"{subject.name}.png")
    return folder


def test_the_reference_itself_is_nearer_than_another_hand(drawn: Path, few: Path) -> None:
    _, other = measured(drawn, reference=str(few))
    _, same = measured(PACK.folder / "style", reference=str(few))
    assert same["KID"].value < other["KID"].value
    assert same["CMMD"].value < other["CMMD"].value


def test_copies_of_training_pictures_are_noticed(few: Path) -> None:
    _, found = measured(PACK.folder / "style", reference=str(few), training="pack:openmoji")
    assert found["nearest training picture"].value == pytest.approx(1, abs=1e-6)
    assert found["nearer to training than unseen"].value == 1


def test_command_prints_a_table(
    drawn: Path, few: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["evaluate", str(drawn), "--reference", str(few)]) == 0
    told = capsys.readouterr().out
    assert "± standard error" in told
    assert "12 / 12" in told
    assert "--style-words tells the words of the style from the rest" in told


# Words


def test_pairs_by_name_with_and_without_seed() -> None:
    assert pairs_by_name(["fox-seed3", "owl", "cat"], ["owl", "fox"]) == ((0, 1), (1, 0))


@pytest.mark.parametrize("prompt", ["a fox, zwx style", "zwx style, a fox", "a fox zwx style", "a fox"])
def test_style_words_are_taken_off_either_end(prompt: str) -> None:
    assert without_style_words(prompt, "zwx style") == "a fox"


@pytest.mark.parametrize(
    ("prompt", "told"), [("a zwx style fox", "in its middle"), ("zwx style", "nothing but style words")]
)
def test_style_words_elsewhere_are_refused(prompt: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        without_style_words(prompt, "zwx style")


def test_files_pair_by_name_or_in_order(tmp_path: Path) -> None:
    pictures = [tmp_path / f"{name}.png" for name in ("a", "b", "c", "d")]
    (tmp_path / "p.csv").write_text('name,prompt\nd,four\nb.png,two\na,one\nc,"three, or 3"\n')
    found = find_prompts(pictures, tmp_path / "p.csv", "zwx style")
    assert found is not None
    assert found.bare == ("one", "two", "three, or 3", "four")
    assert found.styled is not None
    assert found.styled[0] == "one, zwx style"
    (tmp_path / "p.txt").write_text("one\n\ntwo\n")
    found = find_prompts(pictures, tmp_path / "p.txt", "")
    assert found is not None
    assert found.bare == ("one", "one", "two", "two")
    assert found.styled is None


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("p.csv", "file,text\na,b\n", r"has columns \['file', 'text'\]: the first line must be name,prompt"),
        ("p.csv", "name,prompt\na,one\n", r"has no line for b\.png"),
        ("p.csv", "name,prompt\na,one\nb,two\nx,y\n", "has a line for x, of which there is no picture"),
        ("p.csv", "name,prompt\na,one\na,two\n", "line 3 names a twice"),
        ("p.txt", "one\ntwo\nthree\n", "has 3 prompts for 2 pictures: each must belong to equally many"),
        ("p.json", "[]", r"must end in \.csv .* or \.txt"),
    ],
)
def test_files_that_do_not_fit(tmp_path: Path, name: str, text: str, told: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises((DataError, ConfigError), match=told):
        find_prompts([tmp_path / "a.png", tmp_path / "b.png"], tmp_path / name, "")


# Refusals


def fill(folder: Path, count: int, *, sizes: tuple[int, ...] = (32,), suffix: str = "png") -> Path:
    folder.mkdir()
    for index in range(count):
        side = sizes[index % len(sizes)]
        Image.new("RGB", (side, side), (index, 0, 0)).save(folder / f"{index:02d}.{suffix}")
    return folder


REFUSED: dict[str, tuple[dict[str, object], dict[str, object], str]] = {
    "too few": ({"count": 9}, {}, "IMAGES .* holds 9 pictures: at least 10 are needed"),
    "jpeg": ({"count": 10, "suffix": "jpg"}, {}, "is no PNG: lossy files are not measured"),
    "mixed": (
        {"count": 10, "sizes": (32, 48)},
        {},
        r"IMAGES mixes sizes: 00.png has 32x32, .*01.png 48x48; --resize 32",
    ),
    "sizes": ({"count": 10}, {}, r"--reference beside IMAGES mixes sizes: 00.png has 32x32, .* 128x128"),
    "words": ({"count": 10}, {"resize": 32, "style_words": "zwx"}, "have no effect: there are no sidecars"),
    "few real": ({"count": 10}, {"reference": "few"}, "--reference few holds 3 pictures"),
    "folder": ({"count": 10}, {"resize": 32, "out": Path("few")}, "--out few is a folder"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_measured_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "few", 3)
    pictures, options, told = REFUSED[case]
    folder = fill(tmp_path / "drawn", **pictures)  # type: ignore[arg-type]
    with pytest.raises((DataError, ConfigError), match=told) as caught:
        measured(folder, **options)
    assert "\n" not in str(caught.value)


def test_real_pictures_may_be_jpeg_with_a_note(tmp_path: Path) -> None:
    plan, found = measured(fill(tmp_path / "drawn", 10), reference=str(fill(tmp_path / "real", 10, suffix="jpg")))
    assert "10 of 10 reference pictures are no PNG" in " ".join(plan.notes)
    assert torch.isfinite(torch.tensor([each.value for each in found.values()])).all()


def test_resizing_brings_sizes_together(tmp_path: Path, few: Path) -> None:
    _, found = measured(fill(tmp_path / "drawn", 10, sizes=(32, 48)), resize=32, reference=str(few))
    assert torch.isfinite(torch.tensor([each.value for each in found.values()])).all()


def test_words_without_a_reader_are_refused(drawn: Path, few: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Blind:
        has_unit_length = True

        def extract(self, pictures: list[Image.Image]) -> torch.Tensor:
            return torch.nn.functional.normalize(torch.rand(len(pictures), 4), dim=1)

    monkeypatch.setattr("impasto.evaluation.evaluate.open_features", lambda *_: Blind())
    with pytest.raises(
        ConfigError, match="--style-words 'zwx style' has no effect with features pocket: they read no words"
    ):
        measured(drawn, style_words="zwx style")
    plan, found = measured(drawn, reference=str(few))
    assert "no text alignment: features pocket read no words" in plan.notes
    assert "text alignment" not in found
