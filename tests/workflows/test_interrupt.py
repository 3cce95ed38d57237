"""Ctrl+C: what the first press and the second do, and what one is told."""

import signal
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from impasto.cli.interrupt import StopOnInterrupt
from impasto.cli.main import main
from impasto.core.events import Checkpointed, Event, Planned, Saved, TrainStep
from impasto.demo import demo as demo_workflow
from impasto.demo.demo import DemoOptions, demo, recipe_options
from impasto.models.open import open_base
from impasto.style.file import load_style
from impasto.training import train as train_workflow


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def test_a_press_before_anybody_asks_stops_at_once() -> None:
    with StopOnInterrupt() as stop:
        with pytest.raises(KeyboardInterrupt):
            press()
        assert not stop.was_asked


def test_the_second_press_stops_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with StopOnInterrupt() as stop:
        assert not stop()
        press()
        assert stop()
        with pytest.raises(KeyboardInterrupt):
            press()
    assert capsys.readouterr().err == "\nimpasto: finishing this step and saving; once more stops at once\n"


def test_a_press_after_the_last_question_stops_at_once() -> None:
    with StopOnInterrupt() as stop:
        stop()
        stop.disarm()
        with pytest.raises(KeyboardInterrupt):
            press()


def test_the_handlers_of_before_are_put_back() -> None:
    before = [signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)]
    with StopOnInterrupt():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert [signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)] == before


def test_two_presses_name_the_last_checkpoint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], style_images: Path
) -> None:
    def broken_off(*_: object, **__: object) -> Iterator[Event]:
        yield Checkpointed(2, Path("run/checkpoints/step-000000002"))
        raise KeyboardInterrupt

    monkeypatch.setattr(train_workflow, "train", broken_off)
    assert main(["train", "styleforge", "--style-images", str(style_images), "--out", "x.safetensors"]) == 130
    told = capsys.readouterr().err
    assert told == (
        "\nimpasto: interrupted; to go on from step-000000002, give the same command with --resume --run-dir run\n"
    )


def test_a_stopped_demonstration_goes_on_where_it_was(
    monkeypatch: pytest.MonkeyPatch, tiny_folders: dict[str, Path], tmp_path: Path
) -> None:
    """On a tiny base; `test_pocket.py` runs the whole demonstration on pocket."""
    tiny = str(tiny_folders["sdxl"])
    monkeypatch.setattr(demo_workflow, "recipe_options", partial(recipe_options, base=tiny))
    monkeypatch.setattr(demo_workflow, "open_base", lambda _: open_base(tiny))
    options = DemoOptions(out=tmp_path / "demo", steps=2, num_images=1, run_dir=tmp_path / "run")
    learnt: list[TrainStep] = []
    with closing(demo(options, stop=lambda: len(learnt) == 1)) as stream:
        for event in stream:
            learnt += [event] if isinstance(event, TrainStep) else []
    assert event == Saved(options.out / "openmoji.safetensors", 1, is_complete=False)
    assert not (options.out / "grid.png").exists()
    with closing(demo(options.model_copy(update={"resume": True}))) as stream:
        steps = [event.step for event in stream if isinstance(event, TrainStep)]
    assert steps == [2]
    assert load_style(options.out / "openmoji.safetensors").card.is_complete
    assert (options.out / "grid.png").is_file()


def test_an_interrupted_demonstration_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def stopped(_: DemoOptions, *, stop: StopOnInterrupt) -> Iterator[Event]:
        stop()
        press()
        yield Saved(tmp_path / "x.safetensors", 1, is_complete=False)

    monkeypatch.setattr(demo_workflow, "demo", stopped)
    assert main(["demo", "--out", str(tmp_path / "demo")]) == 130


def test_the_plan_of_the_demonstration_writes_nothing(tmp_path: Path) -> None:
    with closing(demo(DemoOptions(out=tmp_path / "demo", dry_run=True))) as stream:
        assert [type(event) for event in stream] == [Planned]
    assert main(["demo", "--dry-run", "--out", str(tmp_path / "demo")]) == 0
    assert not (tmp_path / "demo").exists()
