"""Run the trials of a comparison: one after another, in processes, or on Ray. The results are the same.

A trial is a pure function of plain values that writes its own file, and it fixes its number of threads. An executor
only says when each is done, and why it failed in one line, or nothing. When a worker dies, the trials that were
not done are run again, and those that were are not.
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
    """A trial, as far as executors care: they are told apart by their keys."""

    @property
    def key(self) -> str:
        """What tells it apart."""


Trial = TypeVar("Trial", bound=HasKey)
Run: TypeAlias = Callable[[Trial], None]
_TRIES = 3


def serial(trials: Sequence[Trial], run: Run[Trial]) -> Iterator[tuple[Trial, str]]:
    """Run the trials in order."""
    for trial in trials:
        yield trial, _attempt(run, trial)


def in_processes(trials: Sequence[Trial], run: Run[Trial], workers: int) -> Iterator[tuple[Trial, str]]:
    """Run several trials at once in fresh processes of this machine; yields them as they end."""
    left = list(trials)
    for _ in range(_TRIES):
        finished: set[str] = set()
        with ProcessPoolExecutor(min(workers, len(left)), get_context("spawn")) as pool:
            futures: dict[Future[str], Trial] = {pool.submit(_attempt, run, trial): trial for trial in left}
            try:
                for future in as_completed(futures):
                    try:
                        message = future.result()
                    except BrokenProcessPool:  # a worker was killed: the pool gives up on all that are left
                        continue
                    finished.add(futures[future].key)
                    yield futures[future], message
            finally:
                pool.shutdown(cancel_futures=True)  # whoever leaves early waits for nothing but what has begun
        left = [trial for trial in left if trial.key not in finished]
        if not left:
            return
    for trial in left:
        yield trial, f"its process died {_TRIES} times, perhaps for lack of memory: use fewer --workers"


class _Ray(Protocol):
    def init(self, **options: object) -> None: ...
    def is_initialized(self) -> bool: ...
    def remote(self, **options: object) -> Callable[[object], _Task]: ...
    def wait(self, references: list[object], *, num_returns: int) -> tuple[list[object], list[object]]: ...
    def get(self, reference: object) -> str: ...
    def shutdown(self) -> None: ...


class _Task(Protocol):
    def remote(self, run: object, trial: object) -> object: ...


def on_ray(trials: Sequence[Trial], run: Run[Trial], workers: int) -> Iterator[tuple[Trial, str]]:
    """Run several trials at once on Ray: the cluster that is there, or this machine. Dead workers are replaced.

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
        waiting, running = list(trials), dict[object, Trial]()
        while waiting or running:
            while waiting and len(running) < workers:
                trial = waiting.pop(0)
                running[task.remote(run, trial)] = trial
            (reference, *_), _ = ray.wait(list(running), num_returns=1)
            trial = running.pop(reference)
            try:
                message = ray.get(reference)
            except _deaths(library) as error:
                message = f"its worker died {_TRIES} times ({type(error).__name__})"
            yield trial, message
    finally:
        if is_ours:
            ray.shutdown()


def _deaths(library: ModuleType) -> tuple[type[Exception], ...]:
    """Return what Ray raises when a worker is gone; an error of the trial's own is a defect and passes through."""
    names = ("WorkerCrashedError", "OutOfMemoryError", "NodeDiedError")
    return tuple(getattr(library.exceptions, name) for name in names)


def _attempt(run: Run[Trial], trial: Trial) -> str:
    """Run a trial; return what the user can mend, as one line, or nothing. Any other error is a defect and raised."""
    try:
        run(trial)
    except ImpastoError as error:
        return str(error)
    return ""
