"""Trackers are told what the log says: TensorBoard's files are read back, W&B's package is a stand-in."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from conftest import write_pictures
from contracts.test_methods import make, options_for
from contracts.test_resume import resumed, run
from impasto.core.errors import ConfigError
from impasto.core.events import TrainStep
from impasto.style.file import read_card
from impasto.training import tracking, watching
from impasto.training.options import TrainOptions

LORA = {"learn": "lora", "rank": 2}


@pytest.fixture
def options(
    tiny_folders: dict[str, Path], style_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> TrainOptions:
    """Three steps with one measurement and one strip of samples at the end."""
    monkeypatch.setattr(watching, "_DRAWN", 3)
    monkeypatch.setattr(watching, "_STEPS", 2)
    held_out = write_pictures(tmp_path / "held-out", 3, seed=7, captions=True)
    changes = {"steps": 3, "batch_size": 1, "held_out": str(held_out), "held_out_every": 3, "sample_every": 3}
    out, base = tmp_path / "style.safetensors", tiny_folders["sdxl"]
    return options_for(make("styleforge", **LORA), base, style_images, style_images, out, **changes)


def logged(options: TrainOptions, kind: str) -> list[dict[str, object]]:
    rows = (options.run_dir / "events.jsonl").read_text("utf-8").splitlines()
    return [row for row in map(json.loads, rows) if row["event"] == kind]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_holds_what_the_log_holds_also_after_going_on(options: TrainOptions) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    options, method = options.model_copy(update={"track": "tensorboard"}), make("styleforge", **LORA)
    run(options, method, stop_after=2)
    run(resumed(options), method)
    found = EventAccumulator(str(options.run_dir / "tensorboard"))
    found.Reload()
    losses = [(each.step, each.value) for each in found.Scalars("loss")]
    assert losses == [(row["step"], pytest.approx(row["loss"], rel=1e-6)) for row in logged(options, "TrainStep")]
    distances = [(each.step, each.value) for each in found.Scalars("held out/distance")]
    assert distances == [
        (row["step"], pytest.approx(row["distance"], rel=1e-5)) for row in logged(options, "HeldOutMeasured")
    ]
    assert [each.step for each in found.Images("samples")] == [0, 3]
    assert "track" not in read_card(options.out).config


def test_wandb_is_told_the_same(options: TrainOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, dict[str, object]]] = []
    asked: dict[str, object] = {}
    ended: list[bool] = []
    told_run = SimpleNamespace(log=lambda data, step: told.append((step, data)), finish=lambda: ended.append(True))
    fake = SimpleNamespace(
        init=lambda **given: asked.update(given) or told_run, Image=lambda path: f"picture {path}", __spec__=True
    )
    monkeypatch.setitem(sys.modules, "wandb", fake)
    monkeypatch.setattr(tracking, "find_spec", lambda name: True)
    found = run(options.model_copy(update={"track": "wandb"}), make("styleforge", **LORA))
    losses = [(step, data["loss"]) for step, data in told if "loss" in data]
    assert losses == [(each.step, each.loss) for each in found if isinstance(each, TrainStep)]
    assert (asked["project"], asked["name"], asked["config"]["steps"]) == ("impasto", "run", 3)
    assert str(options.run_dir.parent) not in json.dumps(asked["config"])
    assert ended == [True]


def test_a_missing_package_is_told_before_anything_begins(
    options: TrainOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"--track wandb needs wandb: pip install 'impasto\[track\]'"):
        run(options.model_copy(update={"track": "wandb"}), make("styleforge", **LORA))
    assert not options.run_dir.exists()
