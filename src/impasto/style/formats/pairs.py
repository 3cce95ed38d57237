"""Low-rank pairs of any tool to impasto's and back. Here a pair always means W = W0 + scale · B A, without α."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from impasto.adapters.low_rank import DOWN, UP
from impasto.core.errors import ConfigError, StyleFileError
from impasto.style.formats import comfyui, diffusers, kohya, kohya_ldm
from impasto.style.formats.format import Format
from impasto.style.formats.vocabulary import file_names, ldm_names

FORMATS: dict[str, Format] = {
    "diffusers": diffusers.FORMAT,
    "kohya": kohya.FORMAT,
    "kohya-ldm": kohya_ldm.FORMAT,
    "comfyui": comfyui.FORMAT,
}
"""Formats by the name that the user writes."""

_FOREIGN = {
    "down": (".lora_down.weight", ".lora.down.weight", "_lora.down.weight", ".lora_linear_layer.down.weight"),
    "up": (".lora_up.weight", ".lora.up.weight", "_lora.up.weight", ".lora_linear_layer.up.weight"),
    "alpha": (".alpha",),
}
_ENDINGS = {"down": (DOWN, *_FOREIGN["down"]), "up": (UP, *_FOREIGN["up"]), "alpha": _FOREIGN["alpha"]}


_UNKNOWN = "which is not part of a plain LoRA for SD 1.5 or SDXL: ask for one of these"
_OTHERS: tuple[tuple[Callable[[str, Tensor], bool], str], ...] = (
    (
        lambda name, _: name.startswith(("weight.", "optimizer.", "rng.")),
        "part of a training that is not finished: go on with it by --resume --run-dir",
    ),
    (
        lambda name, _: "bundle_emb" in name,
        "a learnt word bundled with a LoRA: bundles are not read; ask for the LoRA without its embeddings",
    ),
    (
        lambda name, _: name.startswith("base_model.model.") or ".default." in name,
        "as PEFT itself saves adapters, whose α is not in the file: save it with save_lora_weights of diffusers",
    ),
    (lambda name, _: "hada_" in name, "part of a LoHa: it is not read; ask for a plain LoRA"),
    (lambda name, _: "lokr_" in name, "part of a LoKr: it is not read; ask for a plain LoRA"),
    (
        lambda name, _: "dora_scale" in name or "lora_magnitude_vector" in name,
        "part of a DoRA: it is not read; ask for a plain LoRA",
    ),
    (
        lambda name, _: name.startswith(("transformer.", "lora_transformer", "double_blocks", "single_blocks")),
        "part of a LoRA for a model with a transformer: ask for one for SD 1.5 or SDXL",
    ),
    (
        lambda name, _: name.startswith(("model.diffusion_model.", "first_stage_model.", "conditioner.")),
        "part of a whole checkpoint: give it as --base",
    ),
)
"""What else people give as a style: how its tensors are called, and what to do."""


def is_foreign(name: str) -> bool:
    """Return whether a tensor's name ends as only other tools' names do."""
    return any(name.endswith(endings) for endings in _FOREIGN.values())


def read_pairs(tensors: Mapping[str, Tensor], metadata: Mapping[str, str], where: str) -> dict[str, Tensor]:
    """Return A and B under impasto's names, α / r folded in.

    Args:
        tensors: As they stand in a file, in any spelling: A (r, in) or (r, in, height, width), B (out, r) or
            (out, r, 1, 1), α a scalar. Spellings may be mixed as long as no pair comes twice.
        metadata: The file's header, which may hold α too.
        where: What messages call the file, e.g. "style file fox.safetensors".

    Raises:
        StyleFileError: A tensor is not part of a plain LoRA for SD 1.5 or SDXL, or a pair is incomplete.
    """
    settings = diffusers.adapter_settings(metadata, where)
    pairs: dict[str, Tensor] = {}
    for module, parts in _by_module(tensors, where).items():
        down, up = _matrices(module, parts, where)
        if "alpha" in parts:
            scale = _number(module, parts["alpha"], where) / down.shape[0]
        else:
            scale = diffusers.adapter_scale(settings, module, down.shape[0], where)
        pairs[module + DOWN], pairs[module + UP] = folded(down, up, scale)
    return pairs


def write_pairs(tensors: Mapping[str, Tensor], name: str, family: str | None) -> dict[str, Tensor]:
    """Return the pairs under the names of format `name`, with α = r beside each where the format has one.

    Args:
        tensors: A and B under impasto's names.
        name: A key of `FORMATS`.
        family: Family of the base, or None when nothing tells it.

    Raises:
        ConfigError: The format counts the blocks of certain families, and this file's is none of them.
    """
    form = FORMATS[name]
    modules = [key.removesuffix(DOWN) for key in tensors if key.endswith(DOWN)]
    if form.counts_blocks:
        _refuse_uncounted(modules, name, family)
    written: dict[str, Tensor] = {}
    for module in modules:
        stem, down = form.stem_of(module, family), tensors[module + DOWN]
        written |= {stem + form.down: down, stem + form.up: tensors[module + UP]}
        if form.has_alpha:
            # Always float32: half precision cannot hold every rank.
            written[stem + ".alpha"] = torch.tensor(float(down.shape[0]))
    return written


def folded(down: Tensor, up: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Return (A, B) whose product is `scale` times that of `down` and `up`; as they are when the scale is 1.

    Both take a share, in float32, so that neither underflows when it is stored in half precision. A's share is a power
    of two: nothing is rounded there, nor anywhere when the scale is one.
    """
    if scale == 1:
        return down, up
    share = 2.0 ** (math.frexp(scale)[1] // 2)
    return down.float() * share, up.float() * (scale / share)


def what_else(name: str, tensor: Tensor) -> str:
    """Return what a tensor that is no part of a plain LoRA seems to be part of, and the way out."""
    return next((said for is_it, said in _OTHERS if is_it(name, tensor)), _UNKNOWN)


def _by_module(tensors: Mapping[str, Tensor], where: str) -> dict[str, dict[str, Tensor]]:
    found: dict[str, dict[str, Tensor]] = {}
    for name in sorted(tensors):
        place = _place(name)
        if place is None:
            raise StyleFileError(f"{where} holds {name!r}, {what_else(name, tensors[name])}")
        module, part = place
        if part in found.setdefault(module, {}):
            raise StyleFileError(f"{where} holds {module} twice, the second time as {name!r}: keep one spelling")
        found[module][part] = tensors[name]
    return found


def _place(name: str) -> tuple[str, str] | None:
    """Return the module and the part ("down", "up" or "alpha") that a tensor's name means."""
    for part, endings in _ENDINGS.items():
        for ending in endings:
            if name.endswith(ending):
                stem = name.removesuffix(ending)
                modules = (form.module_of(stem) for form in FORMATS.values())
                module = next((module for module in modules if module is not None), None)
                return None if module is None else (module, part)
    return None


def _matrices(module: str, parts: Mapping[str, Tensor], where: str) -> tuple[Tensor, Tensor]:
    down, up = parts.get("down"), parts.get("up")
    if down is None or up is None:
        missing = "A (lora_down)" if down is None else "B (lora_up)"
        raise StyleFileError(f"{where} is damaged ({module} has no {missing}): download it again")
    fits = down.ndim in {2, 4} and up.ndim == down.ndim and up.shape[1] == down.shape[0] > 0
    if not fits or up.shape[2:].numel() != 1:
        shapes = f"A {tuple(down.shape)}, B {tuple(up.shape)}"
        raise StyleFileError(f"{where} is damaged ({module}: {shapes} do not fit): download it again")
    return down, up


def _number(module: str, alpha: Tensor, where: str) -> float:
    if alpha.numel() != 1 or not math.isfinite(float(alpha)):
        raise StyleFileError(f"{where} is damaged (alpha of {module} is not a number): download it again")
    return float(alpha)


def _refuse_uncounted(modules: list[str], name: str, family: str | None) -> None:
    allowed = [each for each, names in file_names().items() if name in names.counted_by]
    if family not in allowed:
        which = f"the file is of family {family}" if family else "the file's names do not tell its family"
        raise ConfigError(f"--format {name} is for {' and '.join(allowed)}, {which}: use --format kohya")
    known = ldm_names(family)
    odd = [each for each in modules if each.startswith("unet.") and each.removeprefix("unet.") not in known]
    if odd:
        raise ConfigError(f"--format {name} has no name for {odd[0]}, which {family} lacks: use --format kohya")
