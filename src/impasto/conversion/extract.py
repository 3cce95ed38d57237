"""Turn a full fine-tune into a small LoRA that loads everywhere."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from impasto.adapters.extract import Extracted, extract_low_rank
from impasto.adapters.full_weights import WHOLE
from impasto.adapters.new_tokens import TOKEN
from impasto.adapters.whole_weights import as_changes
from impasto.core.config import Config
from impasto.core.errors import ConfigError, StyleFileError
from impasto.core.files import refuse_existing, refuse_folder
from impasto.core.option_groups import grouped
from impasto.core.paths import FileOrName, OutputFile, is_safetensors, without_folders
from impasto.models.open import open_base
from impasto.style.attach import verify
from impasto.style.file import Style, load_style, save_style


@grouped(learning="source base rank", run="out overwrite dry_run")
class ExtractOptions(Config):
    """Extract a low-rank style from a full fine-tune, by singular value decomposition."""

    source: Path
    """A style file that holds weight differences (trained with --learn full), or weights of Custom Diffusion."""
    base: FileOrName | None = None
    """With weights of Custom Diffusion, which another tool saved whole: the base that they belong to."""
    out: OutputFile
    """The file to write, ending in .safetensors."""
    overwrite: bool = False
    """Replace the file that --out names where it exists; without it, it is refused."""
    rank: int = Field(default=16, ge=1, le=4096)
    """Rank of every pair; layers with a smaller side get that."""
    dry_run: bool = False
    """Print what would be kept and stop."""


def extract(options: ExtractOptions) -> Extracted:
    """Return the low-rank style with its reconstruction error; writes it, unless it is a dry run."""
    refuse_folder(options.out, "--out")
    refuse_existing(options.out, "--out", overwrite=options.overwrite)
    if not is_safetensors(options.out):
        raise ConfigError(f"--out {options.out} must end in .safetensors")
    style = _differences(load_style(options.source), options)
    if style.card.kind != "full":
        raise StyleFileError(
            f"style file {options.source} is of kind {style.card.kind} already: extract needs a full one"
        )
    extracted = extract_low_rank(style.tensors, options.rank)
    if options.dry_run:
        return extracted
    card = style.card.model_copy(
        update={"kind": "lora", "config": style.card.config | {"extracted_rank": options.rank}}
    )
    rows = {name: tensor for name, tensor in style.tensors.items() if name.startswith(TOKEN)}
    save_style(options.out, Style(card, extracted.tensors | rows))
    return extracted


def _differences(style: Style, options: ExtractOptions) -> Style:
    """Return a style whose whole weights, if it has any, are differences from those of `--base`."""
    is_whole = any(name.startswith(WHOLE) for name in style.tensors)
    if not is_whole and options.base is None:
        return style
    if not is_whole or options.base is None:
        what = (
            "holds whole weights: give the --base that they belong to" if is_whole else "needs no --base: leave it out"
        )
        raise ConfigError(f"style file {options.source} {what}")
    base = open_base(options.base, device="cpu", precision="fp32")
    verify(base, style, str(options.source))
    told = {"family": base.family, "base": without_folders(options.base), "fingerprint": base.fingerprint()}
    return Style(style.card.model_copy(update=told), as_changes(base.networks(), style.tensors))
