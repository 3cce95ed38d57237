"""Options of `impasto studio`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from impasto.core.config import Config
from impasto.core.option_groups import grouped
from impasto.core.paths import FileOrName, OutputFolder

LOOPBACK = "127.0.0.1"


@grouped(first="workspace port browser workers", machine="workers", run="workspace port browser listen base")
class StudioOptions(Config):
    """Open the studio: a page on this machine to teach a style, draw with it and compare."""

    workspace: OutputFolder = Path("~/impasto")
    """Folder that keeps pictures, jobs and styles; made if it is not there."""
    port: int = Field(default=8420, ge=0, le=65535)
    """Where the page is served; 0 takes any free port."""
    browser: bool = True
    """Open the page in the browser."""
    workers: int = Field(default=1, ge=1, le=16)
    """Trainings and comparisons that compute at once; drawing does not wait for them."""
    listen: str = Field(default=LOOPBACK, pattern=r"^[0-9A-Za-z.:_-]{1,253}$")
    """Address to listen on; any but this machine's own asks visitors for a token, which is printed."""
    base: FileOrName = "pocket"
    """The base that is kept ready to draw."""
