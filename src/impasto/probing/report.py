"""What the scores say of the blocks: `probe.json`, `table.md` and the proposed `roles.json`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import TypeAlias

import torch

from impasto.core.files import write_text
from impasto.core.rng import generator
from impasto.metrics.block_effect import Effects, Interval, block_effects
from impasto.models.roles import ROLES_FILE
from impasto.probing.scores import PairScore

_FAMILIES_OF_ROLE = {"content": ("subject",), "style": ("style", "colour")}  # the first that was measured
_FEWEST_PAIRS = 30
"""With fewer, percentiles of the bootstrap are too narrow to call anything clear."""
Json: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True)
class BlockMeasurement:
    """The scores of one family, and the effects of the blocks.

    Attributes:
        scores: One for each pair.
        effects: The effect of each block, in the order of the network.
    """

    scores: Sequence[PairScore]
    effects: Effects


@dataclass(frozen=True, slots=True)
class Proposal:
    """A block that should play a role.

    Attributes:
        role: "content" or "style".
        family: The family of prompts by which it was chosen.
        block: The path of the proposed block.
        rival: The other block with the largest effect.
        doubts: Why the choice is not clear; empty if it is.
    """

    role: str
    family: str
    block: str
    rival: str
    doubts: tuple[str, ...]

    def formatted(self) -> str:
        """Return the proposal as one sentence."""
        how = f"not clear: {'; '.join(self.doubts)}" if self.doubts else "clear"
        return f"{self.role}: `{self.block}` ({how})."


def measure(scores: Sequence[PairScore]) -> BlockMeasurement:
    """Return the effects of the blocks in one family; the same scores always get the same intervals."""
    plain, changed = (torch.tensor([getattr(score, name) for score in scores]) for name in ("plain", "changed"))
    injected = torch.tensor([score.blocks for score in scores])
    return BlockMeasurement(scores, block_effects(plain, changed, injected, generator(0)))


def propose(measured: Mapping[str, BlockMeasurement], blocks: Sequence[str]) -> list[Proposal]:
    """Return which of at least two blocks should play which role, each another one.

    Chosen are the blocks with the largest product of effects, so that no role is left with a block that decides on
    nothing where one block has the largest effect on everything. A role is clear if the interval of its block is above
    that of every other block.
    """
    families = {
        role: family
        for role, names in _FAMILIES_OF_ROLE.items()
        if (family := next((name for name in names if name in measured), None)) is not None
    }
    effects = [measured[family].effects.blocks for family in families.values()]

    def joint_effect(chosen: Sequence[int]) -> tuple[float, float]:
        found = [_rank(effect[place]) for effect, place in zip(effects, chosen, strict=True)]
        return math.prod(max(each, 0.0) for each in found), sum(found)

    best = max(permutations(range(len(blocks)), len(families)), key=joint_effect)
    return [
        _proposal(role, family, measured[family], blocks, best[number])
        for number, (role, family) in enumerate(families.items())
    ]


def _proposal(role: str, family: str, measured: BlockMeasurement, blocks: Sequence[str], place: int) -> Proposal:
    effects = measured.effects.blocks
    rival = max((other for other in range(len(blocks)) if other != place), key=lambda other: _rank(effects[other]))
    doubts = []
    if not measured.effects.is_measurable:
        doubts.append("the scorer does not tell the plain pictures apart")
    if len(measured.scores) < _FEWEST_PAIRS:
        doubts.append(f"fewer than {_FEWEST_PAIRS} pairs")
    if not effects[place].is_apart_from(effects[rival]):
        doubts.append(f"its interval overlaps that of {blocks[rival]}")
    elif _rank(effects[rival]) > _rank(effects[place]):
        doubts.append(f"{blocks[rival]} decides more on {family}, but has another role")
    if effects[place].low <= 0:
        doubts.append("its interval includes 0, it may decide on nothing")
    return Proposal(role, family, blocks[place], blocks[rival], tuple(doubts))


def _rank(effect: Interval) -> float:
    return effect.mean if math.isfinite(effect.mean) else -math.inf


def write_report(
    folder: Path,
    facts: Json,
    measured: Mapping[str, BlockMeasurement],
    blocks: Sequence[str],
    proposals: Sequence[Proposal],
) -> str:
    """Write all files but the pictures; returns the table.

    Args:
        folder: Where the files go.
        facts: Base, settings, versions, machine.
        measured: What was measured, by family of prompts.
        blocks: Paths, in order.
        proposals: For the roles.
    """
    table = _markdown_table(facts, measured, blocks, proposals)
    roles: Json = {
        "roles": {proposal.role: [proposal.block] for proposal in proposals},
        "evidence": {
            "measured": f"impasto probe, {facts['pairs']} pairs a family, scored by {facts['scorer']}",
            "base": facts["base"],
            **{proposal.role: _evidence(proposal, measured[proposal.family], blocks) for proposal in proposals},
        },
    }
    families: Json = {family: _as_json(each, blocks) for family, each in measured.items()}
    _write_json(folder / "probe.json", facts | {"families": families} | roles)
    _write_json(folder / ROLES_FILE, roles)
    write_text(folder / "table.md", table)
    return table


def _evidence(proposal: Proposal, measured: BlockMeasurement, blocks: Sequence[str]) -> Json:
    by_block = dict(zip(blocks, measured.effects.blocks, strict=True))
    return {
        "clear": not proposal.doubts,
        "doubts": list(proposal.doubts),
        "family": proposal.family,
        "effect": _numbers(by_block[proposal.block]),
        "rival": proposal.rival,
        "rival_effect": _numbers(by_block[proposal.rival]),
    }


def _as_json(measured: BlockMeasurement, blocks: Sequence[str]) -> Json:
    scores, effects = measured.scores, measured.effects
    raw = [sum(column) / len(scores) for column in zip(*(score.blocks for score in scores), strict=True)]
    rows = zip(blocks, effects.blocks, raw, strict=True)
    return {
        "span": _numbers(effects.span),
        "measurable": effects.is_measurable,
        "score_original": _number(sum(score.plain for score in scores) / len(scores)),
        "score_injected": _number(sum(score.changed for score in scores) / len(scores)),
        "blocks": {block: {**_numbers(effect), "score": _number(score)} for block, effect, score in rows},
    }


def _numbers(interval: Interval) -> Json:
    return {"mean": _number(interval.mean), "low": _number(interval.low), "high": _number(interval.high)}


def _number(value: float) -> float | None:
    """Return a number that JSON can hold: a span of zero leaves none."""
    return round(value, 6) if math.isfinite(value) else None


def _write_json(path: Path, values: Json) -> None:
    write_text(path, json.dumps(values, indent=2) + "\n")


def _markdown_table(
    facts: Json, measured: Mapping[str, BlockMeasurement], blocks: Sequence[str], proposals: Sequence[Proposal]
) -> str:
    """Return the effects as a Markdown table, the largest of each family in bold, and the proposals."""
    settings = (
        *(f"{facts['pairs']} pairs a family", f"{facts['steps']} steps", f"guidance {facts['guidance_scale']:g}"),
        *(f"seed {facts['seed']}", f"scored by {facts['scorer']}"),
    )
    lines = [
        f"# Blocks of {facts['base']}",
        "",
        ", ".join(settings) + ".",
        "0: nothing changes when this block alone is shown the other prompt; 1: as if the whole base were shown it.",
        "In brackets: 95 % bootstrap interval over pairs.",
        "",
        "| block | " + " | ".join(measured) + " |",
        "|---" * (len(measured) + 1) + "|",
    ]
    best = {family: max(map(_rank, each.effects.blocks)) for family, each in measured.items()}
    for index, block in enumerate(blocks):
        effects = {family: each.effects.blocks[index] for family, each in measured.items()}
        cells = [_cell(effect, is_best=effect.mean == best[family]) for family, effect in effects.items()]
        lines.append(f"| `{block}` | {' | '.join(cells)} |")
    lines.append("")
    lines += [f"- {proposal.formatted()}" for proposal in proposals]
    for family, each in measured.items():
        if not each.effects.is_measurable:
            lines.append(f"- The scorer does not tell the plain pictures of {family} apart: its column says nothing.")
    return "\n".join(lines) + "\n"


def _cell(effect: Interval, *, is_best: bool) -> str:
    mean = f"**{two_digits(effect.mean)}**" if is_best else two_digits(effect.mean)
    return f"{mean} [{two_digits(effect.low)}, {two_digits(effect.high)}]"


def two_digits(value: float) -> str:
    """Return a number with two digits, without a sign before zero; "-" if it is none."""
    return f"{round(value, 2) + 0.0:.2f}" if math.isfinite(value) else "-"
