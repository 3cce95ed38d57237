"""Serve the studio on this machine, one for each workspace."""

from __future__ import annotations

import json
import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import uvicorn

from impasto.core.errors import ConfigError, RunError
from impasto.core.files import write_text
from impasto.core.lock import FolderLock
from impasto.studio.app import create_app
from impasto.studio.desk import Desk
from impasto.studio.options import StudioOptions
from impasto.studio.security import LOOPBACK_NAMES
from impasto.studio.studio import open_studio

_ADDRESS = "address.json"


def serve(options: StudioOptions, say: Callable[[str], None], comparison: Path | None = None) -> None:
    """Serve until interrupted.

    Args:
        options: Of the command.
        say: Told where the page is, once it can be opened.
        comparison: Folder of a comparison to judge, whose judgement is opened.

    Raises:
        ConfigError: The address is taken or is none of this machine's.
        RunError: The studio is open already on this workspace.
    """
    token = secrets.token_urlsafe(24)
    studio = open_studio(options, comparison)
    app = create_app(studio, token)
    try:
        lock = FolderLock(options.workspace)
    except RunError as error:
        raise RunError(f"the studio is open already{_known_address(options.workspace)}") from error
    listening = _listening(options)
    host, port = str(listening.getsockname()[0]), int(listening.getsockname()[1])
    shown = f"[{host}]" if ":" in host else host
    entrance = "" if options.listen in LOOPBACK_NAMES else f"?token={token}"
    address = f"http://{shown}:{port}/{entrance}{'' if comparison is None else '#/judge/given'}"
    write_text(options.workspace / _ADDRESS, json.dumps(f"http://{shown}:{port}/"))
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2, server_header=False)
    server = _Server(config, studio.desk)
    say(address)
    if options.browser:
        threading.Timer(0.7, webbrowser.open, [address]).start()
    try:
        server.run(sockets=[listening])
    finally:
        listening.close()
        lock.release()


class _Server(uvicorn.Server):
    """A server whose streams end when it is asked to stop: open pages do not hold it up."""

    def __init__(self, config: uvicorn.Config, desk: Desk) -> None:
        super().__init__(config)
        self._desk = desk

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop."""
        self._desk.close_streams()
        super().handle_exit(sig, frame)


def _listening(options: StudioOptions) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.listen else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((options.listen, options.port))
        opened.listen(128)  # whoever is told the address may come at once
    except OSError as error:
        opened.close()
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(
            f"cannot listen on {options.listen} port {options.port} ({reason}): give another --port, or --port 0"
        ) from error
    return opened


def _known_address(workspace: Path) -> str:
    try:
        return f": {json.loads((workspace / _ADDRESS).read_text('utf-8'))}"
    except (OSError, ValueError):
        return ""
