"""What methods share that learn a style and no content, in all blocks alike."""

from __future__ import annotations

from impasto.models.latent_diffusion import LatentDiffusion


class StyleAlone:
    """Answers two questions of a `Method` for those that have nothing to say to them."""

    def content_words(self) -> str:
        """Return nothing: no content is learnt."""
        return ""

    def roles(self, base: LatentDiffusion) -> dict[str, tuple[str, ...]]:  # noqa: ARG002 - whatever the base
        """Return nothing: no block has a role of its own."""
        return {}
