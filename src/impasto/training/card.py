"""The card of a style that was just trained."""

from __future__ import annotations

from collections.abc import Mapping

from impasto.core.paths import without_folders
from impasto.core.versions import library_versions
from impasto.data.images import PictureFile
from impasto.methods._protocol import Method
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.style.card import Card
from impasto.training.checkpoints.fingerprint import without_folders_of_style
from impasto.training.dataset import concept_words, picture_hashes
from impasto.training.options import TrainOptions
from impasto.training.state import TrainState

_NOT_TOLD = {"sample_prompts", "dry_run", "out", "run_dir", "resume", "checkpoint_every", "cache", "track"}
_NOT_TOLD |= {"overwrite"}


def card_of(
    options: TrainOptions,
    method: Method,
    base: LatentDiffusion,
    state: TrainState,
    pictures: Mapping[str, tuple[PictureFile, ...]],
) -> Card:
    """Return what the style file will say about itself.

    Args:
        options: What the run was asked to do.
        method: What was learnt.
        base: What it was learnt on.
        state: How far it got.
        pictures: The pictures of each stream.
    """
    config = options.model_dump(mode="json", exclude=_NOT_TOLD) | method.settings.model_dump(mode="json")
    config |= {name: without_folders(value) for name, value in config.items() if isinstance(value, str)}
    config["attach"] = [without_folders_of_style(each) for each in options.attach]
    config |= {name: " ".join(map(str, value)) for name, value in config.items() if isinstance(value, list)}
    return Card(
        method=method.name,
        paper=method.paper.arxiv,
        kind=method.kind(),
        family=base.family,
        base=without_folders(options.base),
        fingerprint=base.fingerprint(),
        style_words=method.style_words(),
        content_words=method.content_words(),
        roles={role: list(blocks) for role, blocks in method.roles(base).items()},
        new_tokens=method.new_tokens(),
        concepts=concept_words(method),
        steps=state.step,
        is_complete=state.step == options.steps,
        loss=round(_mean_of_last_tenth(state.losses), 6),
        config=config,
        versions=library_versions(),
        pictures=picture_hashes(pictures),
    )


def _mean_of_last_tenth(losses: list[float]) -> float:
    last = losses[-max(1, len(losses) // 10) :]
    return sum(last) / len(last) if last else 0.0
