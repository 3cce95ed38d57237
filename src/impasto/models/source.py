"""Where a base comes from: the embedded pocket, a diffusers folder, a single checkpoint file, or a hub name."""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from impasto.core.errors import ConfigError, ResourceError, UnsafeFile
from impasto.core.files import is_file, is_folder
from impasto.core.paths import SAFETENSORS, is_safetensors

POCKET = "pocket"
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_FAMILY_OF_PIPELINE = {"StableDiffusionPipeline": "sd15", "StableDiffusionXLPipeline": "sdxl"}
_MAX_HEADER = 100_000_000


@dataclass(frozen=True, slots=True)
class Source:
    """A base that was found.

    Attributes:
        name: As the user wrote it.
        location: Folder, file, or hub name, for diffusers.
        family: "sd15" or "sdxl".
        is_single_file: Whether `location` is one checkpoint file.
    """

    name: str
    location: str
    family: str
    is_single_file: bool

    @property
    def recipe(self) -> str:
        """Which measured settings fit."""
        return POCKET if self.name == POCKET else self.family


def find_base(name: str) -> Source:
    """Return where base `name` is and which family it belongs to, without loading its weights.

    Raises:
        ConfigError: There is no such base, or its family is not supported.
        UnsafeFile: The checkpoint is a pickle.
        ResourceError: A hub name could not be looked up.
    """
    if name == POCKET:
        return Source(name, str(files("impasto") / "pocket" / "model"), "sdxl", is_single_file=False)
    path = Path(name)
    if is_folder(path):
        return Source(name, name, _family_of_folder(path), is_single_file=False)
    if is_file(path):
        return Source(name, name, _family_of_checkpoint(path), is_single_file=True)
    if _HUB_NAME.fullmatch(name) and path.suffix.lower() not in {SAFETENSORS, ".ckpt"}:
        return Source(name, name, _family_on_hub(name), is_single_file=False)
    raise ConfigError(
        f"base {name!r} was not found: use 'pocket', a diffusers folder, a .safetensors checkpoint, "
        "or a hub name such as stabilityai/stable-diffusion-xl-base-1.0"
    )


def _family_of_index(index: Path, where: str) -> str:
    try:
        facts = json.loads(index.read_text("utf-8"))
    except ValueError as error:
        raise ConfigError(f"base {where} is damaged (its model_index.json is not JSON): download it again") from error
    return family_of_pipeline(str(facts.get("_class_name", "")) if isinstance(facts, dict) else "", where)


def family_of_pipeline(pipeline: str, where: str) -> str:
    """Return the family that a pipeline's class belongs to.

    Args:
        pipeline: Name of the class.
        where: What the base is called in messages.

    Raises:
        ConfigError: Its class is not supported.
    """
    if pipeline not in _FAMILY_OF_PIPELINE:
        supported = ", ".join(_FAMILY_OF_PIPELINE)
        raise ConfigError(f"base {where} is a {pipeline or 'model without _class_name'}: supported are {supported}")
    return _FAMILY_OF_PIPELINE[pipeline]


def _family_of_folder(folder: Path) -> str:
    index = folder / "model_index.json"
    if not index.is_file():
        raise ConfigError(f"base {folder} is no diffusers folder: it has no model_index.json")
    return _family_of_index(index, str(folder))


def _family_of_checkpoint(path: Path) -> str:
    if not is_safetensors(path):
        raise UnsafeFile(f"base {path} may be a pickle, which can run code: convert it to .safetensors first")
    with path.open("rb") as stream:
        head = stream.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else _MAX_HEADER
        if length >= _MAX_HEADER:
            raise UnsafeFile(f"base {path} is not a safetensors file: its header is damaged")
        header = stream.read(length)
    if b'"conditioner.embedders.' in header:
        return "sdxl"
    if b'"cond_stage_model.' in header:
        return "sd15"
    raise ConfigError(
        f"base {path} is neither an SD 1.5 nor an SDXL checkpoint: it has no text encoder of these families"
    )


def _family_on_hub(name: str) -> str:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    try:
        index = hf_hub_download(name, "model_index.json")
    except (HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, OSError) as error:
        raise ResourceError(
            f"base {name} could not be fetched from the hub ({type(error).__name__}): check the name and the network, "
            "or give a local folder or checkpoint"
        ) from error
    return _family_of_index(Path(index), name)
