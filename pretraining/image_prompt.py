"""Stage 4: the image prompt adapter, in the checkpoint format of IP-Adapter-Plus (arXiv 2308.06721).

A Resampler makes tokens of the image encoder's penultimate states, and each cross-attention has keys and values for
them beside those of the words. The base is frozen and the reference is the very picture that is to be drawn, as in the
paper; so the adapter learns content and colours along with style, which is the fault that better methods mend. Part of
the captions are wrong, as those of web pictures are.

Run: `python -m pretraining.image_prompt --minutes 40`; run it again to go on where it stopped.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import (
    Attention,
    AttnProcessor,
    IPAdapterAttnProcessor,
    IPAdapterAttnProcessor2_0,
)
from diffusers.models.embeddings import IPAdapterPlusImageProjection, MultiIPAdapterImageProjection
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import CLIPVisionModelWithProjection

from pretraining.checkpoint import STAGES
from pretraining.frozen import FrozenBase, read_base
from pretraining.options import read_options
from pretraining.pictures import read_pictures, save_sheet, to_unit
from pretraining.precision import half_where_quick
from pretraining.schedule import Schedule
from pretraining.slices import attention_for
from pretraining.stage import Stage

STAGE = "image_prompt"
FOLDER, FILE = "ip_adapter", "ip_adapter.safetensors"
TOKENS, WIDTH, HEAD = 16, 128, 64
"""Tokens of a picture, as in the published adapters; width of the Resampler; of a head, which loaders take as given."""

WORDED, DROPPED = 0.5, 0.08
"""Share of rows that keep their caption, and of rows that are shown an empty picture instead of the reference."""

MISTOLD = 0.4
"""Share of captions that are another picture's. Captions from the web are often wrong, so that published adapters
trust the picture more than the words; pocket's are always right, and with them alone the picture is hardly heeded."""


def _own_processor(unet: UNet2DConditionModel, name: str, *, eager: bool) -> nn.Module:
    """Return the processor for cross-attention `name`; it begins as a copy of the words' keys and values."""
    words = cast(Attention, unet.get_submodule(name.removesuffix(".processor")))
    kind = IPAdapterAttnProcessor if eager else IPAdapterAttnProcessor2_0
    made: nn.Module = kind(words.to_k.out_features, words.to_k.in_features, num_tokens=(TOKENS,))
    made.load_state_dict({"to_k_ip.0.weight": words.to_k.weight, "to_v_ip.0.weight": words.to_v.weight})
    return made


def attach_image_prompt(unet: UNet2DConditionModel, image_width: int, *, device: torch.device) -> nn.ModuleDict:
    """Put a new adapter into `unet`, where `load_ip_adapter` of diffusers would put it.

    Args:
        unet: The base; gets processors and the projection, its own weights stay.
        image_width: Channels of the image encoder's hidden states.
        device: Where it will be trained; says how attention is computed.

    Returns:
        What is to be learnt: `image_proj`, and `ip_adapter` with one processor for each cross-attention.
    """
    eager = attention_for(device) is AttnProcessor
    width = unet.config["cross_attention_dim"]
    projection = IPAdapterPlusImageProjection(
        image_width, width, WIDTH, heads=WIDTH // HEAD, dim_head=HEAD, num_queries=TOKENS
    )
    for layer in projection.layers:
        cast(Attention, layer.attn).set_processor(attention_for(device)())  # type: ignore[arg-type]  # takes any
    processors = {
        name: _own_processor(unet, name, eager=eager) if name.endswith("attn2.processor") else attention_for(device)()
        for name in unet.attn_processors
    }
    unet.set_attn_processor(dict(processors))  # type: ignore[arg-type]  # takes any
    unet.encoder_hid_proj = MultiIPAdapterImageProjection([projection])
    unet.config.encoder_hid_dim_type = "ip_image_proj"  # type: ignore[attr-defined]  # an attribute, too
    learnt = [each for each in processors.values() if isinstance(each, nn.Module)]
    return nn.ModuleDict({"image_proj": projection, "ip_adapter": nn.ModuleList(learnt)}).to(device)


def _published_name(name: str) -> str:
    """Return what IP-Adapter calls the weight `name` of diffusers' Resampler."""
    parts = name.split(".")
    if parts[0] != "layers":
        return name
    place, rest = ".".join(parts[:2]), ".".join(parts[2:])
    for ours, theirs in (
        ("ln0.", "0.norm1."),
        ("ln1.", "0.norm2."),
        ("attn.to_out.0.", "0.to_out."),
        ("attn.", "0."),
        ("ff.0.", "1.0."),
        ("ff.1.net.0.proj.", "1.1."),
        ("ff.1.net.2.", "1.3."),
    ):
        if rest.startswith(ours):
            return f"{place}.{theirs}{rest.removeprefix(ours)}"
    raise ValueError(f"the Resampler has an unknown weight {name}")


