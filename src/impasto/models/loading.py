"""Load a diffusers pipeline for a family from wherever the base is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import torch
from diffusers import AutoencoderKL, DiffusionPipeline
from diffusers.loaders import FromSingleFileMixin
from transformers import CLIPTokenizer

from impasto.core.errors import ConfigError, ImpastoError, ResourceError, first_line
from impasto.core.files import is_file, is_folder
from impasto.core.paths import SAFETENSORS, is_safetensors
from impasto.models.checks.folder import check_folder, library_of
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.source import Source

_UNUSED = "safety_checker"
"""The part of a pipeline that is never used here: whether it is there does not matter."""
_OWN_ENCODER = ("feature_extractor", "image_encoder")
"""Parts that image prompts use where a base has them: many do not, whatever their index says."""
_NOT_LEARNT = ("position_ids",)


def load_pipeline(
    family: type[LatentDiffusion], source: Source, *, device: torch.device, dtype: torch.dtype
) -> DiffusionPipeline:
    """Return the pipeline of a family with its weights, safetensors only.

    Raises:
        ResourceError: The files are missing, damaged or could not be fetched.
        ConfigError: They are of another kind than the family's.
    """
    try:
        with quiet_loading():
            if source.is_single_file:
                with _spelled_for_diffusers(Path(source.location)) as path:
                    pipe = _from_file(family.pipeline_class, path, dtype)
            else:
                pipe = _from_folder(family, source, dtype)
        pipe.to(device)
        return pipe
    except ImpastoError:
        raise
    except Exception as error:  # libraries raise whatever they stumble over in damaged files
        raise ResourceError(
            f"base {source.name} could not be loaded: {first_line(error)}{_hint(family, source)}"
        ) from error


def _hint(family: type[LatentDiffusion], source: Source) -> str:
    if not source.is_single_file or family.single_file is None:
        return ""
    return (
        f" (a single file needs the configuration of {family.single_file.configuration}, which is fetched from the hub "
        "once: connect to it, or give a diffusers folder)"
    )


def _from_file(kind: type[DiffusionPipeline], path: Path, dtype: torch.dtype) -> DiffusionPipeline:
    found = cast("type[FromSingleFileMixin]", kind).from_single_file(str(path), dtype=dtype)
    return cast(DiffusionPipeline, found)


def _from_folder(family: type[LatentDiffusion], source: Source, dtype: torch.dtype) -> DiffusionPipeline:
    pipeline_class, parts = family.pipeline_class, family.parts
    folder = Path(source.location)
    if not folder.is_dir():
        unused = {_UNUSED: None}
        folder = Path(cast(str, pipeline_class.download(source.location, use_safetensors=True, **unused)))
    variants = check_folder(folder, parts, family.refuse_scheduler, source.name)
    networks = {
        part: _network(folder / part, parts.networks[part], variant, dtype, source.name)
        for part, variant in variants.items()
    }
    extra = dict(parts.arguments) | {part: None for part in _OWN_ENCODER if not (folder / part).is_dir()}
    return pipeline_class.from_pretrained(folder, **networks, **extra)


def _network(folder: Path, class_name: str, variant: str | None, dtype: torch.dtype, name: str) -> torch.nn.Module:
    """Return a network with all of its weights: what files lack would be drawn at random by the libraries."""
    part, kind = folder.name, getattr(library_of(class_name), class_name)
    network, found = kind.from_pretrained(
        folder,
        use_safetensors=True,
        variant=variant,
        dtype=dtype,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # told below, in one line
    )
    if found["mismatched_keys"]:
        layer = str(min(found["mismatched_keys"])[0])
        raise ResourceError(
            f"base {name}: {layer} of {part} has another shape than its config.json says: take both from one base"
        )
    missing = [each for each in found["missing_keys"] if not each.endswith(_NOT_LEARNT)]
    if missing:
        raise ResourceError(f"base {name}: the weights of {part} lack {min(missing)}: download the base again, whole")
    return cast(torch.nn.Module, network)


def replace_autoencoder(pipe: DiffusionPipeline, name: str, dtype: torch.dtype) -> None:
    """Put the autoencoder called `name` into a pipeline, before anybody looks at its own.

    Args:
        pipe: Of the base; on its device.
        name: A diffusers folder, of an autoencoder or of a base, a `.safetensors` file with the base's own layout, or a
            hub name.
        dtype: Of its weights.

    Raises:
        ConfigError: Its latents are not those of the base.
        ResourceError: It is missing, damaged or could not be fetched.
    """
    own: AutoencoderKL = pipe.vae
    try:
        with quiet_loading():
            found = _autoencoder(name, own, dtype)
    except Exception as error:  # libraries raise whatever they stumble over
        raise ResourceError(
            f"--vae {name} could not be loaded ({first_line(error)[:160]}): name a diffusers folder, a .safetensors "
            "file or a hub name of an autoencoder"
        ) from error
    for what, mine, its in (
        ("channels", own.config["latent_channels"], found.config["latent_channels"]),
        ("levels", len(own.config["block_out_channels"]), len(found.config["block_out_channels"])),
    ):
        if mine != its:
            raise ConfigError(
                f"--vae {name} makes latents of {its} {what}, this base reads {mine}: take one that was made for it"
            )
    found.to(own.device)  # type: ignore[arg-type]  # diffusers wraps to() without its self
    pipe.register_modules(vae=found.eval())


def _autoencoder(name: str, own: AutoencoderKL, dtype: torch.dtype) -> AutoencoderKL:
    path = Path(name)
    if is_file(path):
        if not is_safetensors(path):
            raise ValueError("only .safetensors is read")
        with TemporaryDirectory() as folder:  # a file holds no settings: those of the base's own are taken
            own.save_config(folder)
            return cast(AutoencoderKL, AutoencoderKL.from_single_file(str(path), config=folder, torch_dtype=dtype))
    if is_folder(path) and not is_file(path / "config.json"):
        path = path / "vae"
    given = str(path) if is_folder(path) else name
    return cast(AutoencoderKL, AutoencoderKL.from_pretrained(given, use_safetensors=True, torch_dtype=dtype))


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


def tokenizers_in(folder: Path) -> tuple[CLIPTokenizer, ...]:
    """Return the tokenizers of a base in a diffusers folder; those that cannot be read are told where it is opened."""
    found: list[CLIPTokenizer] = []
    for place in (folder / "tokenizer", folder / "tokenizer_2"):
        if not is_folder(place):
            continue
        with quiet_loading():
            try:
                found.append(CLIPTokenizer.from_pretrained(place))
            except (OSError, ValueError, TypeError):
                continue
    return tuple(found)


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
