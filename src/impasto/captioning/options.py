"""Options of `impasto caption`."""

from __future__ import annotations

from pathlib import Path

from impasto.core.config import Config
from impasto.core.option_groups import grouped
from impasto.core.paths import FileOrName


@grouped(pictures="source base", machine="captioner device", run="dry_run")
class CaptionOptions(Config):
    """Write NAME.txt beside every NAME.png that has none: what the picture shows, without its style.

    Words come from the names of the files where these say something the base knows; else from a captioner. No file that
    exists is changed.
    """

    source: Path
    """A folder of pictures."""
    base: FileOrName = "pocket"
    """The base that will be trained: the words are to be its own."""
    captioner: FileOrName = "auto"
    """pocket, which knows drawings of its subjects alone, or a BLIP checkpoint (folder or hub name), instead of names;
    auto takes names, else what fits the base and is on this machine."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps; pocket is always on the CPU."""
    dry_run: bool = False
    """Say what would be written, and write nothing."""
