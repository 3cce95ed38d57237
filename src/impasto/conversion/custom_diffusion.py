"""Write a Custom Diffusion style as stock diffusers reads it: whole keys and values, and one file for each new word."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from impasto.adapters.new_tokens import TOKEN
from impasto.adapters.patch import weight_changes
from impasto.core.errors import ConfigError, StyleFileError
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import open_base
from impasto.style.attach import verify
from impasto.style.embeddings import to_stock
from impasto.style.file import Style, load_style, save_tensors
from impasto.style.formats.custom_diffusion import processor_name

WEIGHTS = "pytorch_custom_diffusion_weights.safetensors"
"""What diffusers calls the file."""
_CHANGED = re.compile(r"\w+\..+\.attn2\.to_[kv]\.weight")


def export_custom(source: Path, folder: Path, base_name: str) -> dict[Path, int]:
    """Fill `folder`; returns what was written, with the number of attention layers or rows in each file.

    The denoiser reads the weights with `load_attn_procs(folder, weight_name=..., _pipeline=pipe)`: without the last,
    diffusers 0.42 reads the file and changes nothing. The words are read with `load_textual_inversion`.

    Raises:
        ConfigError: The folder exists already.
        StyleFileError: The style changes more than keys and values of cross-attention.
        BaseMismatch: It was trained for another base.
    """
    if folder.exists():
        raise ConfigError(f"OUT {folder} exists already: --format custom-diffusion makes a folder, choose another name")
    style = load_style(source)
    changes = weight_changes(style.tensors)
    other = [name for name in changes if not _CHANGED.fullmatch(name)]
    if other or not changes:
        what = f"changes {other[0]}" if other else "changes no weights"
        raise StyleFileError(
            f"style file {source} {what}: --format custom-diffusion is for styles of train custom-diffusion"
        )
    base = open_base(base_name, device="cpu", precision="fp32")
    verify(base, style, str(source))
    weights = _processors(base, changes)
    save_tensors(folder / WEIGHTS, weights, {})
    written = {folder / WEIGHTS: sum(name.endswith("to_k_custom_diffusion.weight") for name in weights)}
    for word in style.card.new_tokens:
        letters = re.sub(r"[^\w-]", "", word) or "word"
        path = folder / f"{letters}.safetensors"
        if path in written:
            path = folder / f"{letters}-{len(written)}.safetensors"
        rows = to_stock(_rows(style, word), word)
        save_tensors(path, rows, {})
        written[path] = len(next(iter(rows.values())))
    return written


def _processors(base: LatentDiffusion, changes: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return W0 + ΔW under the names of attention processors; a tensor of nothing stands for one that is unchanged."""
    tensors = {}
    names: Mapping[str, object] = base.denoiser.attn_processors
    for name in names:
        layer = name.removesuffix(".processor")
        if not layer.endswith("attn2"):
            tensors[name] = torch.empty(0)
            continue
        module: nn.Module = base.denoiser.get_submodule(layer)
        for part in ("to_k", "to_v"):
            weight = module.get_parameter(f"{part}.weight").detach().float()
            change = changes.get(f"{base.denoiser_name}.{layer}.{part}.weight", torch.zeros_like(weight))
            tensors[processor_name(layer, part)] = weight + change
    return tensors


def _rows(style: Style, word: str) -> dict[str, Tensor]:
    return {
        name: tensor for name, tensor in style.tensors.items() if name.startswith(TOKEN) and name.endswith(f".{word}")
    }
