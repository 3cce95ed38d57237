"""Feature extractors: what they share, their own networks on tiny random weights, and what is missing or wrong."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModel, Dinov2Config, Dinov2Model, ViTConfig, ViTModel

import tiny
from impasto.core.errors import ConfigError, ImpastoError, PluginError, ResourceError, UnsafeFile
from impasto.core.plugins import plugin_names
from impasto.core.rng import generator
from impasto.features import csd, dino, pocket
from impasto.features._open import open_features
from impasto.features._pixels import CLIP_MEAN, CLIP_STD, as_bytes, standardised
from impasto.features._protocol import Places, Reader

CPU = torch.device("cpu")


def pictures(count: int = 3, size: tuple[int, int] = (40, 36)) -> list[Image.Image]:
    values = torch.randint(0, 256, (count, *reversed(size), 3), generator=generator(0), dtype=torch.uint8)
    return [Image.fromarray(each.numpy()) for each in values]


def test_one_way_of_resizing() -> None:
    plain = standardised(pictures(), 16, (0, 0, 0), (1, 1, 1))
    torch.testing.assert_close(plain * 255, as_bytes(pictures(), 16).float(), atol=1e-3, rtol=0)
    clip = standardised(pictures(), 16, CLIP_MEAN, CLIP_STD)
    expected = (plain - torch.tensor(CLIP_MEAN).view(3, 1, 1)) / torch.tensor(CLIP_STD).view(3, 1, 1)
    torch.testing.assert_close(clip, expected)


def test_resizing_is_antialiased() -> None:
    stripes = Image.new("L", (128, 128))
    stripes.putdata([255 * (x % 2) for _ in range(128) for x in range(128)])
    small = as_bytes([stripes], 32).float()
    assert (small - 127.5).abs().max() < 12  # without antialiasing every fourth column would be taken: all black


def vit(folder: Path) -> Path:
    tiny.seeded()
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    ViTModel(ViTConfig(**sizes, image_size=16, patch_size=8)).save_pretrained(folder / "vit")
    Dinov2Model(Dinov2Config(**sizes, image_size=28, patch_size=14)).save_pretrained(folder / "dinov2")
    vision = CLIPVisionConfig(**sizes, image_size=16, patch_size=8)
    CLIPVisionModel(vision).save_pretrained(folder / "other")
    return folder


def test_dino_reads_vit_and_dinov2_and_nothing_else(tmp_path: Path) -> None:
    folder = vit(tmp_path)
    for name in ("vit", "dinov2"):
        found = dino.DINOFeatures.open(str(folder / name), CPU).extract(pictures())
        assert found.shape == (3, 16)
        torch.testing.assert_close(found.norm(dim=1), torch.ones(3))
        assert not torch.allclose(found[0], found[1], atol=1e-4)
    with pytest.raises(ResourceError, match="are a clip_vision_model: use one of vit, dinov2"):
        dino.DINOFeatures.open(str(folder / "other"), CPU)
    with pytest.raises(ResourceError, match=r"^features dino:nowhere could not be loaded \([^\n]+\): check"):
        dino.DINOFeatures.open("nowhere", CPU)


def test_an_error_without_words_is_told_by_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError

    monkeypatch.setattr(dino.AutoModel, "from_pretrained", fail)
    with pytest.raises(ResourceError, match=r"^features dino:x could not be loaded \(OSError\)"):
        dino.DINOFeatures.open("x", CPU)


def csd_checkpoint(width: int = 64, layers: int = 2) -> dict[str, torch.Tensor]:
    """Random weights under the published names."""
    rng = generator(1)

    def r(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=rng) * 0.2

    tower = {"class_embedding": r(width), "positional_embedding": r(5, width), "conv1.weight": r(width, 3, 8, 8)}
    for part in ("ln_pre", "ln_post", *(f"transformer.resblocks.{i}.ln_{j}" for i in range(layers) for j in (1, 2))):
        tower |= {f"{part}.weight": 1 + r(width), f"{part}.bias": r(width)}
    for i in range(layers):
        block = f"transformer.resblocks.{i}"
        tower |= {f"{block}.attn.in_proj_weight": r(3 * width, width), f"{block}.attn.in_proj_bias": r(3 * width)}
        for part, rows, columns in (
            ("attn.out_proj", width, width),
            ("mlp.c_fc", 96, width),
            ("mlp.c_proj", width, 96),
        ):
            tower |= {f"{block}.{part}.weight": r(rows, columns), f"{block}.{part}.bias": r(rows)}
    named = {f"module.backbone.{name}": tensor for name, tensor in tower.items()}
    return named | {f"module.last_layer_{head}": r(width, 12) for head in ("style", "content")}


def csd_by_hand(weights: dict[str, torch.Tensor], pixels: torch.Tensor) -> torch.Tensor:
    """The forward pass of OpenAI's vision tower, written with torch's own attention, then the head of style."""
    w = {name.removeprefix("module.backbone."): tensor for name, tensor in weights.items()}
    functional = torch.nn.functional
    width = len(w["class_embedding"])

    def norm(x: torch.Tensor, part: str) -> torch.Tensor:
        return functional.layer_norm(x, (width,), w[f"{part}.weight"], w[f"{part}.bias"])

    def linear(x: torch.Tensor, part: str) -> torch.Tensor:
        return functional.linear(x, w[f"{part}.weight"], w[f"{part}.bias"])

    x = functional.conv2d(pixels, w["conv1.weight"], stride=8).flatten(2).transpose(1, 2)
    x = torch.cat([w["class_embedding"].expand(len(x), 1, -1), x], dim=1) + w["positional_embedding"]
    x = norm(x, "ln_pre")
    for i in range(2):
        block = f"transformer.resblocks.{i}"
        attention = torch.nn.MultiheadAttention(width, 1, batch_first=True)
        attention.load_state_dict({n.removeprefix(f"{block}.attn."): t for n, t in w.items() if f"{block}.attn." in n})
        h = norm(x, f"{block}.ln_1")
        x = x + attention(h, h, h, need_weights=False)[0]
        h = linear(norm(x, f"{block}.ln_2"), f"{block}.mlp.c_fc")
        x = x + linear(h * torch.sigmoid(1.702 * h), f"{block}.mlp.c_proj")
    return functional.normalize(norm(x[:, 0], "ln_post") @ weights["module.last_layer_style"], dim=1)


def test_csd_equals_the_network_written_out(tmp_path: Path) -> None:
    weights = csd_checkpoint()
    save_file(weights, tmp_path / "csd.safetensors")
    found = open_features(f"csd:{tmp_path / 'csd.safetensors'}", CPU).extract(pictures())
    with torch.no_grad():
        expected = csd_by_hand(weights, standardised(pictures(), 16, CLIP_MEAN, CLIP_STD))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("module.last_layer_style", "lack last_layer_style"),
        ("module.backbone.ln_post.bias", "lack .*post_layernorm.bias"),
    ],
)
def test_csd_refuses_other_weights(missing: str, told: str) -> None:
    weights = csd_checkpoint()
    del weights[missing]
    with pytest.raises(ResourceError, match=told):
        csd.CSDFeatures(weights, CPU)


def test_pocket_reads_words_and_knows_places() -> None:
    features = pocket.PocketFeatures()
    assert isinstance(features, Reader)
    assert isinstance(features, Places)
    assert features.token_limit == 77
    short, long = features.tokens(["a fox", "a fox " * 60])
    assert 3 <= short <= 6
    assert long > features.token_limit


WRONG = {
    "nothing": (PluginError, "unknown feature 'nothing': choose one of clip, csd, dino"),
    "pocket:large": (ConfigError, "pocket has one checkpoint, its own; write pocket"),
    "csd": (ConfigError, "features csd need a file of weights: write csd:FILE.safetensors"),
    "csd:model.pth": (UnsafeFile, "may be a pickle, which can run code: convert"),
    "inception:none.safetensors": (ImpastoError, r"could not be read|need torch-fidelity"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_names_are_told_in_one_line(name: str) -> None:
    kind, told = WRONG[name]
    with pytest.raises(kind, match=told) as caught:
        open_features(name, CPU)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["inception", "open_clip"])
def test_missing_package_names_the_extra(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("torch_fidelity", "open_clip"):
        monkeypatch.setitem(__import__("sys").modules, module, None)
        monkeypatch.setitem(__import__("sys").modules, f"{module}.feature_extractor_inceptionv3", None)
    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors")
    given = f"{'ViT-B-32@' if name == 'open_clip' else ''}{tmp_path / 'x.safetensors'}"
    with pytest.raises(PluginError, match=r"which is not installed: pip install 'impasto\[metrics\]'$"):
        open_features(f"{name}:{given}", CPU)


def test_every_extractor_can_be_opened_by_name() -> None:
    assert plugin_names("impasto.features") == ["clip", "csd", "dino", "inception", "open_clip", "pocket", "strokes"]
