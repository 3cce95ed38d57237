"""sd-scripts' own names for SDXL: `lora_unet_output_blocks_0_1_…_to_q.lora_down.weight` with `.alpha`."""

from __future__ import annotations

from functools import cache

from impasto.style.formats.format import LDM_CODE, Format
from impasto.style.formats.kohya import UNET, text_module_of, text_stem_of
from impasto.style.formats.vocabulary import ldm_names, path_of_ldm


@cache
def _paths() -> dict[str, str]:
    return {ldm.replace(".", "_"): path for ldm, path in path_of_ldm().items()}


def _module_of(stem: str) -> str | None:
    path = _paths().get(stem.removeprefix(UNET)) if stem.startswith(UNET) else None
    return f"unet.{path}" if path is not None else text_module_of(stem)


def _stem_of(module: str, family: str | None) -> str:
    if not module.startswith("unet."):
        return text_stem_of(module, family)
    return UNET + ldm_names(family)[module.removeprefix("unet.")].replace(".", "_")


FORMAT = Format(
    module_of=_module_of,
    stem_of=_stem_of,
    down=".lora_down.weight",
    up=".lora_up.weight",
    implementation=LDM_CODE,
    counts_blocks=True,  # of SDXL alone: sd-scripts names SD 1.5's blocks as diffusers does: that is `kohya`
    has_training_fields=True,
)
