"""From the configuration of a comparison to its trials: everything is looked at before anything is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from impasto.comparison.config import BASE_ROW, CompareOptions, ComparisonConfig, StyleSource
from impasto.comparison.entries import Entry, entries_of
from impasto.comparison.trial import Trial, fixed_threads, key_of
from impasto.core.digest import digest_of_file
from impasto.core.errors import ConfigError
from impasto.core.versions import library_versions
from impasto.data.packs import pictures_of
from impasto.features._open import open_features, without_folders
from impasto.models.computing.timing import seconds_of_pass
from impasto.models.fingerprint import Fingerprint
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import choose_device, open_base
from impasto.models.source import find_base

_TIMED = 8
"""Pictures in the forward pass that is timed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a comparison may run.

    Attributes:
        config: Methods, styles, seeds.
        options: What the command was given.
        fingerprint: Fingerprint of the base's weights.
        rows: Every method on every style.
        searched: On the style of the search, the methods whose steps are found there.
        pace: Seconds of a forward pass for one picture; None where it is not timed.
    """

    config: ComparisonConfig
    options: CompareOptions
    fingerprint: Fingerprint
    rows: tuple[Entry, ...]
    searched: tuple[Entry, ...]
    pace: float | None

    def trials(self, steps: Mapping[str, int]) -> list[Trial]:
        """Return the trials of all rows whose steps are known, by seeds: a whole table comes first, intervals after it.

        Args:
            steps: What the search found, by row.
        """
        searched = {row.name for row in self.searched}
        known = []
        for row in self.rows:
            if row.name not in searched:
                known.append(row)
            elif row.name in steps:
                known.append(row.with_steps(steps[row.name]))
        strengths = self.config.strengths
        return [
            self._cell(row, seed, () if row.method == BASE_ROW else strengths)
            for seed in self.config.seeds
            for row in known
        ]

    def count(self) -> int:
        """Return how many trials there will be, whatever the search finds."""
        return len(self.rows) * len(self.config.seeds)

    def points(self, row: Entry) -> Iterator[tuple[Trial, ...]]:
        """Yield the trials of each measurement that the search may make of a row."""
        search = self.config.search
        if search is None:
            return
        for steps in search.steps():
            yield tuple(self._cell(row.with_steps(steps), seed, ()) for seed in search.seeds)

    def _cell(self, row: Entry, seed: int, strengths: tuple[float, ...]) -> Trial:
        names = ("base", "features", "steps", "guidance_scale", "sampler", "num_prompts", "threads")
        drawing: dict[str, object] = {name: getattr(self.config, name) for name in names}
        drawing |= {"style_words": row.style_words} | ({"decompose": True} if row.decompose else {})
        drawing |= self.config.overridden()
        features = without_folders(self.config.features)
        drawn_with = {**drawing, "base": self.fingerprint.model_dump(), "features": features}
        facts = row.facts() | {
            "drawing": drawn_with,
            "strengths": strengths,
            "seed": seed,
            "versions": library_versions(),
        }
        return Trial(
            row=row.name,
            method=row.method,
            style=row.style.name,
            seed=seed,
            values=row.values,
            reference=row.style.reference,
            training=row.training,
            drawing=drawing,
            device=self.options.device,
            out=self.options.out,
            key=key_of(facts),
            strengths=strengths,
        )


def plan_comparison(config: ComparisonConfig, options: CompareOptions) -> Plan:
    """Return the plan of a comparison, checked: options, pictures and captions of every row are looked at.

    Raises:
        ConfigError: An option is unknown, wrong or without effect, or two rows are the same.
        DataError: A picture or a caption is missing or damaged.
    """
    source, base = find_base(config.base), open_base(config.base, device="cpu", **config.overrides())
    open_features(config.features, choose_device("cpu"))  # a missing package is told now, not after the first training
    rows = tuple(row for style in config.styles for row in entries_of(config, style, source.recipe))
    if config.strengths and all(row.method == BASE_ROW for row in rows):
        raise ConfigError("strengths have no effect: no method learns a style")
    searched = _searched(config, source.recipe)
    is_timed = choose_device(options.device).type == "cpu"
    plan = Plan(config, options, base.fingerprint(), rows, searched, _pace(base, config) if is_timed else None)
    _refuse_equal_rows(plan)
    return plan


def _pace(base: LatentDiffusion, config: ComparisonConfig) -> float:
    with fixed_threads(config.threads):
        return seconds_of_pass(base, _TIMED, base.resolution) / _TIMED


def _searched(config: ComparisonConfig, base_kind: str) -> tuple[Entry, ...]:
    """Return the methods whose steps are searched, on the style of the search; none without one."""
    if config.search is None:
        return ()
    _refuse_compared(config.search.style, config.styles)
    learning = [row for row in entries_of(config, config.search.style, base_kind) if row.method != BASE_ROW]
    found = tuple(row for row in learning if "steps" not in config.methods[row.name])
    if not found:
        raise ConfigError("search has no effect: every method states its steps or learns nothing")
    return found


def _refuse_compared(validation: StyleSource, styles: Sequence[StyleSource]) -> None:
    pictures = _digests(validation)
    for style in styles:
        if style.name == validation.name or pictures & _digests(style):
            raise ConfigError(
                f"search.style {validation.name} is compared itself, as style {style.name}: steps that are chosen on a "
                "style of the table flatter it; take another style"
            )


def _digests(style: StyleSource) -> set[str]:
    paths = pictures_of(style.style_images, "style", "style_images")
    paths += pictures_of(style.reference, "reference", "reference")
    return {digest_of_file(path) for path in paths}


def _refuse_equal_rows(plan: Plan) -> None:
    """Raise `ConfigError` if two rows are one; a row whose steps are stated may turn out as one whose are searched."""
    searched = {row.name for row in plan.searched}
    for is_searched in (False, True):
        seen: dict[str, Entry] = {}
        for row in plan.rows:
            if (row.name in searched) == is_searched:
                other = seen.setdefault(
                    key_of(row.facts() | {"words": row.style_words, "decompose": row.decompose}), row
                )
                if other is not row:
                    raise ConfigError(f"{other.label()} and {row.label()} are the same in every option: leave one out")
