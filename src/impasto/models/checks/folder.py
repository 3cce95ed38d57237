"""Before a diffusers folder is loaded: whether all its parts are there, readable, and what they claim to be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TypeAlias, cast

import diffusers
import transformers

from impasto.core.errors import ConfigError, ResourceError, UnsafeFile
from impasto.models.checks.settings import check_settings
from impasto.models.family_facts import FolderParts

CheckScheduler: TypeAlias = Callable[[dict[str, object], str], None]
"""Maps the settings of a scheduler and the base's name to nothing, or raises `ConfigError`."""
_PICKLES = ("*.bin", "*.ckpt", "*.pt", "*.msgpack")


def check_folder(folder: Path, parts: FolderParts, check_scheduler: CheckScheduler, name: str) -> dict[str, str | None]:
    """Return the variant of each network's weights that is to be loaded, such as "fp16", or None for the plain ones.

    Args:
        folder: Holds `model_index.json`, which was read before.
        parts: What the family has.
        check_scheduler: Of the family.
        name: What messages call the base.

    Raises:
        ResourceError: A file is missing or damaged.
        ConfigError: A part is of another kind than the family's.
        UnsafeFile: Weights are there only in a form that can run code.
    """
    index = read_json(folder / "model_index.json", name)
    for part, kind in parts.networks.items():
        _check_class(index, part, kind, name)
        config = read_json(folder / part / "config.json", name)
        if library_of(kind) is diffusers:
            check_settings(getattr(diffusers, kind), config, part, name)
    for part in parts.tokenizers.values():
        _check_tokenizer(folder / part, name)
    levels = read_json(folder / "scheduler" / "scheduler_config.json", name)
    scheduler = getattr(diffusers, str(levels.get("_class_name")), None)
    if isinstance(scheduler, type):
        check_settings(scheduler, levels, "scheduler", name)
    check_scheduler(levels, name)
    return {part: _variant(folder / part, name) for part in parts.networks}


def library_of(kind: str) -> ModuleType:
    """Return the library that has a network's class: diffusers or transformers."""
    found: ModuleType = diffusers if hasattr(diffusers, kind) else transformers
    return found


def read_json(path: Path, name: str) -> dict[str, object]:
    """Return the object in a JSON file.

    Raises:
        ResourceError: It is missing, unreadable, no JSON, or no object.
    """
    where = f"base {name}: {path.parent.name}/{path.name}"
    try:
        value: object = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ResourceError(f"{where} is missing: download the base again, whole") from error
    except ValueError as error:
        raise ResourceError(f"{where} is damaged (it is not JSON): download it again") from error
    if not isinstance(value, dict):
        raise ResourceError(f"{where} is damaged (it holds no settings): download it again")
    return cast("dict[str, object]", value)


def _check_class(index: dict[str, object], part: str, kind: str, name: str) -> None:
    stated = index.get(part)
    if not isinstance(stated, list) or len(stated) != 2 or stated[1] is None:
        raise ConfigError(f"base {name} has no {part} (model_index.json): take one that is whole")
    if stated[1] != kind:
        raise ConfigError(f"base {name} has a {stated[1]} as {part}: supported is {kind}")


def _check_tokenizer(folder: Path, name: str) -> None:
    is_whole = (folder / "tokenizer.json").is_file()
    is_plain = (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file()
    if not is_whole and not is_plain:
        raise ResourceError(
            f"base {name}: {folder.name}/ has neither tokenizer.json nor vocab.json with merges.txt: download the base "
            "again, whole"
        )
    for each in ("tokenizer.json", "vocab.json", "tokenizer_config.json"):
        if (folder / each).is_file():
            read_json(folder / each, name)


def _variant(folder: Path, name: str) -> str | None:
    """Return the variant in which the weights of a part have to be loaded; None where plain ones are there."""
    found = sorted(path.name for path in folder.glob("*.safetensors"))
    if not found:
        pickles = [path.name for pattern in _PICKLES for path in sorted(folder.glob(pattern))]
        if pickles:
            raise UnsafeFile(
                f"base {name}: {folder.name}/ holds only {pickles[0]}, a pickle, which can run code: download the "
                ".safetensors, or convert it first"
            )
        raise ResourceError(f"base {name}: {folder.name}/ holds no weights: download the base again, whole")
    for stem in ("diffusion_pytorch_model", "model"):
        plain = [file for file in found if file == f"{stem}.safetensors" or file.startswith(f"{stem}-00")]
        if plain:
            return None
    variants = sorted({file.split(".")[1].split("-")[0] for file in found if file.count(".") == 2})
    if not variants:
        raise ResourceError(f"base {name}: {folder.name}/{found[0]} is not named as weights are: download it again")
    return "fp16" if "fp16" in variants else variants[0]
