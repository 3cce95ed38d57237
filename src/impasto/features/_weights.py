"""Weights of encoders from .safetensors files, and packages that only some encoders need."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from impasto.core.errors import ConfigError, PluginError, ResourceError, UnsafeFile, first_line
from impasto.core.paths import is_safetensors

_EXTRA = "metrics"


def optional(module: str, features: str) -> ModuleType:
    """Return a module of a package that comes with an extra.

    Raises:
        PluginError: It is not installed, or does not work with what else is.
    """
    package = module.partition(".")[0].replace("_", "-")
    try:
        return import_module(module)
    except ImportError as error:
        raise PluginError(
            f"features {features} need {package}, which is not installed: pip install 'impasto[{_EXTRA}]'"
        ) from error
    except (RuntimeError, OSError) as error:  # torchvision for another build of torch
        raise PluginError(
            f"features {features} need {package}, which does not load ({first_line(error)}): install a torchvision "
            "that fits this torch"
        ) from error


def read_weights(file: str, features: str, example: str) -> dict[str, Tensor]:
    """Return the tensors of a .safetensors file.

    Args:
        file: Path, as the user gave it after "NAME:".
        features: Name of the extractor, for messages.
        example: What to write, for messages.

    Raises:
        ConfigError: No file was named.
        UnsafeFile: It is not .safetensors; other formats are pickles.
        ResourceError: It is missing or damaged.
    """
    if not file:
        raise ConfigError(f"features {features} need a file of weights: write {example}")
    path = Path(file)
    if not is_safetensors(path):
        raise UnsafeFile(
            f"weights {file} of features {features} may be a pickle, which can run code: convert them to .safetensors, "
            "see docs/evaluate.md"
        )
    try:
        weights: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ResourceError(
            f"weights {file} of features {features} could not be read ({error}): check the path"
        ) from error
    return weights
