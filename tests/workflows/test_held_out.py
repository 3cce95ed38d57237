"""The step worth keeping, from end to end on a tiny base: what is kept, that nothing is disturbed, going on."""

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from conftest import write_pictures
from contracts.test_methods import make, options_for
from contracts.test_resume import assert_same_style, losses, resumed, run
from impasto.cli.main import main
from impasto.core.events import Checkpointed, Event, HeldOutMeasured, Noted, Planned, Saved, StepKept
from impasto.style.file import read_card
from impasto.training import watching
from impasto.training.held_out import judge as judging
from impasto.training.held_out.judge import Judge, Judged
from impasto.training.options import TrainOptions
from impasto.training.train import train

STEPS = 6
LORA = {"learn": "lora", "rank": 2}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three pictures of two steps."""
    monkeypatch.setattr(watching, "_DRAWN", 3)
    monkeypatch.setattr(watching, "_STEPS", 2)


@pytest.fixture
def options(tiny_folders: dict[str, Path], style_images: Path, aux_images: Path, tmp_path: Path) -> TrainOptions:
    """Six steps of StyleForge, measured every two of them."""
    held_out = write_pictures(tmp_path / "held-out", 4, seed=7, captions=True)
    changes = {"steps": STEPS, "batch_size": 1, "held_out": str(held_out), "held_out_every": 2}
    method, out = make("styleforge", **LORA), tmp_path / "style.safetensors"
    return options_for(method, tiny_folders["sdxl"], style_images, aux_images, out, **changes)


@pytest.fixture
def distances(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the measurements are made to say, one after the other; the pictures are really drawn."""
    told: list[float] = []
    really = Judge.judge

    def judge(self: Judge, base: object) -> tuple[Judged, list[Image.Image]]:
        found, drawn = really(self, base)
        return Judged(told.pop(0), found.standard_error, found.match, found.copying), drawn

    monkeypatch.setattr(judging.Judge, "judge", judge)
    return told


def measured(events: Sequence[Event]) -> list[HeldOutMeasured]:
    return [event for event in events if isinstance(event, HeldOutMeasured)]


def numbers(events: Sequence[Event]) -> list[tuple[int, float, float]]:
    return [(each.step, each.distance, each.copying) for each in measured(events)]


def test_measuring_does_not_change_what_is_learnt(options: TrainOptions, tmp_path: Path) -> None:
    method = make("styleforge", **LORA)
    found = run(options, method)
    assert [each.step for each in measured(found)] == [0, 2, 4, 6]
    without = {
        "held_out": None,
        "held_out_every": None,
        "out": tmp_path / "plain.safetensors",
        "run_dir": tmp_path / "b",
    }
    plain = run(options.model_copy(update=without), method)
    assert losses(found) == losses(plain)
    last = tmp_path / "style-last.safetensors"
    one, other = load_file(last if last.is_file() else options.out), load_file(without["out"])
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_the_best_step_is_the_style_and_the_last_one_lies_beside_it(
    options: TrainOptions, distances: list[float], tmp_path: Path
) -> None:
    distances += [9.0, 2.0, 1.0, 3.0]
    found = run(options, make("styleforge", **LORA))
    last = tmp_path / "style-last.safetensors"
    assert found[-2:] == [StepKept(6, last), Saved(options.out, 4, is_complete=True)]
    card = read_card(options.out)
    assert (card.steps, card.is_complete, card.held_out["distance"], card.held_out["last_step"]) == (4, True, 1.0, 6)
    assert (read_card(last).steps, read_card(last).held_out["distance"]) == (6, 3.0)
    short = options.model_copy(update={"steps": 4, "held_out": None, "held_out_every": None})
    at_four = short.model_copy(update={"out": tmp_path / "four.safetensors", "run_dir": tmp_path / "four"})
    run(at_four, make("styleforge", **LORA))
    one, other = load_file(options.out), load_file(at_four.out)
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())
    folder = tmp_path / "run"
    assert sorted(each.name for each in (folder / "held-out").iterdir()) == [f"step-{n:06d}.png" for n in (0, 2, 4, 6)]
    assert (folder / "held-out.png").is_file()
    with Image.open(folder / "held-out/step-000002.png") as sheet:
        assert sheet.size == (3 * 32, 32)


@pytest.mark.slow
def test_where_the_last_step_is_the_best_there_is_one_file(
    options: TrainOptions, distances: list[float], tmp_path: Path
) -> None:
    distances += [9.0, 3.0, 2.0, 1.0]
    assert run(options, make("styleforge", **LORA))[-1] == Saved(options.out, 6, is_complete=True)
    assert not (tmp_path / "style-last.safetensors").exists()
    assert read_card(options.out).held_out["distance"] == 1.0


