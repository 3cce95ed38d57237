"""--prediction, --zero-snr and --vae reach everything that opens a base."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import impasto
import tiny
from impasto.cli.main import main
from impasto.comparison.config import ComparisonConfig
from impasto.core.errors import ConfigError, ResourceError
from impasto.diffusion.prediction import Prediction
from impasto.generation.options import DrawOptions
from impasto.generation.regularization_set import AuxOptions
from impasto.models.checks.base_facts import BaseFacts
from impasto.models.open import open_base
from impasto.probing.options import ProbeOptions
from impasto.style.file import read_card
from impasto.training.options import TrainOptions


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """An autoencoder of the same latents with other weights."""
    tiny.seeded(7)
    tiny.autoencoder(force_upcast=False).save_pretrained(tmp_path / "other")
    return tmp_path / "other"


@pytest.mark.parametrize("options", [TrainOptions, DrawOptions, ProbeOptions, AuxOptions, ComparisonConfig])
def test_all_options_that_open_a_base_have_them(options: type) -> None:
    assert issubclass(options, BaseFacts)


def test_from_python(tiny_folders: dict[str, Path], other: Path) -> None:
    base = impasto.load(str(tiny_folders["sdxl"]), device="cpu", prediction="v", zero_snr="yes", vae=str(other))
    assert base.model.process.prediction is Prediction.V
    assert float(base.model.process.schedule.alpha_bar[-1]) == pytest.approx(0, abs=1e-6)
    plain = impasto.load(str(tiny_folders["sdxl"]), device="cpu")
    assert plain.model.process.prediction is Prediction.EPSILON
    latents = torch.ones(1, 4, 8, 8)
    with torch.no_grad():
        assert not torch.allclose(base.model.decode(latents), plain.model.decode(latents))


@pytest.mark.parametrize("kind", ["folder", "base", "file"])
def test_an_autoencoder_from_each_place(tiny_folders: dict[str, Path], other: Path, kind: str) -> None:
    wanted = open_base(str(tiny_folders["sdxl"]), device="cpu", vae=str(other)).vae.state_dict()
    given = {"folder": other, "base": tiny_folders["sd15"], "file": other.parent / "other.safetensors"}[kind]
    if kind == "file":
        save_file(wanted, given)
    if kind == "base":
        wanted = open_base(str(tiny_folders["sd15"]), device="cpu").vae.state_dict()
    found = open_base(str(tiny_folders["sdxl"]), device="cpu", vae=str(given)).vae.state_dict()
    assert all(torch.equal(found[name].float(), value.float()) for name, value in wanted.items())


def test_an_autoencoder_that_does_not_fit_is_refused_in_one_line(tiny_folders: dict[str, Path], other: Path) -> None:
    config = json.loads((other / "config.json").read_text("utf-8")) | {"latent_channels": 8}
    wide = type(tiny.autoencoder(force_upcast=False)).from_config(config)
    wide.save_pretrained(other.parent / "wide")
    with pytest.raises(ConfigError, match=r"--vae .*wide makes latents of 8 channels, this base reads 4"):
        open_base(str(tiny_folders["sdxl"]), device="cpu", vae=str(other.parent / "wide"))
    for wrong in (other.parent / "nothing", other / "config.json"):
        with pytest.raises(ResourceError, match=r"--vae .* could not be loaded") as raised:
            open_base(str(tiny_folders["sdxl"]), device="cpu", vae=str(wrong))
        assert "\n" not in str(raised.value)


def test_auxiliary_pictures_without_drawing_need_no_base() -> None:
    for name, value in (("prediction", "v"), ("zero_snr", "yes"), ("vae", "x")):
        with pytest.raises(ValueError, match=f"{name} has no effect with --images"):
            AuxOptions(out="x", images="y", **{name: value})


def test_training_and_drawing_take_them(
    tiny_folders: dict[str, Path],
    style_images: Path,
    other: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    facts = ["--base", str(tiny_folders["sdxl"]), "--prediction", "v", "--vae", str(other)]
    lora = ["--learn", "lora", "--rank", "2", "--steps", "1", "--sample-every", "0", "--run-dir", "run"]
    train = ["train", "styleforge", "--style-images", str(style_images), *facts, *lora, "--out", "a.safetensors"]
    assert main(train) == 0
    config = read_card(tmp_path / "a.safetensors").config
    assert (config["prediction"], config["vae"]) == ("v", "other")
    draw = ["generate", *facts, "--style", "a.safetensors", "--prompt", "a fox", "--steps", "2"]
    assert main([*draw, "--out", "fox.png"]) == 0
    assert main([*draw[:5], *draw[7:], "--out", "own.png"]) == 0
    assert (tmp_path / "fox.png").read_bytes() != (tmp_path / "own.png").read_bytes()
    capsys.readouterr()
