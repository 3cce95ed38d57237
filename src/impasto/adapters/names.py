"""Names in style files: `DENOISER.…` and `text_encoder.text_model.…`, as diffusers and PEFT read them.

transformers 5 dropped the `text_model.` level from one of the two CLIP classes; files keep it, so that every version
reads them.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

_LEVEL = "text_model."


def file_name(network: str, module_path: str) -> str:
    """Return how a file calls `module_path` (a module or parameter path) of `network`."""
    if network.startswith("text_encoder") and not module_path.startswith((_LEVEL, "text_projection")):
        module_path = _LEVEL + module_path
    return f"{network}.{module_path}"


def find_in(networks: Mapping[str, nn.Module], name: str) -> tuple[str, str] | None:
    """Return (network, path inside it) for a file's name, or None when no such network exists.

    The path is adjusted to the class at hand, but not checked to exist.
    """
    network, _, path = name.partition(".")
    if network not in networks:
        return None
    if network.startswith("text_encoder") and not hasattr(networks[network], "text_model"):
        path = path.removeprefix(_LEVEL)
    return network, path
