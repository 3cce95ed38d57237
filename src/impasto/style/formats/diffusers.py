"""diffusers and PEFT: `unet.mid_block.….to_q.lora_A.weight`. What impasto itself writes.

Also read: a doubled `unet.unet.` (the published files of B-LoRA), names without a network (the first LoRA files), and
the attention processors of old (`….attn1.processor.to_out_lora.down.weight`, `….self_attn.to_q_lora.down.weight`).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping

from impasto.adapters.low_rank import DOWN, UP
from impasto.adapters.names import file_name
from impasto.core.errors import StyleFileError
from impasto.style.formats.format import DIFFUSERS_CODE, Format
from impasto.style.formats.vocabulary import NETWORKS, is_module

_ADAPTER_KEY = "lora_adapter_metadata"
_OLD_TEXT_NAMES = {"to_q": "q_proj", "to_k": "k_proj", "to_v": "v_proj", "to_out": "out_proj"}
_PLAIN_PATTERN = re.compile(r"\^?[\w.]+")


def _module_of(stem: str) -> str | None:
    while stem.startswith("unet.unet."):
        stem = stem.removeprefix("unet.")
    network, _, path = stem.replace(".processor.", ".").partition(".")
    if network not in NETWORKS:
        network, path = "unet", stem.replace(".processor.", ".")
    if network == "unet":
        path = path + ".0" if path.endswith(".to_out") else path
    else:
        parent, _, child = path.rpartition(".")
        path = f"{parent}.{_OLD_TEXT_NAMES[child]}" if child in _OLD_TEXT_NAMES else path
    module = file_name(network, path)
    return module if is_module(module) else None


def _stem_of(module: str, _family: str | None) -> str:
    return module


FORMAT = Format(
    module_of=_module_of, stem_of=_stem_of, down=DOWN, up=UP, implementation=DIFFUSERS_CODE, has_alpha=False
)


def adapter_settings(metadata: Mapping[str, str], where: str) -> dict[str, object]:
    """Return the PEFT settings in a header ("unet.lora_alpha", …), or nothing; `where` names the file in messages.

    Raises:
        StyleFileError: The settings are damaged.
    """
    text = metadata.get(_ADAPTER_KEY, "{}")
    try:
        settings = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StyleFileError(f"{where} is damaged ({_ADAPTER_KEY} is not JSON): download it again") from error
    if not isinstance(settings, dict):
        raise StyleFileError(f"{where} is damaged ({_ADAPTER_KEY} is not a table): download it again")
    return settings


def adapter_scale(settings: Mapping[str, object], module: str, rank: int, where: str) -> float:
    """Return α / r of `module` as PEFT computes it (α / √r with rsLoRA); 1 when the header says nothing.

    Raises:
        StyleFileError: α is not a number, or is given by a pattern that is no module's name.
    """
    network, _, path = module.partition(".")
    alpha: object = settings.get(f"{network}.lora_alpha", rank)
    patterns = settings.get(f"{network}.alpha_pattern") or {}
    for pattern, value in patterns.items() if isinstance(patterns, dict) else ():
        if not _PLAIN_PATTERN.fullmatch(pattern):
            raise StyleFileError(
                f"{where} gives α by the pattern {pattern!r}, only names of modules are read: save it again with "
                "diffusers"
            )
        if f".{path}".endswith("." + pattern.removeprefix("^")):
            alpha = value
            break
    if not isinstance(alpha, int | float) or not math.isfinite(alpha):
        raise StyleFileError(f"{where} is damaged (lora_alpha = {alpha!r} of {module}): download it again")
    return alpha / (math.sqrt(rank) if settings.get(f"{network}.use_rslora") else rank)
