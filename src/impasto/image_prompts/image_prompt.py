"""Image prompts: reference pictures become tokens that a base reads beside the words.

Paper: IP-Adapter: Text Compatible Image Prompt Adapter for Text-to-Image Diffusion Models, arXiv:2308.06721; the files
of CSGO and StyleCrafter too, see `image_prompts/formats`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal, TypeAlias, cast

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from impasto.core.errors import ConfigError, DataError
from impasto.core.finite import require_finite
from impasto.core.plugins import load_plugin, plugin_names
from impasto.image_prompts.adapter_file import read_adapter_file
from impasto.image_prompts.content_subtraction import Content, without_content
from impasto.image_prompts.find_encoder import find_encoder
from impasto.image_prompts.formats._format import AdapterFormat, Contents, Features
from impasto.image_prompts.image_encoder import ImageEncoder, describe
from impasto.image_prompts.reference_squares import Fit, fit_note, reference_squares
from impasto.models.image_tokens import ImageTokens
from impasto.models.latent_diffusion import LatentDiffusion

OWN = Path("ip_adapter") / "ip_adapter.safetensors"
"""Where a base's folder has an adapter of its own, as pocket does."""

_FORMATS = "impasto.image_prompts.formats"

Join: TypeAlias = Literal["mean", "concat"]
"""How several references become one prompt: weighted mean of their tokens, or all tokens side by side."""


class ImagePromptAdapter:
    """An adapter with the encoder that it was trained with; the base is not changed.

    Args:
        contents: What stands in its file.
        encoder: Whose features have the width that the adapter reads.
        scale: Strength, handed on with the tokens; 0 leaves the words alone.
        fit: What happens to references that are no squares.
        join: How several references become one prompt. With "mean" token i is the weighted mean of all tokens i, which
            a learned query made of every picture alike; with "concat" attention chooses among all, as in diffusers,
            and there are no weights.

    Raises:
        ConfigError: Adapter and encoder do not fit, or the scale is no finite number.
    """

    def __init__(
        self, contents: Contents, encoder: ImageEncoder, *, scale: float = 1.0, fit: Fit = "pad", join: Join = "mean"
    ) -> None:
        width = encoder.widths.of(contents.features)
        if width != contents.feature_width:
            raise ConfigError(
                f"{contents.title} adapter reads {describe(contents.features, contents.feature_width)}, image encoder "
                f"{encoder.name} gives width {width}: name the encoder that the adapter was trained with"
            )
        if not math.isfinite(scale):
            raise ConfigError(f"adapter scale {scale} is not a number: use 1 for the usual strength, 0 for none")
        self.contents = contents
        self.encoder = encoder
        self.scale, self.fit, self.join = scale, fit, join

    @property
    def reads(self) -> Features:
        """What it reads of a picture; "embeds" of ViT-bigG share a space with SDXL's pooled words."""
        return self.contents.features

    def plan(self, pictures: Sequence[Image.Image]) -> tuple[str, ...]:
        """Return what is done to these references that their owner may want to know, and what the adapter lacks."""
        fitted = [(number, fit_note(picture, self.fit)) for number, picture in enumerate(pictures, 1)]
        return (*self.contents.notes, *(f"reference {number}: {note}" for number, note in fitted if note))

    def features(self, picture: Image.Image) -> Tensor:
        """Return what the encoder sees, one row for each square of the reference."""
        return self.encoder.read(reference_squares(picture.convert("RGB"), self.fit), self.reads)

    @torch.no_grad()
    def project(self, features: Tensor) -> Float[Tensor, "squares num_tokens width"]:
        """Return the tokens of features, (squares, width) or (squares, places, width)."""
        tokens: Tensor = self.contents.projection(features)
        return require_finite(tokens, f"what {self.contents.title} makes of a reference", "try --precision fp32")

    def tokens(
        self,
        pictures: Sequence[Image.Image],
        weights: Sequence[float] | None = None,
        without: Content | None = None,
    ) -> ImageTokens:
        """Return one row of tokens that all references make together.

        Args:
            pictures: At least one; any mode and shape.
            weights: Of the references in the mean, at least 0; all equal when None.
            without: What the pictures show, to be taken off.

        Raises:
            ConfigError: The weights do not fit, the adapter weighs its layers by the words, or `without` is of another
                space than what the adapter reads.
            DataError: There is no reference.
        """
        if self.contents.gates is not None:
            raise ConfigError(
                f"{self.contents.title} weighs its layers by the words of each prompt, which plain image tokens do not "
                "hold: use gated_tokens with the encoded prompts"
            )
        return self._plain(self._joined(pictures, weights, without))

    def gated_tokens(
        self,
        pictures: Sequence[Image.Image],
        words: Float[Tensor, "rows words width"],
        weights: Sequence[float] | None = None,
    ) -> ImageTokens:
        """Return tokens with norms and gates of every layer, for adapters that have them (StyleCrafter).

        Args:
            pictures: See `tokens`.
            words: Encoded prompts, one row for each row to draw.
            weights: See `tokens`.

        Raises:
            ConfigError: The adapter has no gates, or see `tokens`.
        """
        if self.contents.gates is None:
            raise ConfigError(f"{self.contents.title} has no gates that words could move: use tokens")
        with torch.no_grad():
            return self.contents.gates.gated(self._plain(self._joined(pictures, weights)), words)

    def null(self, rows: int = 1, references: int = 1) -> ImageTokens:
        """Return the tokens that the unconditional branch sees, as the adapter's authors made them.

        Args:
            rows: How many; all are equal.
            references: With "concat", how often they stand side by side, so that both branches have as many.

        Returns:
            For adapters whose unconditional branch sees no picture, tokens of zeros with scale 0.
        """
        tokens = self._null().expand(rows, -1, -1)
        plain = self._plain(tokens.repeat(1, references, 1) if self.join == "concat" else tokens)
        return ImageTokens(plain.tokens, plain.projections, 0.0) if self.contents.null == "none" else plain

    def _plain(self, tokens: Tensor) -> ImageTokens:
        return ImageTokens(tokens, self.contents.projections, self.scale)

    def _null(self) -> Float[Tensor, "1 num_tokens width"]:
        nothing = self.encoder.read_nothing(self.reads)
        if self.contents.null == "zero picture":
            return self.project(nothing)
        tokens = self.project(torch.zeros_like(nothing))
        return torch.zeros_like(tokens) if self.contents.null == "none" else tokens

    def _joined(
        self, pictures: Sequence[Image.Image], weights: Sequence[float] | None, without: Content | None = None
    ) -> Float[Tensor, "1 num_tokens width"]:
        if not pictures:
            raise DataError("an image prompt needs at least one reference picture")
        seen = [self.features(picture) for picture in pictures]
        if without is not None:
            seen = [without_content(features, without) for features in seen]
        each = [self.project(features).mean(dim=0) for features in seen]
        if self.join == "concat":
            if weights is not None:
                raise ConfigError('references joined by "concat" have no weights: leave them out, or use "mean"')
            return torch.cat(each)[None]
        shares = _shares(weights, len(each)).to(each[0])
        return (torch.stack(each) * shares[:, None, None]).sum(dim=0, keepdim=True)