def checkpoint_tensors(adapter: nn.ModuleDict) -> dict[str, Tensor]:
    """Return the adapter under the names of a published IP-Adapter-Plus: the inverse of diffusers' loading.

    Cross-attentions are numbered 1, 3, 5 ... in the order in which diffusers lists them; the even numbers are those of
    self-attentions, which have nothing to load. Keys and values of the Resampler are one matrix.
    """
    state = adapter["image_proj"].state_dict()
    tensors: dict[str, Tensor] = {}
    for name, value in state.items():
        if ".attn.to_v." in name:
            continue
        if ".attn.to_k." in name:
            joined = torch.cat([value, state[name.replace("to_k", "to_v")]])
            tensors[f"image_proj.{_published_name(name.replace('to_k', 'to_kv'))}"] = joined
        else:
            tensors[f"image_proj.{_published_name(name)}"] = value
    for place, processor in enumerate(adapter["ip_adapter"].children()):
        for part in ("to_k_ip", "to_v_ip"):
            tensors[f"ip_adapter.{2 * place + 1}.{part}.weight"] = processor.state_dict()[f"{part}.0.weight"]
    return tensors


def write_checkpoint(adapter: nn.ModuleDict, folder: Path, dtype: torch.dtype = torch.float16) -> Path:
    """Write the adapter into `folder` for `load_ip_adapter(..., subfolder=FOLDER, weight_name=FILE)`."""
    path = folder / FOLDER / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.detach().cpu().to(dtype).contiguous() for name, value in checkpoint_tensors(adapter).items()}
    save_file(tensors, path, metadata={"format": "pt"})
    return path


def read_checkpoint(adapter: nn.ModuleDict, folder: Path) -> None:
    """Load what `write_checkpoint` wrote into `folder`: the inverse of `checkpoint_tensors`."""
    published = load_file(folder / FOLDER / FILE)
    state = {}
    for name in adapter["image_proj"].state_dict():
        is_key, is_value = ".attn.to_k." in name, ".attn.to_v." in name
        if is_key or is_value:
            joined = published["image_proj." + _published_name(name.replace("to_k", "to_kv").replace("to_v", "to_kv"))]
            state[f"image_proj.{name}"] = joined.chunk(2)[int(is_value)]
        else:
            state[f"image_proj.{name}"] = published[f"image_proj.{_published_name(name)}"]
    for place, _ in enumerate(adapter["ip_adapter"].children()):
        for part in ("to_k_ip", "to_v_ip"):
            weight = published[f"ip_adapter.{2 * place + 1}.{part}.weight"]
            state[f"ip_adapter.{place}.{part}.0.weight"] = weight
    adapter.load_state_dict({name: value.float() for name, value in state.items()})


@torch.no_grad()
def image_states(encoder: CLIPVisionModelWithProjection, pixels: Tensor) -> Tensor:
    """Return what the adapter is shown of `pixels` in [-1, 1]: penultimate states, (batch, 1, places, channels)."""
    states: Tensor = encoder(pixel_values=pixels, output_hidden_states=True).hidden_states[-2]
    return states[:, None]


def draw_sheet(base: FrozenBase, pictures: Tensor, path: Path) -> None:
    """Draw a row for each of uint8 `pictures`: the reference, drawn without words, and as a fox on two grounds."""
    pipe = base.pipeline()
    prompts = ["", "a fox on a green background", "a fox on a blue background"]
    rows = []
    for reference in to_unit(pictures).to(base.device):
        drawn = pipe(
            prompts,
            ip_adapter_image=reference[None],
            height=128,
            width=128,
            num_inference_steps=20,
            guidance_scale=4.0,
            generator=[torch.Generator().manual_seed(7) for _ in prompts],
            output_type="pt",
        ).images
        rows.append(torch.cat([reference[None], drawn * 2 - 1]).cpu())
    save_sheet(rows, path)


def main() -> None:
    """Train for a number of minutes, saving and drawing every few."""
    chosen = read_options(__doc__ or "", minutes=40, batch=32, rate=5e-4)
    base, pictures = read_base(chosen.device), read_pictures()
    encoder = base.towers.image_encoder
    adapter = attach_image_prompt(base.unet, encoder.config.hidden_size, device=base.device)
    optimizer = torch.optim.AdamW(adapter.parameters(), lr=chosen.rate, betas=(0.9, 0.99), weight_decay=0.01)
    rng = torch.Generator().manual_seed(0)
    stage = Stage(STAGE, {"adapter": adapter}, optimizer, Schedule.chosen(chosen), {"rng": rng})
    predict = torch.compile(base.unet, dynamic=False) if chosen.compile else base.unet
    watched = pictures[:: max(1, len(pictures) // 6)][:6]
    for _ in stage.steps():
        batch = base.draw(chosen.batch, rng, worded=WORDED, mistold=MISTOLD)
        pixels = to_unit(pictures[batch.index])
        pixels[torch.rand(chosen.batch, generator=rng) < DROPPED] = 0  # as guidance's negative branch in diffusers
        with half_where_quick(base.device):
            added = batch.added | {"image_embeds": [image_states(encoder, pixels.to(base.device))]}
            predicted = predict(batch.x_t, batch.timesteps, batch.states, added_cond_kwargs=added).sample
        stage.learn(batch.loss(predicted), chosen.batch)
        if stage.save_if_due(chosen.save_every):
            stage.record({})
            draw_sheet(base, watched, STAGES / f"{STAGE}-{stage.step:06d}.png")
    stage.record({})
    draw_sheet(base, watched, STAGES / f"{STAGE}-{stage.step:06d}.png")


if __name__ == "__main__":
    main()
