"""Run the cells of a comparison: one after another, in processes, or on Ray. The results are the same.

A cell is a pure function of plain values that writes its own file, and it fixes its number of threads. An executor only
says when each is done, and why it failed in one line, or nothing. When a worker dies, the cells that were not done are
run again, and those that were are not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from importlib import import_module
from importlib.util import find_spec
from multiprocessing import get_context
from types import ModuleType
from typing import Protocol, TypeAlias, TypeVar, cast

from impasto.core.errors import ImpastoError, PluginError


class HasKey(Protocol):
    """A cell, as far as executors care: they are told apart by their keys."""

    @property
    def key(self) -> str:
        """What tells it apart."""


Cell = TypeVar("Cell", bound=HasKey)
Run: TypeAlias = Callable[[Cell], None]
_TRIES = 3


def serial(cells: Sequence[Cell], run: Run[Cell]) -> Iterator[tuple[Cell, str]]:
    """Run the cells in order."""
    for cell in cells:
        yield cell, _attempt(run, cell)


def in_processes(cells: Sequence[Cell], run: Run[Cell], workers: int) -> Iterator[tuple[Cell, str]]:
    """Run several cells at once in fresh processes of this machine; yields them as they end."""
    left = list(cells)
    for _ in range(_TRIES):
        finished: set[str] = set()
        with ProcessPoolExecutor(min(workers, len(left)), get_context("spawn")) as pool:
            futures: dict[Future[str], Cell] = {pool.submit(_attempt, run, cell): cell for cell in left}
            for future in as_completed(futures):
                try:
                    told = future.result()
                except BrokenProcessPool:  # a worker was killed: the pool gives up on all that are left
                    continue
                finished.add(futures[future].key)
                yield futures[future], told
        left = [cell for cell in left if cell.key not in finished]
        if not left:
            return
    for cell in left:
        yield cell, f"its process died {_TRIES} times, perhaps for lack of memory: use fewer --workers"


class _Ray(Protocol):
    def init(self, **options: object) -> None: ...
    def is_initialized(self) -> bool: ...
    def remote(self, **options: object) -> Callable[[object], _Task]: ...
    def wait(self, references: list[object], *, num_returns: int) -> tuple[list[object], list[object]]: ...
    def get(self, reference: object) -> str: ...
    def shutdown(self) -> None: ...


class _Task(Protocol):
    def remote(self, run: object, cell: object) -> object: ...


def on_ray(cells: Sequence[Cell], run: Run[Cell], workers: int) -> Iterator[tuple[Cell, str]]:
    """Run several cells at once on Ray: the cluster that is there, or this machine. Dead workers are replaced.

    On a cluster the comparison's folder has to be one that all machines share.

    Raises:
        PluginError: Ray is not installed.
    """
    if find_spec("ray") is None:
        raise PluginError("--executor ray needs ray, which is not installed: pip install 'impasto[scale]'")
    library = import_module("ray")
    ray = cast(_Ray, library)
    is_ours = not ray.is_initialized()
    if is_ours:
        ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
    try:
        task = ray.remote(num_cpus=1, max_retries=_TRIES - 1)(_attempt)
        waiting, running = list(cells), dict[object, Cell]()
        while waiting or running:
            while waiting and len(running) < workers:
                cell = waiting.pop(0)
                running[task.remote(run, cell)] = cell
            (reference, *_), _ = ray.wait(list(running), num_returns=1)
            cell = running.pop(reference)
            try:
                told = ray.get(reference)
            except _deaths(library) as error:
                told = f"its worker died {_TRIES} times ({type(error).__name__})"
            yield cell, told
    finally:
        if is_ours:
            ray.shutdown()


def _deaths(library: ModuleType) -> tuple[type[Exception], ...]:
    """Return what Ray raises when a worker is gone; an error of the cell's own is a defect and passes through."""
    names = ("WorkerCrashedError", "OutOfMemoryError", "NodeDiedError")
    return tuple(getattr(library.exceptions, name) for name in names)


def _attempt(run: Run[Cell], cell: Cell) -> str:
    """Run a cell and return what the user can mend, as one line, or nothing; any other error is a defect and raised."""
    try:
        run(cell)
    except ImpastoError as error:
        return str(error)
    return ""
