"""Before a diffusers folder is loaded: whether all its parts are there, readable, and what they claim to be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import diffusers

from impasto.core.errors import ConfigError, ResourceError, UnsafeFile
from impasto.models.checks.settings import check_settings

NETWORKS = {
    "sd15": ("unet", "vae", "text_encoder"),
    "sdxl": ("unet", "vae", "text_encoder", "text_encoder_2"),
}
TOKENIZERS = {"sd15": ("tokenizer",), "sdxl": ("tokenizer", "tokenizer_2")}
_CLASSES = {
    "unet": "UNet2DConditionModel",
    "vae": "AutoencoderKL",
    "text_encoder": "CLIPTextModel",
    "text_encoder_2": "CLIPTextModelWithProjection",
}
_OF_DIFFUSERS = ("unet", "vae")
_MOST_TIMESTEPS = 10_000
_PICKLES = ("*.bin", "*.ckpt", "*.pt", "*.msgpack")


def check_folder(folder: Path, family: str, name: str) -> dict[str, str | None]:
    """Return the variant of each network's weights that is to be loaded, such as "fp16", or None for the plain ones.

    Args:
        folder: Holds `model_index.json`, which was read before.
        family: "sd15" or "sdxl".
        name: What messages call the base.

    Raises:
        ResourceError: A file is missing or damaged.
        ConfigError: A part is of another kind than the family's.
        UnsafeFile: Weights are there only in a form that can run code.
    """
    index = read_json(folder / "model_index.json", name)
    for part in NETWORKS[family]:
        _check_class(index, part, name)
        config = read_json(folder / part / "config.json", name)
        if part in _OF_DIFFUSERS:
            check_settings(getattr(diffusers, _CLASSES[part]), config, part, name)
    for part in TOKENIZERS[family]:
        _check_tokenizer(folder / part, name)
    levels = read_json(folder / "scheduler" / "scheduler_config.json", name)
    check_scheduler_class(levels, name)
    check_settings(getattr(diffusers, str(levels["_class_name"])), levels, "scheduler", name)
    check_levels(levels, name)
    return {part: _variant(folder / part, name) for part in NETWORKS[family]}


def network_class(part: str) -> str:
    """Return the class that a part has in all families."""
    return _CLASSES[part]


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


def _check_class(index: dict[str, object], part: str, name: str) -> None:
    stated = index.get(part)
    if not isinstance(stated, list) or len(stated) != 2 or stated[1] is None:
        raise ConfigError(f"base {name} has no {part} (model_index.json): take one that is whole")
    if stated[1] != _CLASSES[part]:
        raise ConfigError(f"base {name} has a {stated[1]} as {part}: supported is {_CLASSES[part]}")


def check_scheduler_class(config: dict[str, object], name: str) -> None:
    """Raise `ConfigError` unless a scheduler's settings are of a class whose noise levels are understood."""
    kind = str(config.get("_class_name", "missing _class_name"))
    if "Flow" in kind or config.get("use_flow_sigmas") is True or "flow" in str(config.get("prediction_type", "")):
        raise ConfigError(
            f"base {name} was trained by flow matching ({kind}): no family supports that yet; use a base with "
            "discrete noise levels, such as SD 1.5 or SDXL"
        )
    if "EDM" in kind or "sigma_data" in config:
        raise ConfigError(
            f"base {name} was trained with EDM preconditioning ({kind}): no family supports that yet; use a base with "
            "discrete noise levels, such as SD 1.5 or SDXL"
        )
    if not isinstance(getattr(diffusers, kind, None), type):
        raise ConfigError(f"base {name}: scheduler {kind} is unknown to diffusers {diffusers.__version__}")


def check_levels(config: dict[str, object], name: str) -> None:
    """Raise `ConfigError` unless a scheduler's settings say which noise levels the base was trained on."""
    count = config.get("num_train_timesteps", 1000)
    if not isinstance(count, int) or not 1 <= count <= _MOST_TIMESTEPS:
        raise ConfigError(f"base {name}: scheduler says num_train_timesteps = {count}: needs 1 to {_MOST_TIMESTEPS}")
    if config.get("trained_betas") is not None:
        return
    for key in ("beta_start", "beta_end", "beta_schedule"):
        if key not in config:
            raise ConfigError(
                f"base {name} does not say its noise levels: scheduler/scheduler_config.json has no {key}; take it "
                "from the base's page"
            )
    first, last = config["beta_start"], config["beta_end"]
    numbers = [each for each in (first, last) if isinstance(each, (int, float))]
    if len(numbers) < 2 or not 0 < numbers[0] <= numbers[1] < 1:
        raise ConfigError(
            f"base {name}: scheduler says beta_start = {first}, beta_end = {last}: needs 0 < beta_start <= beta_end < 1"
        )


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
