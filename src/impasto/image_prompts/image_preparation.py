"""From pictures to what an image encoder reads, as its feature extractor says: resize, cut, normalise.

The numbers are those of `CLIPImageProcessor` of transformers; Pillow resizes there as well as here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from impasto.core.errors import ConfigError

_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
_STEPS = ("do_resize", "do_center_crop", "do_rescale", "do_normalize")


@dataclass(frozen=True, slots=True)
class Preparation:
    """How pictures are prepared.

    Attributes:
        resize: Pixels of a square's side after resizing.
        crop: Pixels of the side of the middle part that is kept; `resize` in all published encoders.
        mean: Of the training pictures, RGB in [0, 1].
        std: Their standard deviation.
        resample: Pillow's number of the filter; 3 is bicubic.
        rescale: What 8-bit values are multiplied with.
    """

    resize: int
    crop: int
    mean: tuple[float, ...] = _CLIP_MEAN
    std: tuple[float, ...] = _CLIP_STD
    resample: int = 3
    rescale: float = 1 / 255

    def pixels(self, pictures: Sequence[Image.Image]) -> Float[Tensor, "pictures 3 side side"]:
        """Return square RGB pictures as the encoder's input."""
        return torch.stack([self._one(picture) for picture in pictures])

    def _one(self, picture: Image.Image) -> Float[Tensor, "3 side side"]:
        resized = picture.convert("RGB").resize((self.resize, self.resize), Image.Resampling(self.resample))
        first = (self.resize - self.crop) // 2
        cut = resized.crop((first, first, first + self.crop, first + self.crop))
        values = torch.from_numpy(np.array(cut, dtype=np.float32)).permute(2, 0, 1) * self.rescale
        mean, std = (torch.tensor(each).view(3, 1, 1) for each in (self.mean, self.std))
        return (values - mean) / std


def preparation_of(settings: Mapping[str, object], side: int, where: str) -> Preparation:
    """Return the preparation that a feature extractor's settings ask for.

    Args:
        settings: As in `preprocessor_config.json`; what is not said there is as for CLIP.
        side: Of the pictures that the encoder was made for, in pixels.
        where: What messages call the settings.

    Raises:
        ConfigError: They cannot be followed, or do not give pictures of that size.
    """
    for step in _STEPS:
        if settings.get(step, True) is not True:
            raise ConfigError(f"{where} says {step} = {settings[step]}: only true is supported; correct the file")
    resize = _side(settings.get("size", side), "size", where)
    crop = _side(settings.get("crop_size", side), "crop_size", where)
    if crop != side or resize < crop:
        raise ConfigError(
            f"{where} makes pictures of {crop} pixels out of {resize}, the encoder was made for {side}: take the "
            "feature extractor that belongs to it"
        )
    mean, std = (
        _three(settings.get(name, usual), name, where)
        for name, usual in (("image_mean", _CLIP_MEAN), ("image_std", _CLIP_STD))
    )
    resample, rescale = settings.get("resample", 3), settings.get("rescale_factor", 1 / 255)
    if not isinstance(resample, int) or not isinstance(rescale, float):
        raise ConfigError(f"{where} has a resample or rescale_factor that is no number: correct the file")
    return Preparation(resize, crop, mean, std, int(resample), rescale)


def _side(value: object, name: str, where: str) -> int:
    """Return a side from a number, {"shortest_edge": n} or {"height": n, "width": n}."""
    sides = {value} if isinstance(value, int) else set()
    if isinstance(value, Mapping):
        sides = {side for side in value.values() if side is not None}
    if len(sides) != 1 or not isinstance(side := sides.pop(), int) or side < 1:
        raise ConfigError(f"{where} has {name} = {value}: needs one number of pixels for a square; correct the file")
    return side


def _three(value: object, name: str, where: str) -> tuple[float, ...]:
    numbers = tuple(value) if isinstance(value, (list, tuple)) else ()
    if len(numbers) != 3 or not all(isinstance(each, (int, float)) and math.isfinite(each) for each in numbers):
        raise ConfigError(f"{where} has {name} = {value}: needs three numbers, for red, green and blue")
    return tuple(float(each) for each in numbers)
