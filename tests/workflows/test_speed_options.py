"""What makes a training faster or leaner leaves its result as it was, and says what it did."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from contracts.test_resume import STEPS, compare
from impasto.core.errors import ConfigError, ResourceError, TrainingDiverged
from impasto.core.events import Noted, Planned, TrainStep
from impasto.methods.styleforge import StyleForge, StyleForgeSettings
from impasto.style.file import load_style
from impasto.training import runner as train_run
from impasto.training import step as train_loop
from impasto.training.loss_buffer import LossBuffer
from impasto.training.options import TrainOptions
from impasto.training.train import train


@pytest.fixture
def learn(tmp_path: Path, tiny_folders, style_images: Path, aux_images: Path):
    """Train for a few steps and return the style's tensors and all events."""
    count = iter(range(100))

    def run(base: str = "sdxl", **options):
        out = tmp_path / f"{next(count)}.safetensors"
        given = {
            "style_images": str(style_images),
            "aux_images": str(aux_images),
            "base": str(tiny_folders[base]),
            "out": out,
            "overwrite": True,
            "run_dir": out.with_suffix(""),
            "steps": 3,
            "batch_size": 4,
            "learning_rate": 1e-3,
            "sample_every": 0,
            "device": "cpu",
            "cache": "none",
        }
        method = StyleForge(StyleForgeSettings(learn="lora", rank=2))
        with closing(train(TrainOptions(**given | options), method)) as stream:
            events = list(stream)
        return load_style(out).tensors, events

    return run


def losses(events) -> list[float]:
    return [event.loss for event in events if isinstance(event, TrainStep)]


def notes(events) -> list[str]:
    return [event.text for event in events if isinstance(event, Noted)]


def same(found, expected, tolerance: float = 2e-4) -> None:
    assert found.keys() == expected.keys()
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=tolerance, atol=tolerance)


def test_out_of_memory_in_the_middle_keeps_the_result(learn, monkeypatch):
    expected, before = learn()
    from impasto.models.families.sdxl import SDXL

    predict, calls = SDXL.predict, []

    def tight(self, x_t, *rest):
        calls.append(len(x_t))
        if torch.is_grad_enabled() and len(calls) > 4 and len(x_t) > 2:  # rows of both streams
            raise torch.OutOfMemoryError("CUDA out of memory")
        return predict(self, x_t, *rest)

    monkeypatch.setattr(SDXL, "predict", tight)
    found, events = learn()
    same(found, expected)
    assert losses(events) == pytest.approx(losses(before), rel=1e-4)
    assert any("1 at once from now on" in note for note in notes(events))


def test_gradient_checkpointing_keeps_the_result_and_is_taken_off(learn):
    expected, _ = learn()
    found, events = learn(gradient_checkpointing=True)
    same(found, expected)
    assert len(losses(events)) == 3


def test_written_out_attention_keeps_the_result(learn, monkeypatch):
    expected, _ = learn()
    monkeypatch.setattr("impasto.training.acceleration.should_write_out", lambda *_: True)
    found, _ = learn()
    same(found, expected)


def test_a_compiler_that_fails_is_told_and_the_run_goes_on(learn, monkeypatch):
    expected, _ = learn()

    def compile_badly(self, **_):
        def fail(*args, **kwargs):
            raise RuntimeError("InductorError: no compiler here\nlong story")

        self._compiled_call_impl = fail

    monkeypatch.setattr(nn.Module, "compile", compile_badly)
    found, events = learn(compile=True)
    same(found, expected)
    assert [note for note in notes(events) if "no compiler here" in note]
    assert len(notes(events)) == 1


def test_max_memory_chooses_less_at_once_and_keeps_the_result(learn, monkeypatch):
    expected, _ = learn()
    monkeypatch.setattr(train_run, "MicroBatches", spy := Spy(train_run.MicroBatches))
    monkeypatch.setattr("impasto.training.resources.memory_estimate.CONTEXT_BYTES", {"cpu": 0, "cuda": 0})
    plan = dict(next(event.rows for event in learn(dry_run=False)[1] if isinstance(event, Planned)))
    needed = float(plan["memory"].split()[1])
    found, events = learn(max_memory=f"{needed * 0.75:.2f}MiB", precision="fp32")
    plan = dict(next(event.rows for event in events if isinstance(event, Planned)))
    assert "at once" in plan["memory"]
    assert spy.sizes[-1] < 4
    same(found, expected)


