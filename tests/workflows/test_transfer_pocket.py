"""Transfer on pocket: its own adapter where its folder has one, here a random one as `pretraining` writes it."""

import json
import runpy
import shutil
import sys
from pathlib import Path

import pytest
import torch

from impasto.cli.main import main
from impasto.models.open import open_base
from impasto.models.source import find_base

pytestmark = pytest.mark.slow
POCKET = Path(find_base("pocket").location)
REFERENCE = POCKET.parent / "packs" / "openmoji" / "held_out" / "red-apple.png"
EXAMPLE = Path(__file__).parents[2] / "examples" / "draw_in_the_style_of.py"


@pytest.fixture(scope="module")
def with_adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of pocket with a random adapter in the place of its own."""
    image_prompt = pytest.importorskip("pretraining.image_prompt")
    folder = tmp_path_factory.mktemp("pocket") / "model"
    shutil.copytree(POCKET, folder)
    shutil.rmtree(folder / "ip_adapter", ignore_errors=True)
    base = open_base("pocket", device="cpu")
    width = base.pipe.image_encoder.config.hidden_size
    learnt = image_prompt.attach_image_prompt(base.denoiser, width, device=torch.device("cpu"))
    image_prompt.write_checkpoint(learnt, folder)
    return folder


def test_its_own_adapter_and_encoder_are_found(with_adapter: Path, tmp_path: Path, capsys) -> None:
    given = ["transfer", str(REFERENCE), "--base", str(with_adapter), "--prompt", "a fox on a blue background"]
    assert main([*given, "--steps", "2", "--preset", "bold", "--out", str(tmp_path / "fox.png")]) == 0
    capsys.readouterr()
    facts = json.loads((tmp_path / "fox.json").read_text())
    assert facts["adapter"] == "ip_adapter.safetensors"
    assert facts["encoder"] == "of the base"
    assert facts["negative_style"] == "auto"
    assert facts["control_settings"]["teacher"] == 0


def test_without_one_it_says_so(tmp_path: Path, capsys) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(POCKET, bare, ignore=shutil.ignore_patterns("ip_adapter"))
    assert main(["transfer", str(REFERENCE), "--base", str(bare), "--prompt", "a fox"]) == 2
    told = capsys.readouterr().err
    assert "has no image prompt adapter of its own" in told
    assert "--adapter FILE.safetensors" in told


def test_the_example_runs(with_adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    adapter = str(with_adapter / "ip_adapter" / "ip_adapter.safetensors")
    for given in ("none", adapter):
        monkeypatch.setattr(sys, "argv", [EXAMPLE.name, str(REFERENCE), given, "2"])
        runpy.run_path(str(EXAMPLE))
        assert len(list(tmp_path.glob("in-style-*.png"))) == 2
        for path in tmp_path.glob("in-style-*.png"):
            path.unlink()
