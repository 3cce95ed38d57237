"""The process that `faults.py` kills: it trains, and can be told to kill itself at an exact moment.

Library code knows nothing of this: file operations are counted by Python's audit hooks, and half-written files are made
by a `save_file` that stops in the middle.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import closing
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import diffusers
import matplotlib.figure
import peft
import torch
from safetensors.torch import save

import impasto.core.checkpoints
import impasto.core.store
import impasto.style.file
from impasto.core.errors import ImpastoError
from impasto.registry.methods import find_method
from impasto.training.options import TrainOptions
from impasto.training.train import train

PRELOADED = (diffusers.StableDiffusionXLPipeline, peft.LoraConfig, matplotlib.figure.Figure)
"""Named here so that they are imported once, before the server forks."""
REFUSED, BROKEN = 3, 4
_TOUCHING = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.chmod"}


def die() -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_at_file_operation(folder: str, number: int, tell: Synchronized[int]) -> None:
    """Count operations on files below `folder`; die before the one with the given number (0: never)."""
    seen = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event not in _TOUCHING or folder not in str(arguments[0]) or _only_reads(event, arguments):
            return
        seen += 1
        tell.value = seen
        if seen == number:
            die()

    sys.addaudithook(hook)


def _only_reads(event: str, arguments: tuple[Any, ...]) -> bool:
    if event != "open":
        return False
    flags = arguments[2]
    return isinstance(flags, int) and not flags & (os.O_WRONLY | os.O_RDWR)


def die_while_writing(number: int, share: float) -> None:
    """Let the tensor file with the given number (from 1) be written up to `share`, then die."""
    written = 0

    def halting(whole: Callable[..., None]) -> Callable[..., None]:
        def save_file(tensors: dict[str, torch.Tensor], path: Path, **more: dict[str, str]) -> None:
            nonlocal written
            written += 1
            if written == number:
                raw = save(tensors, **more)
                Path(path).write_bytes(raw[: int(len(raw) * share)])
                die()
            whole(tensors, path, **more)

        return save_file

    for module in (impasto.core.checkpoints, impasto.core.store, impasto.style.file):
        vars(module)["save_file"] = halting(vars(module)["save_file"])


def live(
    values: dict[str, Any], method: str, settings: dict[str, Any], death: dict[str, Any], tell: Synchronized[int]
) -> None:
    """Train with `values`; what a user would be told goes to `told.txt` beside the run folder."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    torch.set_num_threads(1)
    options = TrainOptions(**values)
    told = Path(str(options.run_dir)).parent / "told.txt"
    told.write_text("")
    if death.get("kind") == "writing":
        die_while_writing(death["number"], death["share"])
    die_at_file_operation(str(told.parent), death["number"] if death.get("kind") == "operation" else 0, tell)
    try:
        plugin = find_method(method)
        made: Any = plugin
        with closing(train(options, made(made.Config(**settings)))) as events:
            for _ in events:
                pass
    except ImpastoError as error:
        told.write_text(str(error))
        os._exit(REFUSED)
    except BaseException as error:
        told.write_text(f"{type(error).__name__}: {error}")
        os._exit(BROKEN)
    os._exit(0)