class Spy:
    def __init__(self, wrapped) -> None:
        self.wrapped, self.sizes = wrapped, []

    def __call__(self, size):
        self.sizes.append(size)
        return self.wrapped(size)


def test_max_memory_that_cannot_be_met_says_so_in_one_line(learn):
    with pytest.raises(ResourceError, match="does not suffice: this run needs about") as raised:
        learn(max_memory="1MB")
    assert "\n" not in str(raised.value)


def test_max_memory_with_room_changes_nothing(learn):
    expected, before = learn()
    found, events = learn(max_memory="64 GB")
    assert losses(events) == losses(before)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_average_is_what_is_saved(learn):
    plain, _ = learn(steps=1)
    averaged, _ = learn(steps=1, ema=0.9)
    for name, value in averaged.items():
        if name.endswith("lora_B.weight"):  # B begins at zero, and the first update keeps a tenth of that
            torch.testing.assert_close(value, 0.9 * plain[name])


def test_losses_read_late_are_the_same_losses(learn, monkeypatch):
    expected, before = learn(steps=5)
    monkeypatch.setattr(train_loop, "LossBuffer", lambda device, _: LossBuffer(device, 2))
    found, events = learn(steps=5)
    assert losses(events) == losses(before)
    assert [event.step for event in events if isinstance(event, TrainStep)] == [1, 2, 3, 4, 5]
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_broken_step_is_named_although_it_is_read_late(learn, monkeypatch):
    monkeypatch.setattr(train_loop, "LossBuffer", lambda device, _: LossBuffer(device, 4))
    loss, calls = StyleForge.loss, []

    def breaks(self, *given):
        calls.append(1)
        total, terms = loss(self, *given)
        return (total * float("nan") if len(calls) == 2 else total), terms

    monkeypatch.setattr(StyleForge, "loss", breaks)
    with pytest.raises(TrainingDiverged, match=r"at step 2 .*the weights of step 1"):
        learn(steps=4)


def test_an_average_is_gone_on_with_bit_for_bit(tmp_path: Path, tiny_folders, style_images: Path):
    options = TrainOptions(
        style_images=str(style_images),
        base=str(tiny_folders["sdxl"]),
        out=tmp_path / "cut.safetensors",
        run_dir=tmp_path / "cut",
        steps=STEPS,
        accumulate=2,
        ema=0.9,
        sample_every=0,
        device="cpu",
        cache="none",
    )
    compare(StyleForge(StyleForgeSettings(learn="lora", rank=2, prior_weight=0)), options, tmp_path)


def test_two_batches_are_not_one(learn):
    _, once = learn(batch_size=2)
    _, twice = learn(batch_size=2, accumulate=2)
    assert losses(once) != losses(twice)


def test_buckets_train_shapes_and_are_refused_for_squares(learn, tmp_path: Path):
    wide = tmp_path / "wide"
    wide.mkdir()
    for index, size in enumerate([(80, 40), (80, 40), (40, 40)]):
        Image.new("RGB", size, (index * 50, 90, 10)).save(wide / f"{index}.png")
    _, events = learn(style_images=str(wide), buckets=True, resolution=64, steps=4)
    assert len(losses(events)) == 4
    with pytest.raises(ConfigError, match="--buckets has no effect"):
        learn(buckets=True)


def test_two_processes_give_the_loss_of_one_with_twice_the_batches(
    learn, tmp_path, tiny_folders, style_images, aux_images
):
    expected, events = learn(accumulate=2, batch_size=2)
    out = tmp_path / "two.safetensors"
    arguments = (
        f"--style-images {style_images} --aux-images {aux_images} --base {tiny_folders['sdxl']} --out {out} "
        f"--run-dir {tmp_path / 'two'} --steps 3 --batch-size 2 --learning-rate 1e-3 --sample-every 0 --device cpu "
        "--cache none --learn lora --learn-text --rank 2 --lr-schedule constant"
    )
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    launched = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29713"]
    done = subprocess.run(
        [*launched, "-m", "impasto", "train", "styleforge", *arguments.split()],
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    same(load_style(out).tensors, expected)
    log = (tmp_path / "two" / "events.jsonl").read_text().splitlines()
    found = [float(line.split('"loss": ')[1].split(",")[0]) for line in log if '"TrainStep"' in line]
    assert found == pytest.approx(losses(events), rel=1e-4)
    assert done.stdout.count("saved") == 1  # one writer
