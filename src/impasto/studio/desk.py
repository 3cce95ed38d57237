"""The desk: looks at all jobs, begins those whose turn it is, and tells the pages what changed."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

from impasto.studio.gone import Gone
from impasto.studio.queue.jobs import Spec, State, Wish, wish, write_spec
from impasto.studio.queue.lanes import PainterProcess, Trainings
from impasto.studio.queue.reports import Report, report_of
from impasto.studio.workspace import Workspace

_BUSY_SECONDS, _IDLE_SECONDS = 0.3, 5.0
_HEARTBEAT = 15.0
_SHOWN = 300
"""Jobs that a page is told of when it opens, the newest; those that are not over on top."""
LONG = ("train", "compare")
"""Kinds of jobs that have a process of their own."""
HIDDEN = ("plan", "divide", "suggest")
"""Kinds that a page waits for, and that leave nothing behind."""


class Desk:
    """Everything that goes on.

    Args:
        workspace: Where the jobs are.
        base: What the painter opens first.
        workers: Long jobs at once.
    """

    def __init__(self, workspace: Workspace, base: str, workers: int) -> None:
        self.workspace = workspace
        self.trainings = Trainings()
        self.painter = PainterProcess(workspace, base, self.wake)
        self._workers = workers
        self._reports: dict[str, Report] = {}
        self._shown: dict[str, dict[str, object]] = {}
        self._versions: dict[str, int] = {}
        self._version = 0
        self._asked: set[str] = set()
        self._woken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Condition()
        self._looking = threading.Lock()
        self._is_closing = False
        self.ordering = threading.Lock()
        """Held while a name is chosen that no other job may be promised."""

    def wake(self) -> None:
        """Look now; may be called from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._woken.set)

    def close_streams(self) -> None:
        """End what pages listen to, so that the server can stop; may be called from a signal handler."""
        self._is_closing = True
        self.wake()

    async def run(self) -> None:
        """Look, begin what is due, wait; until cancelled."""
        self._loop = asyncio.get_running_loop()
        painting = asyncio.create_task(self.painter.run())
        try:
            while True:
                self._woken.clear()
                try:
                    await asyncio.to_thread(self.look)
                    await self._begin()
                except Exception as error:  # a full disk, a folder that somebody removed: the next look may go well
                    sys.excepthook(type(error), error, error.__traceback__)
                async with self._changed:
                    self._changed.notify_all()
                is_busy = any(not State(str(each["state"])).is_final for each in self._shown.values())
                try:
                    await asyncio.wait_for(self._woken.wait(), _BUSY_SECONDS if is_busy else _IDLE_SECONDS)
                except TimeoutError:
                    continue
        finally:
            self._loop = None
            painting.cancel()
            self.trainings.interrupt()
            await self.painter.close()

    def look(self) -> None:
        """Bring what is shown up to date: new jobs, those that are not over, those that were asked something."""
        with self._looking:
            self._look()

    def _look(self) -> None:
        asked, self._asked = self._asked, set()
        present = {path.name: path for path in self.workspace.jobs.iterdir() if not path.is_symlink()}
        for name in [name for name in self._reports if name not in present]:
            del self._reports[name], self._shown[name]
            self._note(name)
        for name, folder in present.items():
            if name not in self._reports:
                report = report_of(folder)
                if report is None:
                    continue
                self._reports[name] = report
            shown = self._shown.get(name)
            if shown is None or not State(str(shown["state"])).is_final or name in asked:
                self._show(name)

    def _show(self, name: str) -> None:
        seen = self._reports[name].look()
        if seen != self._shown.get(name):
            self._shown[name] = seen
            self._note(name)

    def _note(self, name: str) -> None:
        self._version += 1
        self._versions[name] = self._version

    def look_at(self, name: str) -> None:
        """Look again at a job that seemed to be over."""
        self._asked = self._asked | {name}
        self.wake()

    async def _begin(self) -> None:
        waiting = sorted(
            (each for each in self._shown.values() if each["state"] == State.WAITING), key=lambda each: str(each["id"])
        )
        long = [each for each in waiting if each["kind"] in LONG]
        busy = sum(
            self.trainings.is_alive(self.workspace.jobs / name)
            for name, each in self._shown.items()
            if each["kind"] in LONG and not State(str(each["state"])).is_final
        )
        for each in long:
            folder = self.workspace.jobs / str(each["id"])
            if busy < self._workers and not self.trainings.is_alive(folder):
                self.trainings.start(folder)
                busy += 1
        quick = [each for each in waiting if each["kind"] not in LONG]
        if quick and self.painter.is_ready and not self.painter.painting:
            await self.painter.paint(self.workspace.jobs / str(quick[0]["id"]))

    def new_job(self, folder: Path, spec: Spec) -> str:
        """Put a job into the queue; returns its name."""
        write_spec(folder, spec)
        self.look()
        self.wake()
        return folder.name

    def report(self, name: str) -> Report:
        """Return the report of a job; raises `DataError` if there is none."""
        if name not in self._reports:
            self.look()
        found = self._reports.get(name)
        if found is None:
            raise Gone("this job is no longer there")
        return found

    def shown(self) -> list[dict[str, object]]:
        """Return what the pages show, the oldest first."""
        seen = sorted((each for each in self._shown.values() if each["kind"] not in HIDDEN), key=lambda e: str(e["id"]))
        return [each for each in seen[:-_SHOWN] if not State(str(each["state"])).is_final] + seen[-_SHOWN:]

    def _has_news(self, version: int) -> bool:
        return self._version > version or self._is_closing

    def ask(self, name: str, wanted: Wish | None) -> None:
        """Ask something of a job, or take it back."""
        wish(self.report(name).folder, wanted)
        self.look_at(name)

    async def changes(self) -> AsyncIterator[list[dict[str, object]]]:
        """Yield all jobs, then those that changed, for as long as somebody listens; an empty list is a heartbeat."""
        version = self._version
        yield self.shown()
        while True:
            try:
                async with self._changed:
                    await asyncio.wait_for(self._changed.wait_for(lambda v=version: self._has_news(v)), _HEARTBEAT)  # type: ignore[misc]
            except TimeoutError:
                yield []
                continue
            if self._is_closing:
                return
            names = [name for name, changed in self._versions.items() if changed > version]
            version = self._version
            gone: list[dict[str, object]] = [{"id": name, "gone": True} for name in names if name not in self._shown]
            seen = [self._shown[name] for name in names if name in self._shown]
            yield gone + [each for each in seen if each["kind"] not in HIDDEN]
