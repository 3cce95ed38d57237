"""Take what the words say of a picture off its embedding, so that the style is left (InstantStyle).

Paper: InstantStyle: Free Lunch towards Style-Preserving in Text-to-Image Generation, arXiv:2404.02733, Sec. 3.1.
Differs from the official code: subtraction is refused where the spaces differ: it needs one vector per picture from an
encoder that was trained with the text encoder (bigG with SDXL). The code's own argument for it is inverted and
discards it.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from impasto.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Content:
    """What pictures show, to be taken off their embeddings.

    Attributes:
        words: For it, pooled by the text encoder (`Conditioning.pooled`); None if it pools none.
        scale: How much is taken off; the authors use 0.5 to 0.8.
    """

    words: Float[Tensor, "1 dim"] | None
    scale: float


def without_content(image: Float[Tensor, "..."], content: Content) -> Float[Tensor, "pictures dim"]:
    """Return the embedding of a picture less that of the words for its content.

    Args:
        image: One vector per picture, of shape (pictures, dim), of an image encoder in the space of the text encoder;
            not normalised. Other shapes are refused.
        content: What the pictures show.

    Raises:
        ConfigError: The two are not vectors of one space.
    """
    words = None if content.words is None else content.words.to(image)
    if image.ndim != 2 or words is None or words.ndim != 2 or image.shape[-1] != words.shape[-1]:
        shape = "nothing" if words is None else str(tuple(words.shape))
        raise ConfigError(
            f"content cannot be taken off: the picture is {tuple(image.shape)} and the words are {shape}; both must be "
            "one vector per picture, of one width: use an adapter of global features whose image encoder belongs to "
            "the text encoder (for SDXL: ip-adapter_sdxl with ViT-bigG)"
        )
    return image - content.scale * words
