"""The style files of a run: the style itself, the last step beside a better one, steps in between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from impasto.core.errors import ResourceError
from impasto.core.events import Saved, StepKept
from impasto.data.images import PictureFile
from impasto.methods._protocol import Method
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.style.file import Style, save_style
from impasto.training.card import card_of
from impasto.training.held_out.files import HeldOutFiles, last_path, step_path
from impasto.training.held_out.watch import Watch
from impasto.training.options import TrainOptions
from impasto.training.state import TrainState

_SPARE = "style.safetensors"
"""What a style is called in its run folder where its own place cannot be written: a name that any disk takes."""


@dataclass
class StyleFiles:
    """Writes the styles of a run.

    Attributes:
        options: Of the run.
        method: What is learnt.
        base: What it is learnt on.
        state: What was learnt so far.
        folder: The run folder.
        watch: What was measured of the steps, or None.
        pictures: By stream; the card names them.
        is_saved: Whether the style file was written, or tried to.
    """

    options: TrainOptions
    method: Method
    base: LatentDiffusion
    state: TrainState
    folder: Path
    watch: Watch | None = None
    pictures: Mapping[str, tuple[PictureFile, ...]] = field(default_factory=dict)
    is_saved: bool = False
    _spare: Path | None = None

    def __post_init__(self) -> None:
        self.held_out = HeldOutFiles(self.folder)

    def now(self) -> Style:
        """Return the style as it is now."""
        card = card_of(self.options, self.method, self.base, self.state, self.pictures)
        with self.state.shown():
            return Style(card, self.state.learnable.tensors())

    def keep_step(self) -> StepKept:
        """Write the style as it is now beside the style file."""
        path = step_path(self.options.out, self.state.step)
        save_style(path, self.now())
        return StepKept(self.state.step, path)

    def keep_best(self) -> None:
        """Keep the style as it is now as the best one so far, in the run folder."""
        self.held_out.keep(self.state.step, self.now())

    def save(self) -> list[StepKept | Saved]:
        """Write the style file, and the last step beside it where another one is better.

        Returns:
            The last step's file first, the style file last; they may be one.

        Raises:
            ResourceError: The style file cannot be written; it is in the run folder instead.
        """
        last = self._with_measurement(self.now(), self.state.step)
        best = self._best(is_complete=last.card.is_complete)
        self.is_saved = True
        styles = {self.options.out: best or last} | ({last_path(self.options.out): last} if best is not None else {})
        try:
            for path, style in styles.items():
                save_style(path, style)
        except ResourceError as error:
            spare = self.folder / _SPARE
            for path, style in zip((spare, last_path(spare)), styles.values(), strict=False):
                save_style(path, style)
            self._spare = spare
            raise ResourceError(f"{error}; the style is in {spare} instead") from error
        saved = Saved(self.options.out, (best or last).card.steps, last.card.is_complete)
        return [saved] if best is None else [StepKept(last.card.steps, last_path(self.options.out)), saved]

    def rescue(self) -> Path | None:
        """Save what was learnt when the run cannot go on; returns where, or None when there is nothing or no way."""
        if self.state.step == 0 or self.is_saved:
            return None
        try:
            self.save()
        except ResourceError:
            return self._spare
        return self.options.out

    def _best(self, *, is_complete: bool) -> Style | None:
        """Return the style of the best step, unless that is the one that was done last or nothing was measured."""
        best = None if self.watch is None else self.watch.best
        if best is None or best.step == self.state.step:
            return None
        found = self._with_measurement(self.held_out.best(best.step), best.step)
        return replace(found, card=found.card.model_copy(update={"is_complete": is_complete}))

    def _with_measurement(self, style: Style, step: int) -> Style:
        """Return the style with what was measured of its step on the card."""
        measured = [] if self.watch is None else [each for each in self.watch.measured if each.step == step]
        if not measured:
            return style
        one = measured[0]
        facts = {"distance": one.distance, "match": one.match, "copying": one.copying, "last_step": self.state.step}
        told = {name: value for name, value in facts.items() if value is not None}
        return replace(style, card=style.card.model_copy(update={"held_out": told}))
