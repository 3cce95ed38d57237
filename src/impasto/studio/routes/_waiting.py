"""Small errands of the process that draws, which a request waits for."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

from fastapi import HTTPException

from impasto.core.errors import ConfigError
from impasto.studio.queue.jobs import Spec, State, state_of
from impasto.studio.queue.reports import Report
from impasto.studio.studio import Studio

_PATIENCE = 120.0


async def errand(asked: Studio, make: Callable[[Path], Spec]) -> dict[str, object]:
    """Let the process that draws do something small; returns its report, and leaves no job behind.

    Args:
        asked: The studio.
        make: Returns what is wanted, given the folder of the job.

    Raises:
        ConfigError: It failed.
    """
    folder = asked.workspace.new_folder("jobs")
    try:
        asked.desk.new_job(folder, make(folder))
        return await _report(asked, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        asked.desk.wake()


async def _report(asked: Studio, folder: Path) -> dict[str, object]:
    deadline = asyncio.get_running_loop().time() + _PATIENCE
    while not (state := await asyncio.to_thread(state_of, folder)).is_final:
        if asyncio.get_running_loop().time() > deadline:
            raise HTTPException(503, "the base is still being opened: ask again in a moment")
        asked.desk.wake()
        await asyncio.sleep(0.1)
    seen = Report(folder).look()
    if state is not State.DONE:
        raise ConfigError(str(seen["message"]) or "it could not be done")
    return seen
