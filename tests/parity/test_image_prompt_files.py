"""Image prompt adapters: tokens, keys and values equal those of diffusers, and those of the published descriptions."""

from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor
from torch.nn import MultiheadAttention
from torch.nn.functional import gelu, layer_norm, linear

import small_adapters
from impasto.image_prompts.image_prompt import ImagePromptAdapter, Join, open_image_prompt
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import open_base


def with_encoder(folder: Path, **widths: int) -> LatentDiffusion:
    base = open_base(str(folder), device="cpu")
    base.pipe.register_modules(
        image_encoder=small_adapters.encoder(**widths), feature_extractor=small_adapters.extractor()
    )
    return base


def opened(base: LatentDiffusion, title: str, path: Path, join: Join = "mean") -> ImagePromptAdapter:
    return open_image_prompt(
        small_adapters.save(small_adapters.MAKERS[title](base.denoiser), path / "adapter.safetensors"), base, join=join
    )


def in_diffusers(base: LatentDiffusion, path: Path, pictures: list) -> tuple[Tensor, Tensor]:
    """Load the file there; return tokens without and with the pictures."""
    base.pipe.load_ip_adapter(str(path), subfolder="", weight_name="adapter.safetensors", local_files_only=True)
    embeds = base.pipe.prepare_ip_adapter_image_embeds([pictures], None, torch.device("cpu"), 1, True)
    with torch.no_grad():
        (tokens,) = base.denoiser.encoder_hid_proj(embeds)
    return tuple(tokens.flatten(1, 2).chunk(2))


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
@pytest.mark.parametrize("title", ["IP-Adapter", "IP-Adapter-Plus"])
@pytest.mark.parametrize("count", [1, 2])
def test_equals_diffusers(tiny_folders: dict[str, Path], tmp_path: Path, family: str, title: str, count: int) -> None:
    base = with_encoder(tiny_folders[family])
    adapter = opened(base, title, tmp_path, "concat" if count > 1 else "mean")
    pictures = [small_adapters.picture(seed) for seed in range(count)]
    ours, nothing = adapter.tokens(pictures), adapter.null(1, count)
    before = {name: type(each) for name, each in base.denoiser.attn_processors.items()}
    stock_nothing, stock = in_diffusers(base, tmp_path, pictures)
    assert (ours.tokens - stock).abs().max() < 1e-5
    assert (nothing.tokens - stock_nothing).abs().max() < 1e-5
    assert (ours.tokens - nothing.tokens).abs().max() > 0.1
    cross = {name: each for name, each in base.denoiser.attn_processors.items() if hasattr(each, "to_k_ip")}
    assert {f"{path}.processor" for path in ours.projections} == set(cross) <= set(before)
    for path, (to_k, to_v) in ours.projections.items():
        processor = cross[f"{path}.processor"]
        with torch.no_grad():
            assert (to_k(ours.tokens) - processor.to_k_ip[0](stock)).abs().max() < 1e-5
            assert (to_v(ours.tokens) - processor.to_v_ip[0](stock)).abs().max() < 1e-5


def stock_resampler(unet: UNet2DConditionModel, tensors: dict[str, Tensor], prefix: str) -> torch.nn.Module:
    state = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    return unet._convert_ip_adapter_image_proj_to_diffusers(state, low_cpu_mem_usage=False).eval()


@pytest.mark.parametrize("queries", [16, 32])
def test_csgo(tiny_folders: dict[str, Path], tmp_path: Path, queries: int) -> None:
    """Both token counts; the unconditional branch reads zeros for all states, not an encoded grey picture."""
    base = with_encoder(tiny_folders["sdxl"])
    tensors = small_adapters.csgo(base.denoiser, queries=queries)
    adapter = open_image_prompt(small_adapters.save(tensors, tmp_path / "csgo.safetensors"), base, scale=0.7)
    stock = stock_resampler(base.denoiser, tensors, "style_image_proj.")
    pixels = small_adapters.extractor()(small_adapters.picture(), return_tensors="pt").pixel_values
    with torch.no_grad():
        states = base.pipe.image_encoder(pixels, output_hidden_states=True).hidden_states[-2]
        expected, nothing = stock(states), stock(torch.zeros(1, small_adapters.PLACES, small_adapters.STATES))
    tokens = adapter.tokens([small_adapters.picture()])
    assert tokens.tokens.shape == (1, queries, 40)
    assert tokens.scale == 0.7  # upstream swallows it
    assert (tokens.tokens - expected).abs().max() < 1e-5
    assert (adapter.null().tokens - nothing).abs().max() < 1e-5
    assert set(tokens.projections) == {
        name.removesuffix(".processor")
        for name in base.denoiser.attn_processors
        if name.startswith("up_blocks") and "attn2" in name
    }
    assert adapter.plan([]) == ("its tokens for content are left out", "its layers for a ControlNet are left out")


