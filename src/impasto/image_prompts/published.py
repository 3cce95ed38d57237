"""Published image prompt adapters by short names: fetched from the hub, with their encoder, when one is named.

Authors publish some as pickles alone; for those the message says how to go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from impasto.core.errors import ResourceError, UnsafeFile


@dataclass(frozen=True, slots=True)
class Published:
    """Where an adapter is on the hub.

    Attributes:
        repository: Its name.
        file: Path of the adapter in the hub's repository.
        encoder: Folder of the image encoder that it was trained with, below it.
    """

    repository: str
    file: str
    encoder: str


_IP, _SMALL, _LARGE = "h94/IP-Adapter", "models/image_encoder", "sdxl_models/image_encoder"
PUBLISHED: Mapping[str, Published] = {
    "ip-adapter": Published(_IP, "sdxl_models/ip-adapter_sdxl.safetensors", _LARGE),
    "ip-adapter-vit-h": Published(_IP, "sdxl_models/ip-adapter_sdxl_vit-h.safetensors", _SMALL),
    "ip-adapter-plus": Published(_IP, "sdxl_models/ip-adapter-plus_sdxl_vit-h.safetensors", _SMALL),
    "ip-adapter-sd15": Published(_IP, "models/ip-adapter_sd15.safetensors", _SMALL),
    "ip-adapter-plus-sd15": Published(_IP, "models/ip-adapter-plus_sd15.safetensors", _SMALL),
}
"""Adapters whose authors publish safetensors. The encoder stands where `find_encoder` looks beside the file."""

PICKLED: Mapping[str, str] = {
    "csgo": "csgo_4_32.bin of InstantX/CSGO (image encoder: sdxl_models/image_encoder of h94/IP-Adapter)",
    "stylecrafter": "stylecrafter_sdxl.ckpt of StyleCrafter-SDXL, with its image encoder",
}
"""Adapters that are published as pickles, which are never opened."""


def known_format(adapter: str) -> str | None:
    """Return the title of an adapter's format, by the names in its file or by its short name; None if unknown.

    Nothing is fetched, and no tensor is read.
    """
    path = Path(adapter)
    if not path.is_file():
        kind = "IP-Adapter-Plus" if adapter.startswith("ip-adapter-plus") else "IP-Adapter"
        return kind if adapter in PUBLISHED else None
    from impasto.image_prompts.image_prompt import formats_of

    try:
        with safe_open(path, framework="pt") as opened:
            fitting = formats_of(opened.keys())
    except (SafetensorError, OSError):
        return None  # what is wrong with it is told when it is opened
    return fitting[0].title if len(fitting) == 1 else None


def located(adapter: str) -> Path:
    """Return the file of an adapter, fetched from the hub if it is a short name that is no file.

    Raises:
        ResourceError: It could not be fetched.
        UnsafeFile: It is published as a pickle.
    """
    path = Path(adapter)
    if path.exists():
        return path
    if adapter in PICKLED:
        raise UnsafeFile(
            f"adapter {adapter} is published as a pickle, which can run code when read: download {PICKLED[adapter]}, "
            "give the file as --adapter to be told how to convert it, and name the encoder with --encoder"
        )
    return _fetched(adapter, PUBLISHED[adapter]) if adapter in PUBLISHED else path


def _fetched(name: str, published: Published) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    encoder = [f"{published.encoder}/{file}" for file in ("*.json", "model.safetensors")]
    try:
        folder = snapshot_download(published.repository, allow_patterns=[published.file, *encoder])
    except (HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, OSError) as error:
        raise ResourceError(
            f"adapter {name} could not be fetched from the hub ({published.repository}, {type(error).__name__}): check "
            "the network, or download it and give the .safetensors file"
        ) from error
    path = Path(folder) / published.file
    if not path.is_file():
        raise ResourceError(
            f"adapter {name} is not complete in the hub's cache ({published.file} is missing): connect to the network "
            "once, or download it and give the .safetensors file"
        )
    return path
