"""Write the report of a comparison again from what its folder holds: after judging, without planning anything."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from impasto.comparison.config import ComparisonConfig, StyleSource
from impasto.comparison.report import Status, write_report
from impasto.comparison.trial import Trial
from impasto.core.config import validated
from impasto.core.errors import DataError


def refresh_report(out: Path) -> bool:
    """Write the three files again; returns False where a search chose steps, which only `impasto compare` can tell.

    The report says which trials are its own: others in the folder are of rows or options that it no longer has.

    Raises:
        DataError: There is no report in `out`.
    """
    try:
        report = json.loads((out / "report.json").read_text("utf-8"))
        config = validated(ComparisonConfig, report["config"], source="report.json")
        keys = {str(label): str(each["key"]) for label, each in report["trials"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{out} holds no report: run impasto compare first") from error
    if config.search is not None:
        return False
    cells = [(row, style, seed) for seed in config.seeds for row in config.methods for style in config.styles]
    trials = [_trial(row, style, seed, keys, out) for row, style, seed in cells]
    write_report(config, out, Status(trials, len(cells), (), {}))
    return True


def _trial(row: str, style: StyleSource, seed: int, keys: dict[str, str], out: Path) -> Trial:
    """Return a trial of the report, with what its file says if it is done."""
    blank = Trial(row, "", style.name, seed, {}, style.reference, style.style_images, {}, "auto", out, key="none yet")
    trial = replace(blank, key=keys.get(blank.label(), blank.key))
    if not trial.file.is_file():
        return trial
    facts = json.loads(trial.file.read_text("utf-8"))
    strengths = tuple(float(each["strength"]) for each in facts["strengths"])
    return replace(trial, method=facts["method"], values=facts["values"], drawing=facts["drawing"], strengths=strengths)
