"""Where a base comes from: the embedded pocket, a diffusers folder, a single checkpoint file, or a hub name."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from impasto.core.errors import ConfigError, ResourceError
from impasto.core.files import is_file, is_folder
from impasto.core.paths import SAFETENSORS
from impasto.models.checks.single_file import CheckpointHeader, read_checkpoint_header
from impasto.models.find_family import family_of_pipeline, single_files

POCKET = "pocket"
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_FAMILY_OF_POCKET = "sdxl"


@dataclass(frozen=True, slots=True)
class Source:
    """A base that was found.

    Attributes:
        name: The base as the user named it.
        location: Folder, file, or hub name, for diffusers.
        family: Its family's name.
        is_single_file: Whether `location` is one checkpoint file.
        header: What that file says of itself.
    """

    name: str
    location: str
    family: str
    is_single_file: bool
    header: CheckpointHeader | None = None

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
        return Source(name, str(files("impasto") / "pocket" / "model"), _FAMILY_OF_POCKET, is_single_file=False)
    path = Path(name)
    if is_folder(path):
        return Source(name, name, _family_of_folder(path), is_single_file=False)
    if is_file(path):
        header = read_checkpoint_header(path, single_files())
        return Source(name, name, header.family, is_single_file=True, header=header)
    if _HUB_NAME.fullmatch(name) and path.suffix.lower() not in {SAFETENSORS, ".ckpt"}:
        return Source(name, name, _family_on_hub(name), is_single_file=False)
    raise ConfigError(
        f"base {name!r} was not found: use 'pocket', a diffusers folder, a .safetensors checkpoint, "
        "or a hub name such as stabilityai/stable-diffusion-xl-base-1.0"
    )


def _family_of_index(index: Path, where: str) -> str:
    try:
        facts = json.loads(index.read_text("utf-8"))
    except (ValueError, OSError) as error:
        raise ConfigError(f"base {where} is damaged (its model_index.json is not JSON): download it again") from error
    return family_of_pipeline(str(facts.get("_class_name", "")) if isinstance(facts, dict) else "", where)


def _family_of_folder(folder: Path) -> str:
    index = folder / "model_index.json"
    if not index.is_file():
        raise ConfigError(f"base {folder} is no diffusers folder: it has no model_index.json")
    return _family_of_index(index, str(folder))


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
