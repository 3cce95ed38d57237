"""Write the report of a comparison again from what its folder holds: after judging, without planning anything."""

from __future__ import annotations

import json
from pathlib import Path

from impasto.comparison.config import ComparisonConfig, StyleSource
from impasto.comparison.report import Status, write_report
from impasto.comparison.trial import Trial
from impasto.core.config import validated
from impasto.core.errors import DataError


def refresh_report(out: Path) -> bool:
    """Write the three files again; returns False where a search chose steps, which only `impasto compare` can tell.

    Raises:
        DataError: There is no report in `out`.
    """
    try:
        config = validated(
            ComparisonConfig, json.loads((out / "report.json").read_text("utf-8"))["config"], source="report.json"
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{out} holds no report: run impasto compare first") from error
    if config.search is not None:
        return False
    styles = {style.name: style for style in config.styles}
    found = [_trial_in(file, styles, out) for file in sorted(out.glob("trials/*/trial.json"))]
    order = {name: place for place, name in enumerate(config.methods)}
    trials = sorted((each for each in found if each is not None), key=lambda each: (order[each.row], each.seed))
    count = len(config.methods) * len(config.styles) * len(config.seeds)
    write_report(config, out, Status(trials, count, (), {}))
    return True


def _trial_in(file: Path, styles: dict[str, StyleSource], out: Path) -> Trial | None:
    """Return the trial of a file, or None if the comparison no longer has its style."""
    facts = json.loads(file.read_text("utf-8"))
    style = styles.get(facts["style"])
    if style is None:
        return None
    strengths = tuple(float(each["strength"]) for each in facts["strengths"])
    of_style = (facts["style"], facts["seed"], facts["values"], style.reference, style.style_images, facts["drawing"])
    return Trial(facts["row"], facts["method"], *of_style, "auto", out, file.parent.name, strengths)
