"""Which captioner fits a base, and what is missing where none does."""

from __future__ import annotations

import torch

from impasto.captioning.captioner import Captioner
from impasto.core.errors import ConfigError
from impasto.models.source import POCKET

AUTO = "auto"
NONE_FOUND = (
    "no captioner is on this machine: name one with --captioner (a BLIP checkpoint of transformers, e.g. "
    "Salesforce/blip-image-captioning-base, is fetched then), or write the .txt files by hand"
)


def find_captioner(base: str, device: torch.device, named: str = AUTO) -> Captioner | None:
    """Return who writes captions for a base: who was named, else pocket's own judge or a BLIP that was fetched before.

    Args:
        base: As the user named it.
        device: Where a BLIP computes; pocket's judge is on the CPU.
        named: "auto", "pocket", or a BLIP checkpoint, which may be fetched.

    Returns:
        The captioner, or None where none is named and none is on this machine; the network is not asked then.
    """
    if POCKET in (named, base if named == AUTO else ""):
        from impasto.captioning.pocket_captioner import PocketCaptioner

        return PocketCaptioner()
    from impasto.captioning.local_captioner import LocalCaptioner, cached_captioner

    if named != AUTO:
        return LocalCaptioner(named, device, may_fetch=True)
    found = cached_captioner()
    return None if found is None else LocalCaptioner(found, device, may_fetch=False)


def needed_captioner(base: str, device: torch.device, named: str = AUTO) -> Captioner:
    """Return what `find_captioner` does; raises `ConfigError` where there is none."""
    found = find_captioner(base, device, named)
    if found is None:
        raise ConfigError(NONE_FOUND)
    return found
