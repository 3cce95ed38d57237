"""A run of several processes: one of them writes, the others learn along."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from impasto.core.errors import ConfigError
from impasto.training.distributed import Processes, join_processes, leave_processes
from impasto.training.options import TrainOptions


@contextmanager
def together(options: TrainOptions) -> Iterator[tuple[Processes, TrainOptions]]:
    """Join the other processes, if there are any; yields them and this process's options.

    All but the first write to a folder that is removed again, and draw no samples. Each takes a GPU of its own.

    Raises:
        ConfigError: --resume with several processes.
    """
    processes = join_processes(options.device)
    if processes.count == 1:
        yield processes, options
        return
    try:
        if options.resume:
            raise ConfigError(f"--resume works with one process, here are {processes.count}: start it alone")
        if options.device in {"auto", "cuda"} and processes.has_gpus:
            options = options.model_copy(update={"device": f"cuda:{processes.local_rank}"})
        if processes.is_first:
            yield processes, options
            return
        with TemporaryDirectory(prefix="impasto-") as spare:
            away = {"out": Path(spare) / options.out.name, "run_dir": Path(spare) / "run"}
            quiet = {"sample_every": 0, "checkpoint_every": 0, "save_every": 0, "track": "none"}
            yield processes, options.model_copy(update=away | quiet)
    finally:
        leave_processes()
