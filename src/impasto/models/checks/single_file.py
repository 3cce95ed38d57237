"""What the header of a checkpoint file says, before its weights are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from impasto.core.errors import ConfigError, UnsafeFile
from impasto.core.paths import is_safetensors
from impasto.models.family_facts import SingleFile


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
    shapes = _shapes(path)
    fitting = [name for name, file in families.items() if any(each.startswith(file.marker) for each in shapes)]
    if len(fitting) != 1:
        raise ConfigError(
            f"base {path} is a checkpoint of no family that is known ({', '.join(families)}): it has no text encoder "
            "of theirs"
        )
    family, wanted = fitting[0], families[fitting[0]].channels
    channels = _channels(shapes, families[family].first_layer, path)
    if channels != wanted:
        raise ConfigError(
            f"base {path} takes {channels} channels instead of {wanted}: it is an inpainting model or one that is "
            "shown a picture; use a text-to-image base"
        )
    return CheckpointHeader(family, "v_pred" in shapes, "ztsnr" in shapes, channels)


def _channels(shapes: Mapping[str, Sequence[int]], first_layer: str, path: Path) -> int:
    shape = shapes.get(first_layer, ())
    if len(shape) != 4:
        raise ConfigError(f"base {path} has no denoiser: it is not a whole checkpoint")
    return shape[1]


def _shapes(path: Path) -> dict[str, Sequence[int]]:
    """Return the shapes of all tensors by name."""
    try:
        with safe_open(path, framework="pt") as opened:
            return {name: opened.get_slice(name).get_shape() for name in opened.keys()}  # noqa: SIM118 - not a mapping
    except SafetensorError as error:
        raise UnsafeFile(f"base {path} is not a safetensors file: its header is damaged ({error})") from error
