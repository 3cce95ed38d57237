"""Turn a full fine-tune into a small LoRA that loads everywhere."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from impasto.adapters.extract import Extracted, extract_low_rank
from impasto.core.config import Config
from impasto.core.errors import ConfigError, StyleFileError
from impasto.core.files import refuse_existing, refuse_folder
from impasto.core.option_groups import grouped
from impasto.core.paths import OutputFile, is_safetensors
from impasto.style.file import Style, load_style, save_style


@grouped(learning="source rank", run="out overwrite dry_run")
class ExtractOptions(Config):
    """Extract a low-rank style from a full fine-tune, by singular value decomposition."""

    source: Path
    """A style file that holds weight differences (trained with --learn full)."""
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
    style = load_style(options.source)
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
    rows = {name: tensor for name, tensor in style.tensors.items() if name.startswith("new_token.")}
    save_style(options.out, Style(card, extracted.tensors | rows))
    return extracted
