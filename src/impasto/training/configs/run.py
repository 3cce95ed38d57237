"""Where a run writes, and how it is resumed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field, field_validator

from impasto.core.config import Config
from impasto.core.option_groups import Group, listed_under
from impasto.core.paths import OutputFile, OutputFolder, is_safetensors
from impasto.reporting.trackers import TrackerName

_LONGEST_STEM = 50


@listed_under(Group.RUN, first="out seed resume dry_run")
class RunConfig(Config):
    """The style file, the run folder, checkpoints and the seed."""

    out: OutputFile
    """The style file to write, ending in .safetensors."""
    overwrite: bool = False
    """Replace the file that --out names where it exists; without it, it is refused."""
    seed: int = Field(default=0, ge=0, le=2**63 - 1)
    """Same seed, same machine, same style."""
    run_dir: OutputFolder | None = None
    """Folder for samples, log and loss plot; by default a new one below runs/."""
    track: TrackerName = "none"
    """Show losses, samples and measurements in tensorboard (written into the run folder) or wandb too."""
    checkpoint_every: int = Field(default=0, ge=0)
    """Write all that is needed to go on every so many steps; 0 does so only when the run is stopped or paused."""
    resume: bool = False
    """Go on with the run in --run-dir where it was stopped; the other options must be those it began with."""
    dry_run: bool = False
    """Print the plan and stop."""

    @field_validator("out")
    @classmethod
    def _is_safetensors(cls, out: Path) -> Path:
        if not is_safetensors(out):
            raise ValueError(f"must end in .safetensors, for example {out.with_suffix('.safetensors').name}")
        return out

    def run_folder(self) -> Path:
        """Return the run folder: the chosen one, or a new one named after style and time."""
        if self.run_dir is not None:
            return self.run_dir
        return Path("runs") / f"{self.out.stem[:_LONGEST_STEM]}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
