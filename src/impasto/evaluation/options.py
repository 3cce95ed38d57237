"""Options of `impasto evaluate`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from impasto.core.config import Config
from impasto.core.option_groups import grouped
from impasto.core.paths import FileOrName, OutputFile
from impasto.models.source import POCKET


@grouped(
    pictures="images reference training prompts style_words resize", machine="features device", run="out overwrite"
)
class EvaluateOptions(Config):
    """Measure drawn pictures: against real ones by the same artist, their words, and what was learnt from."""

    images: Path
    """Folder of drawn pictures, PNG only."""
    reference: FileOrName
    """Folder of real pictures of the style that no training saw; or pack:NAME: its held-out ones."""
    training: FileOrName | None = None
    """Folder of the pictures that the style was learnt from, or pack:NAME: measures copying."""
    prompts: Path | None = None
    """CSV with columns name and prompt, or TXT with a prompt a line; by default what lies beside pictures."""
    style_words: str = ""
    """What the prompts say for the style: they are measured with and without these words."""
    features: FileOrName = POCKET
    """pocket, strokes, clip:NAME, dino:NAME, csd:FILE, inception:FILE, open_clip:MODEL@FILE."""
    resize: int | None = Field(default=None, ge=16, le=4096)
    """Bring all pictures to their middle square with this side first; without it, all must have one size."""
    out: OutputFile | None = None
    """JSON file to write the numbers to."""
    overwrite: bool = False
    """Replace the file that --out names where it exists; without it, it is refused."""
    device: str = "cpu"
    """auto, cpu, cuda, cuda:1 or mps."""
