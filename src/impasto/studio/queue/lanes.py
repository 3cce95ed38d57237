"""The processes that compute: one that draws and is kept warm, and one for each training."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from impasto.core.lock import is_locked
from impasto.studio.queue.jobs import OUTPUT
from impasto.studio.workspace import Workspace

_CALM = 3.0
"""Seconds until a painter that died is started again."""


class Trainings:
    """Processes of trainings and comparisons. They outlive the server: only their locks say that they are there."""

    def __init__(self) -> None:
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, folder: Path) -> None:
        """Start the process of a job."""
        with (folder / OUTPUT).open("ab") as output:
            self._started[folder.name] = subprocess.Popen(
                [sys.executable, "-m", "impasto.studio.queue.worker", str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl+C in the terminal is for the server
            )

    def is_alive(self, folder: Path) -> bool:
        """Return whether a process computes the job, or is about to."""
        process = self._started.get(folder.name)
        if process is not None and process.poll() is not None:
            del self._started[folder.name]
            process = None
        return process is not None or is_locked(folder)

    def interrupt(self) -> None:
        """Ask the processes started here to stop after their step; they go on when they are started again."""
        for process in self._started.values():
            with suppress(OSError):
                process.terminate()


class PainterProcess:
    """The process that draws, started when it is not there.

    Args:
        workspace: What it draws in.
        base: Which base it opens first.
        wake: Called whenever there is something to look at.
    """

    def __init__(self, workspace: Workspace, base: str, wake: Callable[[], None]) -> None:
        self._workspace, self._base, self._wake = workspace, base, wake
        self._process: asyncio.subprocess.Process | None = None
        self.is_ready = False
        self.painting = ""

    async def run(self) -> None:
        """Keep the process running until cancelled."""
        while True:
            await self._one_life()
            self.is_ready, self.painting = False, ""
            self._wake()
            await asyncio.sleep(_CALM)

    async def _one_life(self) -> None:
        with (self._workspace.root / "painter.txt").open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "impasto.studio.queue.painter", str(self._workspace.root), self._base),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=output,
                start_new_session=True,
            )
        answers = self._process.stdout
        while answers is not None and (line := await answers.readline()):
            self.is_ready = True
            if line in {b"\n", b"\r\n"}:
                self.painting = ""
            self._wake()
        await self._process.wait()

    async def paint(self, folder: Path) -> None:
        """Give the process a job; it must be ready, and not painting."""
        if self._process is None or self._process.stdin is None:
            return
        self.painting = folder.name
        with suppress(ConnectionError):
            self._process.stdin.write(f"{folder.name}\n".encode())
            await self._process.stdin.drain()

    async def close(self) -> None:
        """Let the process end after what it paints."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(ConnectionError, RuntimeError):
                self._process.stdin.close()
