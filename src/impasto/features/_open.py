"""From a name such as `pocket`, `dino:FOLDER` or `csd:FILE.safetensors` to an extractor of features."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, cast

import torch

from impasto.core.plugins import load_class
from impasto.features._protocol import Extractor


class _Openable(Protocol):
    def open(self, checkpoint: str, device: torch.device) -> Extractor:
        """Return the extractor of a checkpoint."""


def open_features(name: str, device: torch.device) -> Extractor:
    """Return the extractor called `name`: "PLUGIN" or "PLUGIN:CHECKPOINT".

    Raises:
        PluginError: There is no such extractor, or a package that it needs is not installed.
        ConfigError: The checkpoint does not fit the extractor.
        ResourceError: The checkpoint is missing or damaged.
    """
    plugin, _, checkpoint = name.partition(":")
    features = cast(_Openable, load_class("impasto.features", plugin, _Openable, "Features"))
    return features.open(checkpoint, device)


def without_folders(name: str) -> str:
    """Return the name without the folders of its checkpoint: reports hold no paths of anybody's machine."""
    plugin, colon, checkpoint = name.partition(":")
    model, at, file = checkpoint.rpartition("@")
    return f"{plugin}{colon}{model}{at}{Path(file).name}" if Path(file).exists() else name
