"""bfloat16 on processors without instructions for it: chosen last, and never without a word."""

from pathlib import Path

import pytest
import torch

from impasto.core.events import Planned, TrainStep
from impasto.core.precision import is_slow_in_bfloat16
from impasto.methods.styleforge import StyleForge, StyleForgeSettings
from impasto.models.open import notes_on_precision
from impasto.training.options import TrainOptions
from impasto.training.resources import memory_fit as train_memory
from impasto.training.resources.memory_estimate import MemoryCosts, Setting, differences, expected_bytes, fitting
from impasto.training.train import train

CPU = torch.device("cpu")
COSTS = MemoryCosts(10**6, 10**9, 0, 0, 0, 50 * 10**6, 2, 8, 1, "cpu")
ASKED = Setting(8, False, "adamw", 4)


def has(monkeypatch: pytest.MonkeyPatch, **instructions: bool) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, **instructions}, raising=False)


@pytest.mark.parametrize("name", ["avx512_bf16", "amx_bf16", "bf16"])
def test_any_of_the_instructions_makes_it_quick(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    has(monkeypatch, **{name: True})
    assert not is_slow_in_bfloat16(CPU)
    has(monkeypatch, **{name: False})
    assert is_slow_in_bfloat16(CPU)


def test_other_devices_and_a_torch_that_cannot_tell_are_left_in_peace(monkeypatch: pytest.MonkeyPatch) -> None:
    has(monkeypatch)
    assert not is_slow_in_bfloat16(torch.device("cuda"))
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert not is_slow_in_bfloat16(CPU)


def test_what_is_asked_for_gets_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    has(monkeypatch)
    (line,) = notes_on_precision("bf16", CPU)
    assert line.startswith("--precision bf16: this processor has no instructions")
    assert "\n" not in line
    assert notes_on_precision("auto", CPU) == notes_on_precision("fp32", CPU) == ()
    has(monkeypatch, amx_bf16=True)
    assert notes_on_precision("bf16", CPU) == ()


def test_it_is_chosen_only_where_nothing_else_fits() -> None:
    """One picture at once and checkpointing come first, however much slower they are."""
    leanest = Setting(1, True, "adamw", 4)
    limit = expected_bytes(COSTS, leanest)
    assert fitting(COSTS, ASKED, limit, may_halve=True, may_use_8bit=False) == leanest
    halved = fitting(COSTS, ASKED, limit - 1, may_halve=True, may_use_8bit=False)
    assert halved.frozen_bytes == 2


def test_the_plan_says_how_slow_it_is() -> None:
    halved = Setting(8, False, "adamw", 2)
    assert differences(ASKED, halved, is_slow=False) == "bf16"
    assert "10 to 20 times slower than fp32" in differences(ASKED, halved, is_slow=True)


@pytest.mark.parametrize("command", ["train", "generate"])
def test_commands_say_so_in_their_plans(
    command: str, tiny_folders, style_images: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    from impasto.cli.main import main

    has(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    own = {
        "train": ["train", "styleforge", "--style-images", style_images, "--out", "a.safetensors"],
        "generate": ["generate", "--prompt", "a fox"],
    }[command]
    flags = ["--base", tiny_folders["sdxl"], "--device", "cpu", "--precision", "bf16", "--dry-run"]
    assert main([str(each) for each in [*own, *flags]]) == 0
    assert capsys.readouterr().out.count("this processor has no instructions for bf16") == 1


def test_a_run_that_had_to_take_it_says_so_and_learns(
    tiny_folders, style_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    has(monkeypatch)
    halved = Setting(1, False, "adamw", 2)
    monkeypatch.setattr(train_memory, "fitting", lambda *_, **__: halved)
    options = TrainOptions(
        style_images=str(style_images),
        base=str(tiny_folders["sdxl"]),
        out=tmp_path / "a.safetensors",
        run_dir=tmp_path / "run",
        steps=2,
        sample_every=0,
        device="cpu",
        cache="none",
        max_memory="1GB",
    )
    events = list(train(options, StyleForge(StyleForgeSettings(learn="lora", rank=2, learn_text=False))))
    (plan,) = (event for event in events if isinstance(event, Planned))
    assert "bf16 (this processor has no instructions" in dict(plan.rows)["memory"]
    assert not plan.notes or all("--precision" not in note for note in plan.notes)  # nobody asked for it
    assert len([event for event in events if isinstance(event, TrainStep)]) == 2
