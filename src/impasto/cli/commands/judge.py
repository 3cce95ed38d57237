"""Judge the pictures of a comparison, two at a time and blind, in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from impasto.cli.arguments import parse
from impasto.cli.commands.studio import refuse_without_extra
from impasto.core.option_groups import grouped
from impasto.studio.options import StudioOptions


@grouped(first="comparison", pictures="comparison")
class _Options(StudioOptions):
    comparison: Annotated[Path, tyro.conf.Positional]
    """Folder that impasto compare --out wrote."""


def run(arguments: list[str]) -> int:
    """Serve the judgement until interrupted."""
    about = "Two pictures of one prompt by two methods: which is better? What you say joins the report as a column."
    options = parse(_Options, arguments, command="judge", description=about)
    refuse_without_extra()
    from impasto.comparison.judgements import pictures_of_trials
    from impasto.studio.serve import serve

    pictures_of_trials(options.comparison)
    shared = StudioOptions(**options.model_dump(exclude={"comparison"}))
    serve(shared, lambda address: print(f"judge  {address}\nCtrl+C ends it"), options.comparison.resolve())
    return 0