def _shares(weights: Sequence[float] | None, count: int) -> Float[Tensor, " references"]:
    """Return weights that sum to 1."""
    given = torch.tensor([1.0] * count if weights is None else list(weights))
    if len(given) != count:
        raise ConfigError(f"{len(given)} weights for {count} references: give one weight for each")
    if not given.isfinite().all() or (given < 0).any() or not given.sum() > 0:
        raise ConfigError(f"reference weights {given.tolist()}: needs numbers of at least 0, not all 0")
    return given / given.sum()


def _formats() -> list[AdapterFormat]:
    return [cast(AdapterFormat, load_plugin(_FORMATS, name, "FORMAT")) for name in plugin_names(_FORMATS)]


def formats_of(names: Collection[str]) -> list[AdapterFormat]:
    """Return the formats that tensors of these names may be; a sound file is of one."""
    return [each for each in _formats() if each.matches(names)]


def read_contents(path: Path, base: LatentDiffusion) -> Contents:
    """Return what is in an adapter's file, read for this base, which is left alone.

    Raises:
        ConfigError: It is missing, of no known format, damaged, or for another base.
        UnsafeFile: It is not plain safetensors.
    """
    file = read_adapter_file(path)
    fitting = formats_of(file.tensors.keys())
    if len(fitting) != 1:
        some = ", ".join(sorted(file.tensors)[:2]) or "nothing"
        known = ", ".join(each.title for each in _formats())
        raise ConfigError(f"adapter {path} is of no known format (it holds {some}): known are {known}")
    return fitting[0].read(file, base)


def open_image_prompt(
    path: Path, base: LatentDiffusion, *, encoder: str = "", scale: float = 1.0, fit: Fit = "pad", join: Join = "mean"
) -> ImagePromptAdapter:
    """Return the adapter in `path` for a base, on its device and in its precision.

    Args:
        path: A `.safetensors` file; `OWN` in the folder of a base that has one.
        base: Which is not changed.
        encoder: Folder or hub name of the image encoder; looked for when "", see `find_encoder`.
        scale: See `ImagePromptAdapter`.
        fit: See `ImagePromptAdapter`.
        join: See `ImagePromptAdapter`.

    Raises:
        ConfigError: The file, the encoder and the base do not fit together.
        UnsafeFile: The file is not plain safetensors.
        ResourceError: The encoder could not be loaded.
    """
    contents = read_contents(path, base)
    found = find_encoder(encoder, path, contents, base)
    modules = [contents.projection, *(layer for pair in contents.projections.values() for layer in pair)]
    if contents.gates is not None:
        modules += [contents.gates.predictor, *contents.gates.norms.values()]
    for module in modules:
        module.to(base.device, base.dtype)
    return ImagePromptAdapter(contents, found, scale=scale, fit=fit, join=join)
