"""What the routes of the server work with."""

from __future__ import annotations

from dataclasses import dataclass

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
    """

    workspace: Workspace
    desk: Desk
    options: StudioOptions


def open_studio(options: StudioOptions) -> Studio:
    """Return the studio in a workspace; raises `ResourceError` if that cannot be written."""
    workspace = Workspace(options.workspace)
    return Studio(workspace, Desk(workspace, options.base, options.workers), options)
