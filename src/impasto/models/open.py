"""From the name of a base to the loaded model."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Literal, TypeAlias

import torch
from diffusers import DiffusionPipeline

from impasto.core.errors import ConfigError, ResourceError
from impasto.core.files import is_folder
from impasto.core.precision import SLOW_IN_BFLOAT16, is_slow_in_bfloat16
from impasto.models.checks.base_facts import PredictionName, ZeroSnr
from impasto.models.checks.schedule import override
from impasto.models.find_family import family_of_pipeline, find_family
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.loading import load_pipeline, replace_autoencoder
from impasto.models.roles import read_roles
from impasto.models.source import POCKET, Source, find_base

Precision: TypeAlias = Literal["auto", "fp32", "bf16", "fp16"]
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def choose_device(name: str) -> torch.device:
    """Return the device called `name`; "auto" takes CUDA, then MPS, then the CPU.

    Raises:
        ConfigError: There is no such kind of device.
        ResourceError: The device is not there.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"device {name!r} is unknown: use auto, cpu, cuda, cuda:1 or mps") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ResourceError(f"device {name!r} is not there: this machine has no CUDA device, or torch is a CPU build")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ResourceError(
            f"device {name!r} is not there: this machine has {torch.cuda.device_count()} CUDA devices, counted from 0"
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ResourceError(f"device {name!r} is not there: this machine has no Apple GPU, or torch is another build")
    return device


def choose_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """Return the weights' precision; "auto" is float32 on the CPU and bfloat16 elsewhere."""
    if precision == "auto":
        return torch.float32 if device.type == "cpu" else torch.bfloat16
    return _DTYPES[precision]


def computing_in(dtype: torch.dtype, device: torch.device) -> AbstractContextManager[object]:
    """Return the context in which matrix products are computed in `dtype`, whatever the weights are in."""
    return nullcontext() if dtype is torch.float32 else torch.autocast(device.type, dtype)


def notes_on_precision(precision: Precision, device: torch.device) -> tuple[str, ...]:
    """Return what the user should know of a precision that was asked for."""
    is_slow = precision == "bf16" and is_slow_in_bfloat16(device)
    return (f"--precision bf16: {SLOW_IN_BFLOAT16}",) if is_slow else ()


def open_base(
    name: str,
    *,
    device: str = "auto",
    precision: Precision = "auto",
    prediction: PredictionName = "auto",
    zero_snr: ZeroSnr = "auto",
    vae: str | None = None,
) -> LatentDiffusion:
    """Return the base called `name`, loaded.

    Args:
        name: "pocket", a diffusers folder, a `.safetensors` checkpoint, or a hub name.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        precision: "auto", "fp32", "bf16" or "fp16"; auto is fp32 on the CPU and bf16 elsewhere.
        prediction: What it predicts, where what it says is wrong or missing.
        zero_snr: Whether its last timestep is pure noise, where what it says is wrong or missing.
        vae: Another autoencoder; see `replace_autoencoder`.

    Raises:
        ImpastoError: It cannot be used; one line says why. All that can be known of that is checked here.
    """
    source = find_base(name)
    family = find_family(source.family)
    chosen = choose_device(device)
    pipe = load_pipeline(family, source, device=chosen, dtype=choose_dtype(precision, chosen))
    if vae is not None:
        replace_autoencoder(pipe, vae, choose_dtype(precision, chosen))
    notes = _believe(pipe, source, prediction, zero_snr)
    roles = None if source.is_single_file else read_roles(Path(source.location))
    return family(pipe, source.recipe, roles, name=name, notes=notes)


def _believe(pipe: DiffusionPipeline, source: Source, prediction: PredictionName, zero_snr: ZeroSnr) -> tuple[str, ...]:
    """Set what the base predicts and its last timestep: as asked, else as a checkpoint's marks say."""
    header, notes = source.header, []
    if header is not None and header.predicts_v and prediction == "auto":
        prediction = "v"
        notes.append("the checkpoint is marked v_pred: it predicts v (--prediction overrides)")
    if header is not None and header.has_zero_snr and zero_snr == "auto":
        zero_snr = "yes"
        notes.append("the checkpoint is marked ztsnr: its last timestep is pure noise (--zero-snr overrides)")
    override(pipe, prediction, zero_snr)
    return tuple(notes)


def wrap_pipeline(pipe: DiffusionPipeline, recipe: str | None = None) -> LatentDiffusion:
    """Return a diffusers pipeline as a base; raises `ConfigError` that lists the supported classes.

    Args:
        pipe: Its networks are frozen and put into inference mode.
        recipe: Which measured settings fit; by default "pocket" for pocket, else those of the family.
    """
    name = family_of_pipeline(type(pipe).__name__, "given")
    family = find_family(name)
    stated = getattr(pipe, "name_or_path", None)
    folder = Path(str(stated)) if stated else None  # one that was put together in memory is from no folder
    is_pocket = str(folder) == find_base(POCKET).location
    roles = read_roles(folder) if folder is not None and is_folder(folder) else None
    return family(pipe, recipe or (POCKET if is_pocket else name), roles)
