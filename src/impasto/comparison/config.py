"""What a comparison is made of: a TOML file with methods, styles and seeds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from impasto.core.config import Config
from impasto.core.option_groups import grouped
from impasto.core.paths import FileOrName, OutputFolder
from impasto.data.packs import PREFIX
from impasto.models.checks.base_facts import BaseFacts
from impasto.models.source import POCKET
from impasto.registry.recipes import guidance_for

BASE_ROW = "base"
"""The row that learns nothing: what the base draws for the bare prompts."""


def usual_guidance(base: str) -> float:
    """Return the guidance scale of a comparison on `base` that names none."""
    return guidance_for(POCKET if base == POCKET else "")


@grouped(machine="workers executor device", run="comparison out dry_run")
class CompareOptions(Config):
    """Compare methods on styles: train, draw and measure every trial of a table, and report it."""

    comparison: Path
    """TOML file with methods, styles and seeds; see docs/compare.md."""
    out: OutputFolder = Path("comparison")
    """Folder for trials and report; a comparison that was stopped goes on there."""
    workers: int = Field(default=1, ge=1)
    """Trials at once: speed and memory, not the result."""
    executor: Literal["processes", "ray"] = "processes"
    """What runs several trials at once: processes of this machine, or Ray (pip install 'impasto[scale]')."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps."""
    dry_run: bool = False
    """Print the plan and stop."""


class StyleSource(Config):
    """One style of the comparison; "pack:NAME" alone takes all folders of a shipped pack."""

    name: str = Field(min_length=1)
    """In the report."""
    style_images: FileOrName
    """Folder of style pictures, pack:NAME, or a part such as pack:NAME/people."""
    aux_images: FileOrName | None = None
    """Folder of auxiliary pictures, or pack:NAME: for methods that show any."""
    reference: FileOrName
    """Folder of real pictures that no training saw, each with a caption beside it, or pack:NAME."""

    @model_validator(mode="before")
    @classmethod
    def _pack_by_name(cls, given: object) -> object:
        if not isinstance(given, str):
            return given
        name = given.removeprefix(PREFIX)
        if name == given or "/" in name:
            raise ValueError(f"{given!r} is no pack: write pack:NAME, or a table with name, style_images and reference")
        return {"name": name, "style_images": given, "aux_images": given, "reference": given}


class Search(Config):
    """How many steps each method trains, found on a style that is not compared: see step_search.py."""

    style: StyleSource
    """The validation style; none of the compared ones, nor a part of one."""
    every: int = Field(default=100, ge=1)
    """The distance is measured after this many steps, twice as many, and so on: each is a training of its own."""
    patience: int = Field(default=2, ge=1)
    """The search ends after so many measurements without an improvement."""
    max_steps: int = Field(default=1200, ge=1)
    """No training is longer."""
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    """The distance is a mean over these."""

    @field_validator("seeds")
    @classmethod
    def _seeds_once(cls, given: tuple[int, ...]) -> tuple[int, ...]:
        return _refuse_twice(given)

    @model_validator(mode="after")
    def _measures_at_all(self) -> Self:
        if self.max_steps < self.every:
            raise ValueError(f"max_steps = {self.max_steps} is less than every = {self.every}: nothing is measured")
        return self

    def steps(self) -> range:
        """Return at which steps the distance is measured at most."""
        return range(self.every, self.max_steps + 1, self.every)


class ComparisonConfig(BaseFacts):
    """Methods x styles x seeds, and how pictures are drawn and measured."""

    base: FileOrName = POCKET
    """pocket, a diffusers folder, a .safetensors checkpoint, or a hub name."""
    methods: Mapping[str, Mapping[str, object]] = Field(min_length=1)
    """Rows of the table: name -> what differs from the shipped recipe; "method" where the name is no method's."""
    styles: tuple[StyleSource, ...] = Field(min_length=1)
    """Each style by its folders, or "pack:NAME"."""
    seeds: tuple[int, ...] = Field(default=(0, 1, 2), min_length=1)
    """A training and a set of pictures for each."""
    search: Search | None = None
    """Find the steps of every method that states none; by default they are those of the shipped recipes."""
    num_prompts: int | None = Field(default=None, ge=10)
    """How many of the reference's captions are drawn; by default all."""
    features: FileOrName = POCKET
    """As for impasto evaluate."""
    steps: int = Field(default=20, ge=1, le=1000)
    """Steps of the sampler."""
    guidance_scale: float = Field(default_factory=lambda given: usual_guidance(given.get("base", "")), ge=1)
    """How strictly to follow the words; by default 3 for pocket and 5 for other bases, whose kind is not looked up."""
    sampler: Literal["dpm++", "ddim", "euler", "base"] = "dpm++"
    """The sampler; base takes the one that the base ships with."""
    strengths: tuple[Annotated[float, Field(ge=0, le=10)], ...] = ()
    """Scales at which every style is drawn and measured besides 1, such as [0.25, 0.5, 0.75, 1.0, 1.25]."""
    threads: int = Field(default=1, ge=1)
    """Of the arithmetic in a trial. It is fixed, since it may change the last bit of results."""
    columns: int = Field(default=8, ge=1, le=24)
    """Prompts on the sheet of pictures."""

    @field_validator("styles")
    @classmethod
    def _names_once(cls, given: tuple[StyleSource, ...]) -> tuple[StyleSource, ...]:
        names = [style.name for style in given]
        if len(set(names)) < len(names):
            raise ValueError("names of styles must differ")
        return given

    @field_validator("strengths")
    @classmethod
    def _strengths_once(cls, given: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(given)) < len(given):
            raise ValueError("strengths must differ")
        return given

    @field_validator("seeds")
    @classmethod
    def _seeds_once(cls, given: tuple[int, ...]) -> tuple[int, ...]:
        return _refuse_twice(given)


def _refuse_twice(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise ValueError("seeds must differ and not be negative")
    return seeds
