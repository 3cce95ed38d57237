"""Captions by a BLIP checkpoint of transformers (arXiv:2201.12086) that is on this machine, or that the user names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from huggingface_hub import try_to_load_from_cache
from PIL import Image
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoTokenizer, BlipForConditionalGeneration, BlipVisionConfig

from impasto.captioning.captioner import Caption
from impasto.core.errors import ResourceError, first_line
from impasto.features._pixels import CLIP_MEAN, CLIP_STD, standardised
from impasto.models.loading import quiet_loading

KNOWN = ("Salesforce/blip-image-captioning-large", "Salesforce/blip-image-captioning-base")
_MOST_TOKENS = 24


def cached_captioner() -> str | None:
    """Return the first of `KNOWN` that was fetched before, or None."""
    return next((name for name in KNOWN if isinstance(try_to_load_from_cache(name, "config.json"), str)), None)


class LocalCaptioner:
    """Describes pictures in a few words.

    Args:
        checkpoint: Folder or hub name of a BLIP checkpoint.
        device: Where to compute.
        may_fetch: Whether a hub name may be looked up on the network.

    Raises:
        ResourceError: The checkpoint is not there, or is none of BLIP's.
    """

    def __init__(self, checkpoint: str, device: torch.device, *, may_fetch: bool) -> None:
        self.name = checkpoint
        try:
            with quiet_loading():
                self._tokenizer = AutoTokenizer.from_pretrained(checkpoint, local_files_only=not may_fetch)
                self._model = BlipForConditionalGeneration.from_pretrained(
                    checkpoint, dtype=torch.float32, use_safetensors=True, local_files_only=not may_fetch
                )
        except (OSError, ValueError, TypeError, SafetensorError) as error:
            raise ResourceError(
                f"captioner {checkpoint} could not be loaded ({first_line(error)}): name a folder or hub name of a "
                f"BLIP checkpoint with safetensors, such as {KNOWN[-1]}"
            ) from error
        self._model.to(device).eval()  # type: ignore[arg-type]  # transformers wraps to() without its self
        self._device = device

    @torch.no_grad()
    def describe(self, pictures: Sequence[Image.Image]) -> list[Caption]:
        """Return one caption for each picture."""
        side = cast(int, cast(BlipVisionConfig, self._model.config.vision_config).image_size)
        pixels = standardised(pictures, side, CLIP_MEAN, CLIP_STD)
        return [Caption(self._words(row[None].to(self._device))) for row in pixels]

    def _words(self, pixels: Tensor) -> str:
        written = self._model.generate(pixel_values=pixels, max_new_tokens=_MOST_TOKENS)
        said = cast(str, self._tokenizer.decode(written[0], skip_special_tokens=True))
        return " ".join(said.split())
