"""Load a diffusers pipeline for a family from wherever the base is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from diffusers import DiffusionPipeline
from safetensors import SafetensorError

from impasto.core.errors import ResourceError
from impasto.core.paths import SAFETENSORS
from impasto.models.source import Source


def load_pipeline(
    pipeline_class: type[DiffusionPipeline], source: Source, *, device: torch.device, dtype: torch.dtype
) -> DiffusionPipeline:
    """Return the pipeline with its weights, safetensors only.

    Raises:
        ResourceError: The files are missing, damaged or could not be fetched.
    """
    options: dict[str, object] = {"dtype": dtype}
    try:
        with quiet_loading():
            if source.is_single_file:
                with _spelled_for_diffusers(Path(source.location)) as path:
                    pipe = pipeline_class.from_single_file(str(path), **options)
            else:
                pipe = pipeline_class.from_pretrained(source.location, use_safetensors=True, **options)
    except (OSError, ValueError, SafetensorError) as error:
        first_line = str(error).strip().splitlines()[0]
        raise ResourceError(f"base {source.name} could not be loaded: {first_line}") from error
    return pipe.to(device)


@contextmanager
def _spelled_for_diffusers(path: Path) -> Iterator[Path]:
    """Yield the checkpoint under a name in .safetensors: diffusers takes .SAFETENSORS for a pickle."""
    if path.suffix == SAFETENSORS:
        yield path
        return
    with TemporaryDirectory() as folder:
        link = Path(folder) / path.with_suffix(SAFETENSORS).name
        link.symlink_to(path.absolute())
        yield link


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Keep other libraries' loading bars off the terminal: the caller shows its own progress."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    loud = [each for each in (diffusers_logging, transformers_logging) if each.is_progress_bar_enabled()]
    for each in loud:
        each.disable_progress_bar()
    try:
        yield
    finally:
        for each in loud:
            each.enable_progress_bar()
