"""ComfyUI's generic names: `diffusion_model.output_blocks.0.1.….to_q.lora_down.weight` with `.alpha`.

They are those of ComfyUI's own models, so that nothing is translated on loading; LDM blocks, text encoders by size.
"""

from __future__ import annotations

from impasto.style.formats.format import LDM_CODE, Format
from impasto.style.formats.vocabulary import TEXT_PATHS, ldm_names, path_of_ldm

_UNET = "diffusion_model."
_TEXT = {
    "text_encoder": "text_encoders.clip_l.transformer.",
    "text_encoder_2": "text_encoders.clip_g.transformer.",
}


def _module_of(stem: str) -> str | None:
    if stem.startswith(_UNET):
        path = path_of_ldm().get(stem.removeprefix(_UNET))
        return None if path is None else f"unet.{path}"
    for network, prefix in _TEXT.items():
        if stem.startswith(prefix) and stem.removeprefix(prefix) in TEXT_PATHS:
            return f"{network}.{stem.removeprefix(prefix)}"
    return None


def _stem_of(module: str, family: str | None) -> str:
    network, _, path = module.partition(".")
    return _UNET + ldm_names(family)[path] if network == "unet" else _TEXT[network] + path


FORMAT = Format(
    module_of=_module_of,
    stem_of=_stem_of,
    down=".lora_down.weight",
    up=".lora_up.weight",
    implementation=LDM_CODE,
    counts_blocks=True,
)
