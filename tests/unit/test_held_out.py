"""The step worth keeping: what is held out, how often it is measured, which step is the best and when to stop."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from conftest import write_pictures
from impasto.core.errors import ConfigError, DataError, RunError
from impasto.core.events import HeldOutMeasured
from impasto.data.images import check_picture
from impasto.features._open import open_features
from impasto.training.configs.keeping import KeepingConfig
from impasto.training.held_out.files import HeldOutFiles, last_path, step_path
from impasto.training.held_out.interval import SHARE, interval
from impasto.training.held_out.judge import Judge, Judged, centred_copies_of
from impasto.training.held_out.pictures import divided
from impasto.training.held_out.watch import Watch, saved_interval

CPU = torch.device("cpu")


def pictures(folder: Path, count: int, seed: int) -> tuple:
    return tuple(check_picture(path) for path in sorted(write_pictures(folder, count, seed=seed).glob("*.png")))


def watch(distances: list[float], *, patience: int | None = None, every: int = 10) -> Watch:
    """A watch that measured step 0, `every`, 2 `every`, ..."""
    made = Watch(Judge(*[None] * 9), interval(100, 100.0, 1.0, every), patience)
    for index, distance in enumerate(distances):
        made.add(index * every, Judged(distance, 0.1, None, 0.5), Path(f"{index}.png"))
    return made


# What is held out


def test_pictures_are_taken_from_the_style_alone_and_are_not_shown(tmp_path: Path) -> None:
    shown = {"style": pictures(tmp_path / "a", 8, 1), "aux": pictures(tmp_path / "b", 5, 2)}
    found = divided(KeepingConfig(hold_out=3), shown, seed=0)
    assert found.shown["aux"] == shown["aux"]
    assert len(found.held_out) == 3
    assert len(found.shown["style"]) == 5
    assert {*found.held_out, *found.shown["style"]} == set(shown["style"])
    assert found == divided(KeepingConfig(hold_out=3), shown, seed=0)
    assert any(found.held_out != divided(KeepingConfig(hold_out=3), shown, seed=each).held_out for each in range(1, 4))


def test_every_part_of_a_divided_style_gives_some(tmp_path: Path) -> None:
    shown = {"style:people": pictures(tmp_path / "a", 6, 1), "style:places": pictures(tmp_path / "b", 6, 2)}
    found = divided(KeepingConfig(hold_out=4), shown, seed=0)
    assert [len(part) for part in found.shown.values()] == [4, 4]


def test_something_is_left_to_learn_from(tmp_path: Path) -> None:
    shown = {"style": pictures(tmp_path / "a", 4, 1)}
    assert len(divided(KeepingConfig(hold_out=3), shown, seed=0).shown["style"]) == 1
    with pytest.raises(DataError, match=r"--hold-out 4 leaves too few .* at most 3"):
        divided(KeepingConfig(hold_out=4), shown, seed=0)


def test_fewer_than_three_held_out_pictures_are_refused(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "held", 2, seed=3)
    with pytest.raises(DataError, match=r"--held-out .*held holds 2 pictures: at least 3"):
        divided(KeepingConfig(held_out=str(folder)), {"style": pictures(tmp_path / "a", 4, 1)}, seed=0)


def _same(path: Path, target: Path) -> None:
    target.write_bytes(path.read_bytes())


def _larger(path: Path, target: Path) -> None:
    with Image.open(path) as opened:
        opened.resize((90, 81)).save(target)


def _compressed(path: Path, target: Path) -> None:
    with Image.open(path) as opened:
        opened.convert("RGB").save(target.with_suffix(".jpg"), quality=80)


@pytest.mark.parametrize("copy", [_same, _larger, _compressed])
@pytest.mark.parametrize("stream", ["style", "aux"])
def test_training_pictures_are_named_and_refused(tmp_path: Path, copy, stream: str) -> None:
    shown = {"style": pictures(tmp_path / "a", 4, 1), "aux": pictures(tmp_path / "b", 4, 2)}
    folder = write_pictures(tmp_path / "held", 4, seed=3)
    assert len(divided(KeepingConfig(held_out=str(folder)), shown, seed=0).held_out) == 4
    copy(shown[stream][2].path, folder / "copied.png")
    with pytest.raises(DataError, match=r"held-out pictures.*\(copied\.\w+ is 2\.png\): take them out"):
        divided(KeepingConfig(held_out=str(folder)), shown, seed=0)


def test_near_duplicates_among_style_pictures_are_refused_where_one_is_held_out(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "a", 4, seed=1)
    for name in "0123":
        _larger(folder / f"{name}.png", folder / f"{name}-again.png")
    shown = {"style": tuple(check_picture(path) for path in sorted(folder.glob("*.png")))}
    with pytest.raises(DataError, match="or nearly the same ones"):
        divided(KeepingConfig(hold_out=3), shown, seed=0)


@pytest.mark.parametrize(
    "options",
    [
        {"held_out": "x", "hold_out": 4},
        {"stop_early": 2},
        {"held_out_every": 5},
        {"held_out_features": "pocket"},
        {"hold_out": 2},
        {"hold_out": 4, "stop_early": 0},
    ],
)
def test_options_without_effect_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"contradict|no effect|greater than"):
        KeepingConfig(**options)


# How often


@given(st.integers(1, 5000), st.floats(1, 1e5), st.floats(1e-3, 1e3))
def test_measuring_takes_its_share_at_most_unless_that_is_too_seldom(steps: int, seconds: float, one: float) -> None:
    found = interval(steps, seconds, one)
    assert found.count == -(-steps // found.every) + 1
    assert 1 <= found.every <= steps
    assert found.share == pytest.approx(found.count * one / seconds)
    assert found.share <= SHARE + 1e-9 or found.count <= 3


def test_what_the_user_wants_is_done() -> None:
    assert interval(100, 10.0, 10.0, every=7).every == 7
    assert interval(100, 10.0, 10.0, every=7).count == 16


# Which step


def test_the_best_is_the_first_trained_step_with_the_smallest_distance() -> None:
    assert watch([0.1]).best is None
    found = watch([0.1, 0.5, 0.3, 0.3, 0.4])
    assert found.best is not None
    assert found.best.step == 20
    assert [each.is_best for each in found.measured] == [False, True, True, False, False]


def test_patience_counts_measurements_after_the_best() -> None:
    assert [watch([9, *([1.0] * count)], patience=2).is_over for count in range(5)] == [False, False, False, True, True]
    assert not watch([9, 1, 2, 3, 0.5], patience=2).is_over
    assert not watch([9, 1, 2, 3, 4, 5]).is_over


def test_measured_every_so_often_and_at_the_end() -> None:
    found = watch([], every=10)
    assert [step for step in range(1, 26) if found.is_due(step, is_last=step == 25)] == [10, 20, 25]


def test_what_was_measured_survives_a_checkpoint() -> None:
    before, after = watch([3, 1, 2], every=7), watch([], every=7)
    after.restore(before.facts(), lambda step: Path(f"{step // 7}.png"))
    assert after.measured == before.measured
    assert saved_interval(before.facts()) == 7
    assert saved_interval({}) is None
    for damaged in ({}, {"measured": [{}]}, {"measured": [{"step": 1, "colour": 2}]}):
        with pytest.raises(RunError, match="held-out"):
            after.restore(damaged, Path)


def test_measuring_a_step_again_replaces_it() -> None:
    found = watch([3, 1])
    found.add(10, Judged(1.0, 0.1, None, 0.5), Path("1.png"))
    assert [each.step for each in found.measured] == [0, 10]


# Files


def test_files_beside_a_style_are_named_after_it() -> None:
    assert last_path(Path("a/fox.safetensors")) == Path("a/fox-last.safetensors")
    assert step_path(Path("fox.v2.safetensors"), 40) == Path("fox.v2-step-000040.safetensors")


def test_a_curve_with_and_without_words(tmp_path: Path) -> None:
    rows = [HeldOutMeasured(step, 1.0 / (step + 1), 0.1, 20.0, 0.5, True, Path()) for step in range(3)]
    files = HeldOutFiles(tmp_path)
    with Image.open(files.save_curve(rows, 2)) as whole:
        high = whole.size[1]
    wordless = [HeldOutMeasured(each.step, each.distance, 0.1, None, 0.5, True, Path()) for each in rows]
    with Image.open(files.save_curve(wordless, 2)) as less:
        assert less.size[1] < high


def test_a_best_style_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"step-000040\.safetensors was removed"):
        HeldOutFiles(tmp_path).protect(40)


# What is measured


def squares(count: int, *, width: int, colour: str, seed: int = 0) -> list[Image.Image]:
    """Pictures of lines: the same style wherever the lines are."""
    rng = torch.Generator().manual_seed(seed)
    made = []
    for _ in range(count):
        picture = Image.new("RGB", (128, 128), "white")
        for left, top in torch.randint(0, 100, (6, 2), generator=rng).tolist():
            picture.paste(colour, (left, top, left + width, top + 24))
        made.append(picture)
    return made


@pytest.mark.parametrize("other", [{"width": 12, "colour": "black"}, {"width": 3, "colour": "red"}], ids=str)
def test_strokes_tell_widths_and_colours_apart_and_not_places(other: dict[str, object]) -> None:
    from impasto.metrics.kernel import kernel_distance

    strokes = open_features("strokes", CPU)
    one, same, others = (
        strokes.extract(each)
        for each in (
            squares(8, width=3, colour="black"),
            squares(8, width=3, colour="black", seed=1),
            squares(8, **other, seed=1),
        )
    )
    assert one.norm(dim=1).tolist() == pytest.approx([1.0] * 8)
    assert kernel_distance(one, others).value > 5 * abs(kernel_distance(one, same).value)


def test_strokes_notice_softness() -> None:
    strokes = open_features("strokes", CPU)
    sharp = squares(1, width=6, colour="black")[0]
    soft = sharp.resize((40, 40), Image.Resampling.BILINEAR).resize((128, 128), Image.Resampling.BILINEAR)
    mirrored = sharp.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    first, second, third = strokes.extract([sharp, soft, mirrored])
    assert first @ third > 0.999
    assert first @ second < 0.99


@pytest.mark.parametrize("name", ["strokes:16", "strokes:x", "strokes:99999", "strokes:-1"])
def test_strokes_at_wrong_sizes_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="32 to 1024"):
        open_features(name, CPU)


def test_a_copy_is_nearest_to_what_it_copies() -> None:
    a, b = squares(1, width=9, colour="red"), squares(1, width=9, colour="red", seed=5)
    scaled = [a[0].resize((300, 300))]
    assert centred_copies_of(scaled) @ centred_copies_of(a).T > 0.99
    assert centred_copies_of(b) @ centred_copies_of(a).T < 0.9
    assert not centred_copies_of([Image.new("RGB", (20, 20), "blue")]).any()