def query_transformer(tensors: dict[str, Tensor], prefix: str, states: Tensor) -> Tensor:
    """Written from the description alone, on the file's names."""
    own = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}

    def norm(name: str, value: Tensor) -> Tensor:
        return layer_norm(value, (64,), own[f"{name}.weight"], own[f"{name}.bias"])

    count = own["query_emb"].shape[1]
    x = norm("ln1", torch.cat([own["query_emb"].repeat(len(states), 1, 1), states], dim=1))
    depth = len({name.split(".")[2] for name in own if name.startswith("transformer_blocks.resblocks.")})
    for layer in range(depth):
        block = f"transformer_blocks.resblocks.{layer}."
        attention = MultiheadAttention(64, 1, batch_first=True)
        marked = {name.removeprefix(f"{block}attn."): value for name, value in own.items() if f"{block}attn." in name}
        attention.load_state_dict(marked)
        read = norm(f"{block}ln_1", x)
        x = x + attention(read, read, read, need_weights=False)[0]
        inner = gelu(linear(norm(f"{block}ln_2", x), own[f"{block}mlp.c_fc.weight"], own[f"{block}mlp.c_fc.bias"]))
        x = x + linear(inner, own[f"{block}mlp.c_proj.weight"], own[f"{block}mlp.c_proj.bias"])
    return norm("ln2", x[:, :count]) @ own["proj"]


@torch.no_grad()
def test_stylecrafter(tiny_folders: dict[str, Path], tmp_path: Path) -> None:
    base = with_encoder(tiny_folders["sdxl"], states=64)
    adapter = opened(base, "StyleCrafter", tmp_path)
    tensors = small_adapters.stylecrafter(base.denoiser)
    pixels = small_adapters.extractor()(small_adapters.picture(), return_tensors="pt").pixel_values
    states = base.pipe.image_encoder(pixels, output_hidden_states=True).hidden_states[-2]
    style = query_transformer(tensors, "image_context_model.", states)
    words = small_adapters.Random(9)(3, 24, 40)
    gated = adapter.gated_tokens([small_adapters.picture()], words)
    assert (gated.tokens[:1] - style).abs().max() < 1e-5
    head = "scale_predictor."
    read = [
        linear(each, tensors[f"{head}{name}_proj.weight"], tensors[f"{head}{name}_proj.bias"])
        for name, each in (("text", words), ("style", style.repeat(3, 1, 1)))
    ]
    hidden = query_transformer(tensors, f"{head}scale_predictor.", torch.cat(read, dim=1))
    hidden = gelu(linear(hidden, tensors[f"{head}out_proj.0.weight"], tensors[f"{head}out_proj.0.bias"]))
    scales = 1 + linear(hidden, tensors[f"{head}out_proj.2.weight"], tensors[f"{head}out_proj.2.bias"]).tanh()
    odd = [number for number, name in enumerate(base.denoiser.attn_processors) if "attn2" in name]
    paths = [name.removesuffix(".processor") for name in base.denoiser.attn_processors if "attn2" in name]
    assert list(gated.gating.gates) == list(gated.gating.norms) == list(gated.projections) == paths
    for layer, (number, path) in enumerate(zip(odd, paths, strict=True)):
        assert (gated.gating.gates[path] - scales[:, layer, :, None]).abs().max() < 1e-5
        assert torch.equal(gated.gating.norms[path].bias, tensors[f"kv_attn_layers.{number}.norm_style.bias"])
    nothing = adapter.null(2)
    assert nothing.scale == 0
    assert nothing.tokens.shape == (2, 5, 40)
