"""What the header of a checkpoint file says, before its weights are read."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from impasto.core.errors import ConfigError, UnsafeFile
from impasto.core.paths import is_safetensors
from impasto.models.family_facts import SingleFile

_MAX_HEADER = 100_000_000


@dataclass(frozen=True, slots=True)
class CheckpointHeader:
    """What a checkpoint file says of itself.

    Attributes:
        family: Whose tensors it has.
        predicts_v: Whether it has the key `v_pred`, as trainers mark such files.
        has_zero_snr: Whether it has the key `ztsnr`.
        in_channels: Channels that its denoiser reads.
    """

    family: str
    predicts_v: bool
    has_zero_snr: bool
    in_channels: int


def read_checkpoint_header(path: Path, families: Mapping[str, SingleFile]) -> CheckpointHeader:
    """Return what the header of a checkpoint says.

    Args:
        path: The file.
        families: How a file of each family is known.

    Raises:
        UnsafeFile: It is no safetensors file.
        ConfigError: It is of no family that is supported, or for another task.
    """
    if not is_safetensors(path):
        raise UnsafeFile(f"base {path} may be a pickle, which can run code: convert it to .safetensors first")
    names = _names(path)
    fitting = [name for name, file in families.items() if any(each.startswith(file.marker) for each in names)]
    if len(fitting) != 1:
        raise ConfigError(
            f"base {path} is a checkpoint of no family that is known ({', '.join(families)}): it has no text encoder "
            "of theirs"
        )
    family, wanted = fitting[0], families[fitting[0]].channels
    channels = _channels(names, families[family].first_layer, path)
    if channels != wanted:
        raise ConfigError(
            f"base {path} takes {channels} channels instead of {wanted}: it is an inpainting model or one that is "
            "shown a picture; use a text-to-image base"
        )
    return CheckpointHeader(family, "v_pred" in names, "ztsnr" in names, channels)


def _channels(names: dict[str, object], first_layer: str, path: Path) -> int:
    layer = names.get(first_layer)
    shape = layer.get("shape") if isinstance(layer, dict) else None
    if not isinstance(shape, list) or len(shape) != 4 or not isinstance(shape[1], int):
        raise ConfigError(f"base {path} has no denoiser: it is not a whole checkpoint")
    return shape[1]


def _names(path: Path) -> dict[str, object]:
    with path.open("rb") as stream:
        head = stream.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else _MAX_HEADER
        if length >= _MAX_HEADER:
            raise UnsafeFile(f"base {path} is not a safetensors file: its header is damaged")
        header = stream.read(length)
    try:
        names: object = json.loads(header)
    except ValueError as error:
        raise UnsafeFile(f"base {path} is not a safetensors file: its header is damaged") from error
    if not isinstance(names, dict):
        raise UnsafeFile(f"base {path} is not a safetensors file: its header is damaged")
    return cast("dict[str, object]", names)
