"""What the routes of the server work with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from impasto.studio.desk import Desk
from impasto.studio.options import StudioOptions
from impasto.studio.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Studio:
    """Everything that a page can ask about.

    Attributes:
        workspace: Where everything is kept.
        desk: What goes on.
        options: Of the command.
        comparison: Folder of a comparison that is to be judged, or None.
    """

    workspace: Workspace
    desk: Desk
    options: StudioOptions
    comparison: Path | None = None


def open_studio(options: StudioOptions, comparison: Path | None = None) -> Studio:
    """Return the studio in a workspace, with a comparison to judge; raises `ResourceError` if it cannot be written."""
    workspace = Workspace(options.workspace)
    return Studio(workspace, Desk(workspace, options.base, options.workers), options, comparison)
