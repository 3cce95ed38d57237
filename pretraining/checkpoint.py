"""Resumable state of a pretraining stage: one folder, written beside and put in place by a rename.

Weights, optimiser moments and states of random generators are safetensors, counters JSON; nothing is ever pickled.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

STAGES = Path(os.environ.get("POCKET_STAGES", "pretraining/stages"))
"""Where stages keep their state; the environment can name another folder, for a rehearsal."""

GENERATORS = "generators.safetensors"

FORMER = STAGES / "former.json"
"""What was measured of the published weights that training goes on from."""


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    tensors = {}
    for index, state in optimizer.state_dict()["state"].items():
        for key, value in state.items():
            tensors[f"{index}.{key}"] = torch.as_tensor(value).contiguous()
    return tensors


def _restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def save_stage(
    stage: str,
    modules: Mapping[str, nn.Module],
    optimizer: torch.optim.Optimizer,
    counters: Mapping[str, int],
    generators: Mapping[str, torch.Generator] | None = None,
) -> None:
    """Replace the saved state of `stage` by the given one."""
    staging = STAGES / f".{stage}.new"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    for name, module in modules.items():
        save_file(
            {key: value.contiguous() for key, value in module.state_dict().items()}, staging / f"{name}.safetensors"
        )
    save_file(_optimizer_tensors(optimizer), staging / "optimizer.safetensors")
    if generators:
        states = {name: generator.get_state() for name, generator in generators.items()}
        save_file(states, staging / GENERATORS)
    (staging / "counters.json").write_text(json.dumps(dict(counters)), "utf-8")
    previous = STAGES / f".{stage}.old"
    shutil.rmtree(previous, ignore_errors=True)
    if (STAGES / stage).exists():
        (STAGES / stage).replace(previous)
    staging.replace(STAGES / stage)


def write_weights(
    stage: str,
    modules: Mapping[str, nn.Module],
    counters: Mapping[str, int] = MappingProxyType({"step": 0, "seconds": 0}),
) -> None:
    """Write float32 weights as the state of `stage`, in the place of what is there, without moments or generators."""
    folder = STAGES / stage
    for known in (folder, STAGES / f".{stage}.old"):
        shutil.rmtree(known, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, module in modules.items():
        state = {key: value.float().contiguous() for key, value in module.state_dict().items()}
        save_file(state, folder / f"{name}.safetensors")
    (folder / "counters.json").write_text(json.dumps(dict(counters)), "utf-8")


def load_stage(
    stage: str,
    modules: Mapping[str, nn.Module],
    optimizer: torch.optim.Optimizer | None,
    generators: Mapping[str, torch.Generator] | None = None,
) -> dict[str, int]:
    """Load the saved state of `stage` in place; returns its counters, empty when there is none.

    Optimiser and generators stay as they are where only weights were saved, as by `pretraining.restore`.
    """
    present, previous = STAGES / stage, STAGES / f".{stage}.old"
    folder = present if present.exists() else previous  # killed between the two renames of a save
    if not folder.exists():
        return {}
    for name, module in modules.items():
        module.load_state_dict(load_file(folder / f"{name}.safetensors"))
    if optimizer is not None and (folder / "optimizer.safetensors").exists():
        _restore_optimizer(optimizer, load_file(folder / "optimizer.safetensors"))
    if generators and (folder / GENERATORS).exists():
        states = load_file(folder / GENERATORS)
        for name, generator in generators.items():
            generator.set_state(states[name])
    counters: dict[str, int] = json.loads((folder / "counters.json").read_text("utf-8"))
    return counters
