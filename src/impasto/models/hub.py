"""Whether what a name of the hub stands for can be had, told in seconds: libraries ask again and again for minutes."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from huggingface_hub import constants, try_to_load_from_cache

from impasto.core.errors import ResourceError

_SECONDS = 5.0


def refuse_unreachable(what: str, name: str, way_out: str) -> None:
    """Raise unless `name` is on this machine, or the hub answers.

    Args:
        what: What it is in messages, for instance "scorer".
        name: A folder, or a name of the hub.
        way_out: What to do without the network.

    Raises:
        ResourceError: It is not here, and the hub is switched off or does not answer.
    """
    if Path(name).exists() or _is_cached(name):
        return
    if constants.HF_HUB_OFFLINE:
        raise ResourceError(f"{what} {name} is not on this machine, and HF_HUB_OFFLINE is set: {way_out}")
    if getproxies():  # whoever stands between is asked by the libraries
        return
    address = urlsplit(os.environ.get("HF_ENDPOINT", constants.ENDPOINT))
    try:
        with socket.create_connection((address.hostname or "", address.port or 443), timeout=_SECONDS):
            return
    except OSError as error:
        raise ResourceError(
            f"{what} {name} is not on this machine, and the hub cannot be reached: {way_out}"
        ) from error


def _is_cached(name: str) -> bool:
    try:
        return isinstance(try_to_load_from_cache(name, "config.json"), str)
    except ValueError:  # no name of the hub
        return False
