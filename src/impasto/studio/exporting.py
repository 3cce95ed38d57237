"""Style files for other tools, written when somebody asks for one."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Literal

from impasto.conversion.convert import ConvertOptions, convert
from impasto.conversion.extract import ExtractOptions, extract
from impasto.core.errors import ImpastoError
from impasto.core.paths import SAFETENSORS
from impasto.style.file import read_card

ExportFormat = Literal["diffusers", "kohya", "kohya-ldm", "comfyui"]
"""Those of `impasto convert` that are one file and need no base; a low-rank style file itself is that of diffusers."""


@dataclass(frozen=True, slots=True)
class Exported:
    """A file in a folder of its own, which `remove` takes away once it is sent."""

    path: Path

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.path.parent, ignore_errors=True)


def exported(style: Path, form: ExportFormat) -> Exported:
    """Write a style for another tool; of all weights, which no other tool reads, the low-rank part as `extract` does.

    Raises:
        ImpastoError: The format cannot hold this style.
    """
    made = Exported(Path(mkdtemp(prefix="impasto-")) / f"{style.stem}-{form}{SAFETENSORS}")
    try:
        source = style
        if kind_of(style) == "full":
            source = made.path.with_name(style.name)
            extract(ExtractOptions(source=style, out=source))
        convert(ConvertOptions(source=source, out=made.path, format=form))
    except BaseException:
        made.remove()
        raise
    return made


def kind_of(style: Path) -> str:
    """Return what a style file holds; those of other tools are low rank."""
    try:
        return read_card(style).kind
    except ImpastoError:
        return "lora"
