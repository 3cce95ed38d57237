"""What the families that are known call the modules that a LoRA can change, in diffusers and in the original code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from impasto.models.family_facts import FileNames
from impasto.models.find_family import family_names, find_family

NETWORKS = ("unet", "text_encoder", "text_encoder_2")
"""Whose modules occur, as style files call them."""
_CLIP_LAYERS = 32  # of SDXL's second text encoder; the first one has 12

TEXT_PATHS = frozenset(
    [
        *(
            f"text_model.encoder.layers.{layer}.{part}"
            for layer in range(_CLIP_LAYERS)
            for part in (*(f"self_attn.{matrix}_proj" for matrix in ("q", "k", "v", "out")), "mlp.fc1", "mlp.fc2")
        ),
        "text_projection",
    ]
)
"""Paths inside the CLIP text encoders, with the level that files keep (see `adapters.names`)."""


@cache
def file_names() -> Mapping[str, FileNames]:
    """Return what files call the parts of each family; families that state nothing are left out."""
    found = {name: find_family(name).file_names for name in family_names()}
    return {name: names for name, names in found.items() if names is not None}


def ldm_names(family: str | None) -> Mapping[str, str]:
    """Return LDM name by path in the denoiser, for a family that states them."""
    return file_names()[str(family)].original


@cache
def denoiser_paths() -> frozenset[str]:
    """Return the paths of all families."""
    return frozenset(path for names in file_names().values() for path in names.original)


@cache
def path_of_ldm() -> Mapping[str, str]:
    """Return path by LDM name. One table serves all: where families name different modules, paths differ too."""
    return {ldm: path for names in file_names().values() for path, ldm in names.original.items()}


def is_module(name: str) -> bool:
    """Return whether `name`, for example "unet.conv_in", is a module of a known family that a LoRA can change."""
    network, _, path = name.partition(".")
    return network in NETWORKS and path in (denoiser_paths() if network == "unet" else TEXT_PATHS)


def family_of(tensors: Iterable[str]) -> str | None:
    """Return the only family that has all modules of a low-rank file, or None when several or none do."""
    fitting = families_with({name.rpartition(".lora_")[0] for name in tensors})
    return fitting[0] if len(fitting) == 1 else None


def families_with(modules: Iterable[str]) -> list[str]:
    """Return the families that have all of `modules` ("unet.…", "text_encoder.…")."""
    names = list(modules)
    paths = {name.removeprefix("unet.") for name in names if name.startswith("unet.")}
    fitting = [family for family, known in file_names().items() if paths <= known.original.keys()]
    encoders = {network for name in names if (network := name.partition(".")[0]).startswith("text_encoder")}
    return [family for family in fitting if encoders <= find_family(family).parts.tokenizers.keys()]