@pytest.mark.parametrize("cut", [pytest.param(1, marks=pytest.mark.slow), 4])
def test_going_on_keeps_the_same_step(options: TrainOptions, tmp_path: Path, cut: int) -> None:
    """The numbers are really measured here: those before and after the interruption are those of a whole run."""
    method = make("styleforge", **LORA)
    whole = options.model_copy(update={"out": tmp_path / "whole.safetensors", "run_dir": tmp_path / "whole"})
    expected = run(whole, method)
    before = run(options, method, stop_after=cut)
    after = run(resumed(options), method)
    assert numbers(before) + numbers(after) == numbers(expected)
    assert after[-1] == Saved(options.out, expected[-1].steps, is_complete=True)
    assert_same_style(whole.out, options.out)
    assert (tmp_path / "whole-last.safetensors").exists() == (tmp_path / "style-last.safetensors").exists()


def test_going_on_after_a_kill_finds_the_best_of_the_checkpoint(
    options: TrainOptions, distances: list[float], tmp_path: Path
) -> None:
    """Step 4 became the best after the last checkpoint, and was killed then; step 2 was the best before."""
    options = options.model_copy(update={"checkpoint_every": 3})
    method = make("styleforge", **LORA)
    distances += [9.0, 2.0, 1.0]
    with closing(train(options, method)) as events:
        for event in events:
            if isinstance(event, HeldOutMeasured) and event.step == 4:
                break  # as if it were killed: nothing is saved
    distances += [5.0, 5.0]
    found = run(resumed(options), method)
    assert [each.step for each in measured(found)] == [4, 6]
    assert found[-1] == Saved(options.out, 2, is_complete=True)
    assert read_card(options.out).held_out["distance"] == 2.0


@pytest.mark.slow
def test_other_held_out_pictures_are_another_run(options: TrainOptions, tmp_path: Path) -> None:
    method = make("styleforge", **LORA)
    run(options, method, stop_after=2)
    write_pictures(tmp_path / "held-out", 5, seed=8)
    with pytest.raises(Exception, match="held-out pictures was"):
        run(resumed(options), method)


def test_stop_early_ends_a_run_that_can_go_on_without_it(
    options: TrainOptions, distances: list[float], tmp_path: Path
) -> None:
    method, early = make("styleforge", **LORA), options.model_copy(update={"stop_early": 1})
    distances += [9.0, 1.0, 2.0]
    found = run(early, method)
    assert found[-1] == Saved(options.out, 2, is_complete=False)
    assert any(isinstance(each, Checkpointed) and each.step == 4 for each in found)
    assert any(isinstance(each, Noted) and "without --stop-early" in each.text for each in found)
    distances += [0.5]
    assert run(resumed(options), method)[-1] == Saved(options.out, 6, is_complete=True)


@pytest.mark.slow
def test_steps_are_kept_beside_the_style(options: TrainOptions, tmp_path: Path) -> None:
    method = make("styleforge", **LORA)
    off = {"held_out": None, "held_out_every": None, "save_every": 2}
    found = run(options.model_copy(update=off), method)
    kept = [event for event in found if isinstance(event, StepKept)]
    assert [each.path.name for each in kept] == ["style-step-000002.safetensors", "style-step-000004.safetensors"]
    assert [read_card(each.path).steps for each in kept] == [2, 4]
    short = options.model_copy(update={**off, "save_every": 0, "steps": 2, "out": tmp_path / "two.safetensors"})
    run(short.model_copy(update={"run_dir": tmp_path / "two"}), method)
    one, other = load_file(kept[0].path), load_file(short.out)
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_the_plan_says_what_it_costs_and_chooses_how_often(options: TrainOptions) -> None:
    dry = options.model_copy(update={"dry_run": True, "held_out_every": None, "steps": 100})
    (plan,) = run(dry, make("styleforge", **LORA))
    assert isinstance(plan, Planned)
    told = dict(plan.rows)["held out"]
    assert "4 from" in told
    assert "3 pictures of 2 steps" in told
    assert "% of the time" in told


def test_from_the_command_line(
    tiny_folders: dict[str, Path],
    style_images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    write_pictures(style_images, 6, seed=1, captions=True)
    flags = ["--base", tiny_folders["sdxl"], "--style-images", style_images, "--learn", "lora", "--rank", "2"]
    more = ["--steps", 2, "--hold-out", 3, "--held-out-every", 1, "--sample-every", 0, "--run-dir", "run"]
    command = ["train", "styleforge", *flags, *more, "--out", "fox.safetensors"]
    assert main([str(each) for each in command]) == 0
    printed = capsys.readouterr().out
    assert "held out, step 2: distance" in printed
    assert "3 from the style pictures" in printed
    rows = [json.loads(row) for row in (tmp_path / "run/events.jsonl").read_text("utf-8").splitlines()]
    assert [row["step"] for row in rows if row["event"] == "HeldOutMeasured"] == [0, 1, 2]
    assert len(read_card(tmp_path / "fox.safetensors").pictures["style"]) == 3
