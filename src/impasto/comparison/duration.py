"""How long a comparison may take: one forward pass is timed, and training and drawing are so many of them."""

from __future__ import annotations

from collections.abc import Sequence

from impasto.comparison.config import ComparisonConfig
from impasto.comparison.entries import Entry
from impasto.comparison.plan import Plan
from impasto.comparison.step_search import SearchResult
from impasto.comparison.trial import Trial
from impasto.core.formatting import format_duration
from impasto.data.packs import pictures_of
from impasto.training.dataset import kinds_of
from impasto.training.plan import PASSES_OF_A_STEP


def format_time_left(plan: Plan, found: Sequence[SearchResult], pace: float) -> str:
    """Return how long what is not done takes, in words.

    Args:
        plan: All trials of the comparison.
        found: What is known of steps; of the others the longest training is expected.
        pace: Seconds of a forward pass for one picture.
    """
    longest = plan.config.search.max_steps if plan.config.search else 0
    steps = {each.row: each.best if each.is_over else longest for each in found}
    rows = {(row.name, row.style.name): row for row in plan.rows}
    trials = [(rows[trial.row, trial.style], trial) for trial in plan.trials(steps)]
    for row, each in zip(plan.searched, found, strict=True):
        left = () if each.is_over else plan.points(row)
        trials += [(row, trial) for point in left for trial in point]
    passes = sum(_passes(plan.config, row, trial) for row, trial in trials if not trial.file.is_file())
    text = format_duration(passes * pace / plan.options.workers)
    return text if all(each.is_over for each in found) else text.replace("about", "at most")


def _passes(config: ComparisonConfig, row: Entry, trial: Trial) -> float:
    """Return how many forward passes of one picture a trial costs."""
    drawings = 1 + sum(scale != 1 for scale in trial.strengths)
    prompts = config.num_prompts or len(pictures_of(trial.reference, "reference", "reference"))
    branches = 2 if config.guidance_scale > 1 else 1
    return PASSES_OF_A_STEP * _pictures_shown(row, trial) + drawings * prompts * config.steps * branches


def _pictures_shown(row: Entry, trial: Trial) -> int:
    if not row.settled:
        return 0
    options = row.settled["training"]
    streams = len(kinds_of(row.settled["pictures"])) + (options["aux"] == "generate")
    batch, accumulate = int(str(options["batch_size"])), int(str(options["accumulate"]))
    return int(str(trial.values.get("steps", options["steps"]))) * batch * accumulate * streams
