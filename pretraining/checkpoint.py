"""Resumable state of a pretraining stage: one folder, written beside and put in place by a rename.

Weights and optimiser moments are safetensors, counters JSON; nothing is ever pickled.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

STAGES = Path("pretraining/stages")
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
    stage: str, modules: Mapping[str, nn.Module], optimizer: torch.optim.Optimizer, counters: Mapping[str, int]
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
    (staging / "counters.json").write_text(json.dumps(dict(counters)), "utf-8")
    previous = STAGES / f".{stage}.old"
    shutil.rmtree(previous, ignore_errors=True)
    if (STAGES / stage).exists():
        (STAGES / stage).replace(previous)
    staging.replace(STAGES / stage)


def load_stage(stage: str, modules: Mapping[str, nn.Module], optimizer: torch.optim.Optimizer | None) -> dict[str, int]:
    """Load the saved state of `stage` in place; returns its counters, empty when there is none."""
    present, previous = STAGES / stage, STAGES / f".{stage}.old"
    folder = present if present.exists() else previous  # killed between the two renames of a save
    if not folder.exists():
        return {}
    for name, module in modules.items():
        module.load_state_dict(load_file(folder / f"{name}.safetensors"))
    if optimizer is not None and (folder / "optimizer.safetensors").exists():  # absent after `pretraining.restore`
        _restore_optimizer(optimizer, load_file(folder / "optimizer.safetensors"))
    counters: dict[str, int] = json.loads((folder / "counters.json").read_text("utf-8"))
    return counters
