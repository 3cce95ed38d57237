"""The card in a style file's header: what it is, what it needs, how it was made."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from impasto.data import captions
from impasto.models.fingerprint import Fingerprint

CARD_KEY = "impasto"
"""The key of the safetensors header under which the card stands, as JSON."""


class Card(BaseModel):
    """Everything a style file says about itself. Holds no absolute path.

    Attributes:
        version: Format of the card.
        method: Name of the method's file.
        paper: arXiv identifier of the method.
        kind: "lora" loads in `load_lora_weights` of diffusers as it is, unless it brings a new token; "full" holds
            weight differences; "embeddings" loads in `load_textual_inversion` of diffusers.
        family: Family of the base.
        base: The base as the user named it, without folders; empty when another tool made the file.
        fingerprint: Tells the base from others; None when another tool made the file.
        style_words: What to write in prompts, e.g. "zwx style".
        content_words: What to write in prompts to get the content of the picture, e.g. "A [v]", or empty.
        new_tokens: The words with embeddings of their own.
        concepts: What to write for one part of the pictures, e.g. "people", by part; empty for undivided styles.
        roles: Blocks of the denoiser that were trained, by role; empty for methods that know no roles.
        steps: Optimiser steps that were done.
        is_complete: False when the run was stopped early.
        loss: Mean of the last tenth of the steps.
        held_out: What was measured of this step on held-out pictures, and how many steps the run took; empty without.
        config: All options of the run.
        versions: Libraries.
        pictures: SHA-256 of each training picture, shortened, by stream.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int = 1
    method: str
    paper: str
    kind: str
    family: str
    base: str
    fingerprint: Fingerprint | None
    style_words: str
    content_words: str = ""
    new_tokens: tuple[str, ...] = ()
    concepts: dict[str, str] = {}
    roles: dict[str, list[str]] = {}
    steps: int
    is_complete: bool = True
    loss: float
    held_out: dict[str, float] = {}
    config: dict[str, str | int | float | bool | None]
    versions: dict[str, str]
    pictures: dict[str, list[str]]

    @property
    def words_lead(self) -> bool:
        """Whether the words of the style come first in prompts; otherwise they come last."""
        return captions.words_lead(self.concepts, captions=bool(self.config.get("captions")))


def foreign_card(family: str, kind: str = "lora", word: str = "") -> Card:
    """Return what is known of a file that another tool made.

    Args:
        family: Of its base as told by the names of its tensors, or empty where they do not tell.
        kind: See `Card`.
        word: The word whose rows it holds, or nothing.
    """
    return Card(
        method="another tool",
        paper="",
        kind=kind,
        family=family,
        base="",
        fingerprint=None,
        style_words=word,
        new_tokens=(word,) if word else (),
        steps=0,
        loss=0.0,
        config={},
        versions={},
        pictures={},
    )
