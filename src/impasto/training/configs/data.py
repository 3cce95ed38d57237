"""Which pictures are shown, and how."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from impasto.captioning.source import CaptionSource
from impasto.core.config import Config
from impasto.core.option_groups import Group, listed_under
from impasto.core.paths import FileOrName
from impasto.data.streams import AUX, kind_of

_DRAWN = 20


@listed_under(Group.PICTURES, first="style_images aux_images aux captions")
class DataConfig(Config):
    """Style pictures, auxiliary pictures and their captions."""

    style_images: FileOrName
    """Folder of style pictures, one picture file, or pack:NAME for shipped ones (a part: pack:NAME/people)."""
    aux_images: FileOrName | None = None
    """Folder of about 20 auxiliary pictures, or pack:NAME as above."""
    aux: Literal["folder", "generate", "none"] = "folder"
    """Where auxiliary pictures come from: a folder, drawn by the base itself (as DreamBooth does), or nowhere."""
    concepts_csv: Path | None = None
    """CSV of impasto subdivide, corrected where needed: which style picture shows which concept."""
    num_aux: int | None = Field(default=None, ge=1)
    """How many to draw with --aux generate; 20 unless given."""
    resolution: int | None = Field(default=None, ge=32, le=4096)
    """Side of the training pictures in pixels; by default the base's own."""
    buckets: bool = False
    """Keep the pictures' shapes: sizes of about the same area (aspect-ratio buckets) instead of middle squares."""
    captions: bool = False
    """Put the caption in NAME.txt beside NAME.png before the style words."""
    caption_source: CaptionSource = "auto"
    """Words for pictures without .txt: by their names, or by a captioner (base); auto tries both, files neither."""
    aux_captions: bool = False
    """Put captions before the words of auxiliary pictures too; the paper shows them with "style" alone."""
    caption_dropout: float = Field(default=0.0, ge=0, le=1)
    """Share of showings in which a picture's caption is left out, so that it is shown with the style words alone."""
    shuffle_tags: bool = False
    """Show the tags of a caption, which commas separate, in one of eight orders each time."""
    flips: bool = False
    """Show mirrored copies too; mirrors brush strokes and lettering as well."""

    @model_validator(mode="after")
    def _has_captions_to_change(self) -> Self:
        for name, is_on in (("caption_dropout", self.caption_dropout > 0), ("shuffle_tags", self.shuffle_tags)):
            if is_on and not (self.captions or self.aux_captions):
                raise ValueError(f"{name} has no effect without captions: give captions, or leave it out")
        return self

    def aux_count(self) -> int:
        """Return how many auxiliary pictures to draw."""
        return self.num_aux or _DRAWN

    def shows_captions(self, stream: str) -> bool:
        """Return whether pictures of a stream are shown with their captions."""
        return self.aux_captions if kind_of(stream) == AUX else self.captions
