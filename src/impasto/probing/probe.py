"""Measure what single blocks of a base decide: the block analysis of B-LoRA, arXiv:2403.14572, Sec. 4.1, on any base.

For a pair of prompts p and p̂ that differ in one thing, a picture is drawn with p, but one block is shown p̂. What that
block brings into the picture is how much better it then matches p̂ than p.
Differs from the paper: the match with p is subtracted, and the mean is put between those of the plain pictures of p (0)
and p̂ (1); style has prompts of its own beside those of colour; there are bootstrap intervals.
On SDXL the pooled embedding stays that of p while a block is shown p̂; the plain picture of p̂ has its own. The effects
of all blocks therefore need not add up to 1.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import torch
from PIL import Image

from impasto.core.errors import ConfigError
from impasto.core.events import Event, Planned, Probed, Progress
from impasto.core.finite import require_finite
from impasto.core.paths import without_folders
from impasto.core.versions import library_versions
from impasto.features import _pocket_words
from impasto.features._pocket_words import Pair
from impasto.features._protocol import Scorer
from impasto.features._scorers import open_scorer
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.models.hub import refuse_unreachable
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import notes_on_precision, open_base
from impasto.models.source import POCKET
from impasto.probing.figures import write_examples, write_heatmap, write_strip
from impasto.probing.options import ProbeOptions
from impasto.probing.prompt_pairs import PHOTO
from impasto.probing.report import Json, measure, propose, write_report
from impasto.probing.scores import SCORES_FILE, PairScore, Settings, append_scores, begin_scores, read_scores

_EXAMPLES = 3
"""Pairs of each family on the sheet of examples."""


@dataclass(frozen=True, slots=True)
class _Job:
    options: ProbeOptions
    base: LatentDiffusion
    blocks: list[str]
    pairs: dict[str, list[Pair]]

    @property
    def variants(self) -> int:
        """Pictures of one pair: p, p̂, and one for each block."""
        return len(self.blocks) + 2

    @property
    def scores_file(self) -> Path:
        return self.options.out / SCORES_FILE


def probe(options: ProbeOptions, scorer: Scorer | None = None) -> Generator[Event]:
    """Yield a plan, progress, and `Probed` when tables, pictures and `roles.json` are written.

    Args:
        options: What to measure.
        scorer: Judges pictures; by default the one that `options` name.

    Raises:
        ConfigError: `options.out` holds scores that were made with other settings.
        ResourceError: The scorer is neither on this machine nor can the hub be reached.
    """
    if scorer is None and not options.dry_run and options.scorer_name() != POCKET:
        refuse_unreachable("scorer", options.scorer_name(), "name the folder of a CLIP checkpoint with --scorer")
    base = open_base(
        options.base,
        device=options.device,
        precision=options.precision,
        **options.overrides(),
    )
    blocks = base.blocks()
    if len(blocks) < 2:
        raise ConfigError(f"base {options.base} has {len(blocks)} blocks with attention to words: nothing to compare")
    wording = _pocket_words.POCKET if base.recipe == POCKET else PHOTO
    pairs = {family: wording.pairs(family, options.pairs, options.seed) for family in options.family_names()}
    job = _Job(options, base, blocks, pairs)
    settings = _settings(job)
    scores = read_scores(job.scores_file, settings)
    yield _plan(job, len(scores))
    if options.dry_run:
        return
    if len(scores) < len(pairs) * options.pairs:
        scorer = scorer or open_scorer(options.scorer_name(), base.device)
        begin_scores(job.scores_file, settings, scores)
        yield from _score_all(job, scorer, scores)
    yield _report(job, settings, scores)


def block_requests(pair: Pair, blocks: Sequence[str], seed: int) -> list[ImageRequest]:
    """Return what is drawn for one pair, all from one noise: p, p̂, then p with p̂ shown to each block in turn.

    A row differs from that of p in the states that its one block attends to; the pooled embedding and the
    unconditional branch are those of p.
    """
    injected = [ImageRequest(pair.original, seed, per_block={block: pair.injected}) for block in blocks]
    return [ImageRequest(pair.original, seed), ImageRequest(pair.injected, seed), *injected]


def _settings(job: _Job) -> Settings:
    options = job.options
    prompts = "\n".join(f"{pair.original}\t{pair.injected}" for pair in chain.from_iterable(job.pairs.values()))
    values = {
        "base": without_folders(options.base),
        "families": list(job.pairs),
        "pairs": options.pairs,
        "steps": options.steps,
        "guidance_scale": options.guidance_scale,
        "seed": options.seed,
        "scorer": without_folders(options.scorer_name()),
        "precision": str(job.base.dtype).removeprefix("torch."),
        "blocks": job.blocks,
        "prompts": hashlib.sha256(prompts.encode()).hexdigest()[:16],
        **{name: without_folders(value) for name, value in options.overridden().items()},
    }
    return Settings(job.base.fingerprint(), values)


def _plan(job: _Job, done: int) -> Planned:
    options, side = job.options, job.base.resolution
    pictures, drawn = len(job.pairs) * options.pairs * job.variants, done * job.variants
    rows = (
        ("base", options.base),
        ("blocks", f"{len(job.blocks)} with attention to words"),
        ("pairs", f"{options.pairs} for each of {', '.join(job.pairs)}, such as"),
        *((family, f"{pairs[0].original}  ->  {pairs[0].injected}") for family, pairs in job.pairs.items()),
        ("pictures", f"{pictures} of {side}x{side}, {options.steps} steps" + (f"; {drawn} are done" if done else "")),
        ("scorer", options.scorer_name()),
        ("writes", str(options.out)),
    )
    return Planned(rows, (*job.base.notes, *notes_on_precision(options.precision, job.base.device)))


def _score_all(job: _Job, scorer: Scorer, scores: list[PairScore]) -> Iterator[Event]:
    """Draw and score the pairs that have no score yet, several at once; appends to `scores` and to its file."""
    at_once = max(1, job.options.batch // job.variants)
    done = {(score.family, score.pair) for score in scores}
    for family, pairs in job.pairs.items():
        left = [number for number in range(len(pairs)) if (family, number) not in done]
        for first in range(0, len(left), at_once):
            numbers = left[first : first + at_once]
            pictures = _draw_pairs(job, family, numbers)
            for number, row in zip(numbers, pictures, strict=True):
                if number < _EXAMPLES:
                    write_strip(_strip_of(job, family, number), row)
            new = _score_pairs(job, scorer, family, numbers, pictures)
            append_scores(job.scores_file, new)
            scores += new
            yield Progress(family, len(pairs) - len(left) + first + len(numbers), len(pairs))


def _draw_pairs(job: _Job, family: str, numbers: Sequence[int]) -> list[list[Image.Image]]:
    """Return the pictures of each pair, in the order of `block_requests`."""
    options, side = job.options, job.base.resolution
    requests = [
        request
        for number in numbers
        for request in block_requests(job.pairs[family][number], job.blocks, options.seed + number)
    ]
    batches = -(-len(requests) // options.batch)
    batch = -(-len(requests) // batches)  # as even as possible: 9 pictures by 8 at most are 5 and 4
    params = SamplingParams(options.steps, options.guidance_scale, side, side, batch=batch)
    pictures = [picture for _, picture in draw(job.base, requests, params)]
    return [pictures[first : first + job.variants] for first in range(0, len(pictures), job.variants)]


def _score_pairs(
    job: _Job, scorer: Scorer, family: str, numbers: Sequence[int], pictures: Sequence[Sequence[Image.Image]]
) -> list[PairScore]:
    """Return cos(picture, p̂) - cos(picture, p) of all pictures; what p and p̂ have in common cancels."""
    pairs = [job.pairs[family][number] for number in numbers]
    features = scorer.extract(list(chain.from_iterable(pictures))).double().view(len(pairs), job.variants, -1)
    original = scorer.text([pair.original for pair in pairs]).double()
    injected = scorer.text([pair.injected for pair in pairs]).double()
    found = torch.einsum("pvd,pd->pv", features, injected - original)
    matches = require_finite(found, f"a score of {family}", "the scorer's weights are damaged; take another").tolist()
    return [
        PairScore(family, number, pair.original, pair.injected, plain, changed, tuple(blocks))
        for number, pair, (plain, changed, *blocks) in zip(numbers, pairs, matches, strict=True)
    ]


def _strip_of(job: _Job, family: str, number: int) -> Path:
    return job.options.out / "examples" / f"{family}-{number}.png"


def _report(job: _Job, settings: Settings, scores: Sequence[PairScore]) -> Probed:
    folder, base = job.options.out, settings.values["base"]
    ordered = sorted(scores, key=lambda score: score.pair)
    measured = {family: measure([score for score in ordered if score.family == family]) for family in job.pairs}
    proposals = propose(measured, job.blocks)
    facts: Json = {
        **settings.values,
        "fingerprint": settings.fingerprint.model_dump(),
        "versions": library_versions(),
        "machine": f"{platform.system()} {platform.machine()}, {_device_name(job.base.device)}",
    }
    write_heatmap(
        folder / "heatmap.png", str(base), {family: each.effects for family, each in measured.items()}, job.blocks
    )
    strips = [
        (family, pair, _strip_of(job, family, number))
        for family, pairs in job.pairs.items()
        for number, pair in enumerate(pairs[:_EXAMPLES])
    ]
    write_examples(folder / "examples.png", [each for each in strips if each[2].is_file()], job.blocks)
    return Probed(folder, write_report(folder, facts, measured, job.blocks, proposals))


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
