"""kohya and A1111: `lora_unet_mid_block_…_to_q.lora_down.weight` with `.alpha`; blocks named as in diffusers."""

from __future__ import annotations

from functools import cache

from impasto.models.find_family import find_family
from impasto.style.formats.format import DIFFUSERS_CODE, Dropped, Format
from impasto.style.formats.vocabulary import TEXT_PATHS, denoiser_paths

UNET = "lora_unet_"
_TEXT = {"lora_te_": "text_encoder", "lora_te1_": "text_encoder", "lora_te2_": "text_encoder_2"}
_TEXT_PATHS = {path.replace(".", "_"): path for path in TEXT_PATHS}

_DROPPED = frozenset(
    {
        "unet.up_blocks.0.upsamplers.0.conv",
        "unet.add_embedding.linear_1",
        "unet.add_embedding.linear_2",
        "text_encoder_2.text_projection",
    }
)
"""What A1111's own mapping of this spelling leaves out: extracts of full styles have it, for it is no attention."""


_DROPPED_BY_DIFFUSERS = frozenset({"unet.add_embedding.linear_1", "unet.add_embedding.linear_2"})
"""What diffusers' own mapping calls by names that no model has."""


@cache
def _paths() -> dict[str, str]:
    return {path.replace(".", "_"): path for path in denoiser_paths()}


def text_module_of(stem: str) -> str | None:
    """Return the text encoder's module that a stem names, or None."""
    for prefix, network in _TEXT.items():
        path = _TEXT_PATHS.get(stem.removeprefix(prefix)) if stem.startswith(prefix) else None
        if path is not None:
            return f"{network}.{path}"
    return None


def text_stem_of(module: str, family: str | None) -> str:
    """Return the stem of a text encoder's module: numbered where there are two."""
    network, _, path = module.partition(".")
    has_two = family is not None and len(find_family(family).parts.tokenizers) > 1
    first = "lora_te1_" if has_two else "lora_te_"
    return {"text_encoder": first, "text_encoder_2": "lora_te2_"}[network] + path.replace(".", "_")


def _module_of(stem: str) -> str | None:
    path = _paths().get(stem.removeprefix(UNET)) if stem.startswith(UNET) else None
    return f"unet.{path}" if path is not None else text_module_of(stem)


def _stem_of(module: str, family: str | None) -> str:
    if not module.startswith("unet."):
        return text_stem_of(module, family)
    return UNET + module.removeprefix("unet.").replace(".", "_")


FORMAT = Format(
    module_of=_module_of,
    stem_of=_stem_of,
    down=".lora_down.weight",
    up=".lora_up.weight",
    implementation=DIFFUSERS_CODE,
    has_training_fields=True,
    dropped=(
        Dropped("A1111", "sdxl", _DROPPED, "kohya-ldm"),
        Dropped("diffusers", "sdxl", _DROPPED_BY_DIFFUSERS, "diffusers"),
    ),
)
