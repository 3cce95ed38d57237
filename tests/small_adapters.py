"""Small random image prompt adapters, by the tensor names of the published files, and a small image encoder."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

import tiny

STATES, EMBEDS, SIDE, PLACES = 32, 12, 32, 17
Tensors = dict[str, Tensor]


class Random:
    """Random tensors, a fresh one for each call."""

    def __init__(self, seed: int = 0) -> None:
        self._rng = torch.Generator().manual_seed(seed)

    def __call__(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self._rng) / shape[-1] ** 0.5


def encoder(*, states: int = STATES, embeds: int = EMBEDS) -> CLIPVisionModelWithProjection:
    tiny.seeded(3)
    config = CLIPVisionConfig(
        hidden_size=states,
        intermediate_size=2 * states,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=SIDE,
        patch_size=8,
        projection_dim=embeds,
    )
    return CLIPVisionModelWithProjection(config).eval()


def extractor() -> CLIPImageProcessorPil:
    return CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})


def encoder_folder(folder: Path, **widths: int) -> Path:
    encoder(**widths).save_pretrained(folder)
    extractor().save_pretrained(folder)
    return folder


def picture(seed: int = 0, width: int = 48, height: int = 48) -> Image.Image:
    blocks = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(blocks).resize((width, height), Image.Resampling.BICUBIC)


def layers(unet: UNet2DConditionModel, random: Random, group: str, parts: tuple[str, str], blocks: str = "") -> Tensors:
    """Keys and values under odd numbers, counted here by hand over the names that diffusers lists."""
    found: Tensors = {}
    number = -1
    for name in unet.attn_processors:
        number += 1
        if ".attn2." not in name or not name.startswith(blocks):
            continue
        words = unet.get_submodule(name.removesuffix(".processor")).to_k
        for part in parts:
            found[f"{group}.{number}.{part}.weight"] = random(words.out_features, words.in_features)
    return found


def resampler(
    random: Random, prefix: str, width: int, *, queries: int = 6, hidden: int = 24, depth: int = 4
) -> Tensors:
    inner = 128
    found = {
        "latents": random(1, queries, hidden),
        "proj_in.weight": random(hidden, STATES),
        "proj_in.bias": random(hidden),
        "proj_out.weight": random(width, hidden),
        "proj_out.bias": random(width),
        "norm_out.weight": 1 + random(width),
        "norm_out.bias": random(width),
    }
    for layer in range(depth):
        for norm in ("0.norm1", "0.norm2", "1.0"):
            found |= {
                f"layers.{layer}.{norm}.weight": 1 + random(hidden),
                f"layers.{layer}.{norm}.bias": random(hidden),
            }
        found |= {
            f"layers.{layer}.0.to_q.weight": random(inner, hidden),
            f"layers.{layer}.0.to_kv.weight": random(2 * inner, hidden),
            f"layers.{layer}.0.to_out.weight": random(hidden, inner),
            f"layers.{layer}.1.1.weight": random(4 * hidden, hidden),
            f"layers.{layer}.1.3.weight": random(hidden, 4 * hidden),
        }
    return {prefix + name: value for name, value in found.items()}


def ip_adapter(unet: UNet2DConditionModel, seed: int = 0, embeds: int = EMBEDS) -> Tensors:
    random, width = Random(seed), unet.config.cross_attention_dim
    return {
        "image_proj.proj.weight": random(4 * width, embeds),
        "image_proj.proj.bias": random(4 * width),
        "image_proj.norm.weight": 1 + random(width),
        "image_proj.norm.bias": random(width),
        **layers(unet, random, "ip_adapter", ("to_k_ip", "to_v_ip")),
    }


def ip_adapter_plus(unet: UNet2DConditionModel, seed: int = 0, depth: int = 4) -> Tensors:
    random, width = Random(seed), unet.config.cross_attention_dim
    found = resampler(random, "image_proj.", width, depth=depth)
    return found | layers(unet, random, "ip_adapter", ("to_k_ip", "to_v_ip"))


def csgo(unet: UNet2DConditionModel, seed: int = 0, queries: int = 16) -> Tensors:
    random, width = Random(seed), unet.config.cross_attention_dim
    return {
        **resampler(random, "style_image_proj.", width, queries=queries),
        "content_image_proj.proj.weight": random(4 * width, EMBEDS),
        "content_image_proj.norm.weight": random(width),
        "controlnet_adapter_modules.down.to_k_ip.weight": random(3, 5),
        **layers(unet, random, "ip_adapter", ("to_k_ip", "to_v_ip"), "up_blocks"),
    }


def _query_transformer(random: Random, prefix: str, width: int, output: int, queries: int, depth: int) -> Tensors:
    found = {"query_emb": random(1, queries, width), "proj": random(width, output)}
    for norm in ("ln1", "ln2"):
        found |= {f"{norm}.weight": 1 + random(width), f"{norm}.bias": random(width)}
    for layer in range(depth):
        block = f"transformer_blocks.resblocks.{layer}"
        for norm in ("ln_1", "ln_2"):
            found |= {f"{block}.{norm}.weight": 1 + random(width), f"{block}.{norm}.bias": random(width)}
        found |= {
            f"{block}.attn.in_proj_weight": random(3 * width, width),
            f"{block}.attn.in_proj_bias": random(3 * width),
            f"{block}.attn.out_proj.weight": random(width, width),
            f"{block}.attn.out_proj.bias": random(width),
            f"{block}.mlp.c_fc.weight": random(4 * width, width),
            f"{block}.mlp.c_fc.bias": random(4 * width),
            f"{block}.mlp.c_proj.weight": random(width, 4 * width),
            f"{block}.mlp.c_proj.bias": random(width),
        }
    return {prefix + name: value for name, value in found.items()}


def stylecrafter(unet: UNet2DConditionModel, seed: int = 0) -> Tensors:
    """Reads hidden states of width 64."""
    random, width = Random(seed), unet.config.cross_attention_dim
    attentions = layers(unet, random, "kv_attn_layers", ("to_k_style", "to_v_style"))
    norms: Tensors = {}
    for name, value in attentions.items():
        if ".to_k_style." in name:
            stem = name.removesuffix("to_k_style.weight") + "norm_style"
            norms |= {f"{stem}.weight": 1 + random(len(value)), f"{stem}.bias": random(len(value))}
    predictor = "scale_predictor."
    return {
        **_query_transformer(random, "image_context_model.", 64, width, 5, 2),
        **_query_transformer(random, f"{predictor}scale_predictor.", 64, 64, len(norms) // 2, 1),
        f"{predictor}text_proj.weight": random(64, width),
        f"{predictor}text_proj.bias": random(64),
        f"{predictor}style_proj.weight": random(64, width),
        f"{predictor}style_proj.bias": random(64),
        f"{predictor}out_proj.0.weight": random(32, 64),
        f"{predictor}out_proj.0.bias": random(32),
        f"{predictor}out_proj.2.weight": random(1, 32),
        f"{predictor}out_proj.2.bias": random(1),
        **attentions,
        **norms,
    }


MAKERS: dict[str, Callable[[UNet2DConditionModel], Tensors]] = {
    "IP-Adapter": ip_adapter,
    "IP-Adapter-Plus": ip_adapter_plus,
    "CSGO": csgo,
    "StyleCrafter": stylecrafter,
}


def save(tensors: Tensors, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.clone().contiguous() for name, value in tensors.items()}, path)
    return path
