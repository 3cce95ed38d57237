"""The cache of encoded pictures and prompts: the same training with and without it, mended where damaged."""

from contextlib import closing
from pathlib import Path

import pytest
import torch

from impasto.cli.main import main
from impasto.core.errors import DataError
from impasto.core.events import Event, Noted
from impasto.core.store import TensorStore
from impasto.methods import b_lora, styleforge
from impasto.models.cached_encoders import CachedEncoders
from impasto.models.computing.offloading import OffloadedModules
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.style.file import load_style
from impasto.training.options import TrainOptions
from impasto.training.train import train

CPU = torch.device("cpu")


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What frozen encoders were asked."""
    asked: list[str] = []
    images = LatentDiffusion.encode_images

    def counting(self: LatentDiffusion, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        asked.append("picture")
        return images(self, pixels)

    monkeypatch.setattr(LatentDiffusion, "encode_images", counting)
    return asked


def learn(base: Path, pictures: Path, folder: Path, **changes: object) -> tuple[dict[str, torch.Tensor], list[Event]]:
    method = changes.pop("method", b_lora.BLoRA(b_lora.BLoRASettings(rank=2)))
    values: dict[str, object] = {
        "base": str(base),
        "style_images": str(pictures),
        "out": folder / "x.safetensors",
        "overwrite": True,
    }
    values |= {"run_dir": folder / "run", "steps": 2, "sample_every": 0, "learning_rate": 1e-2}
    with closing(train(TrainOptions(**(values | changes)), method)) as events:
        done = list(events)
    return load_style(folder / "x.safetensors").tensors, done


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_training_is_the_same_with_a_cold_a_warm_and_no_cache(
    tiny_folders: dict[str, Path], style_images: Path, tmp_path: Path, encoded: list[str]
) -> None:
    base, cache = tiny_folders["sdxl"], str(tmp_path / "cache")
    none, _ = learn(base, style_images, tmp_path / "none", cache="none")
    cold, _ = learn(base, style_images, tmp_path / "cold", cache=cache)
    assert len(encoded) == 8
    warm, _ = learn(base, style_images, tmp_path / "warm", cache=cache)
    assert len(encoded) == 8
    assert same(none, cold)
    assert same(none, warm)
    (style_images / "new.png").write_bytes((style_images / "0.png").read_bytes()[:-12] + b"\0\0\0\0IEND\xaeB`\x82")
    learn(base, style_images, tmp_path / "more", cache=cache, flips=True)
    assert len(encoded) == 12  # the copy of a picture is known; the four mirrored ones are not
    learn(tiny_folders["sdxl-v"], style_images, tmp_path / "other", cache=cache)
    assert len(encoded) == 16  # another encoder: four different pictures among the five


def test_learnt_text_is_never_kept(tiny_folders: dict[str, Path], style_images: Path, tmp_path: Path) -> None:
    method = styleforge.StyleForge(styleforge.StyleForgeSettings(learn="lora", rank=2))
    learn(tiny_folders["sdxl"], style_images, tmp_path / "a", cache=str(tmp_path / "cache"), method=method)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["latents"]


def test_damaged_entry_is_told_and_mended(
    tiny_folders: dict[str, Path], style_images: Path, tmp_path: Path, encoded: list[str]
) -> None:
    base, cache = tiny_folders["sdxl"], tmp_path / "cache"
    first, _ = learn(base, style_images, tmp_path / "a", cache=str(cache))
    path = next((cache / "latents").glob("*/*.safetensors"))
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    second, told = learn(base, style_images, tmp_path / "b", cache=str(cache))
    assert same(first, second)
    assert len(encoded) == 5
    assert [event.text.partition(" (")[0] for event in told if isinstance(event, Noted)] == [
        f"cache entry latents/{path.name[:12]} is damaged"
    ]


def test_a_picture_that_overflows_is_named_and_not_kept(
    tiny_folders: dict[str, Path], style_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overflow(*_: object) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.full((1, 4, 16, 16), torch.inf), torch.ones(1, 4, 16, 16)

    monkeypatch.setattr(LatentDiffusion, "encode_images", overflow)
    with pytest.raises(DataError, match=r"0\.png makes the autoencoder overflow"):
        learn(tiny_folders["sdxl"], style_images, tmp_path, cache=str(tmp_path / "cache"))
    assert not list((tmp_path / "cache").rglob("*.safetensors"))


def test_prompts_are_kept_with_all_they_depend_on(base: LatentDiffusion, tmp_path: Path) -> None:
    def remembered() -> CachedEncoders:
        return CachedEncoders(base, TensorStore(tmp_path), OffloadedModules([], CPU), keeps_prompts=True)

    expected = base.encode_prompts(["a fox"])
    for _ in range(2):
        found = remembered().encode_prompts(["a fox", "a fox"])
        assert torch.equal(found.states, expected.states.repeat(2, 1, 1))
        assert (found.pooled is None) == (expected.pooled is None)
    assert len(list(tmp_path.rglob("*.safetensors"))) == 1
    with torch.no_grad():
        next(iter(base.networks()["text_encoder"].parameters())).add_(0.5)
    changed = remembered().encode_prompts(["a fox"])
    assert torch.equal(changed.states, base.encode_prompts(["a fox"]).states)
    assert not torch.equal(changed.states, expected.states)


class Mover(torch.nn.Module):
    """Notes where it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.to_device: list[str] = []

    def to(self, device: torch.device) -> "Mover":
        self.to_device.append(device.type)
        return self


def test_encoders_rest_while_nothing_asks_them() -> None:
    mover = Mover()
    offloaded = OffloadedModules([mover], torch.device("meta"))
    with offloaded.on_device():
        assert mover.to_device == []
    with pytest.raises(KeyError), offloaded.on_cpu():  # noqa: PT012 - it has to happen inside
        assert mover.to_device == ["cpu"]
        with offloaded.on_device(), offloaded.on_device():
            assert mover.to_device == ["cpu", "meta"]
        assert mover.to_device == ["cpu", "meta", "cpu"]
        raise KeyError
    assert mover.to_device == ["cpu", "meta", "cpu", "meta"]


def test_on_the_cpu_nothing_is_moved() -> None:
    mover = Mover()
    with OffloadedModules([mover], CPU).on_cpu():
        assert mover.to_device == []


def test_command(
    tiny_folders: dict[str, Path], style_images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = str(tmp_path / "cache")
    learn(tiny_folders["sdxl"], style_images, tmp_path / "a", cache=cache)
    assert main(["cache", "--cache", cache]) == 0
    told = capsys.readouterr().out
    assert "latents         4 entries" in told
    assert "prompts         1 entries" in told
    assert main(["cache", "--cache", cache, "--clear"]) == 0
    assert capsys.readouterr().out.endswith("\n  empty\n")
    assert main(["cache", "--cache", "none"]) == 2
