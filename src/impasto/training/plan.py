"""Before step 1: check the options, and say what is about to happen and how long it takes."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from impasto.adapters.learnable import Learnable
from impasto.core.errors import ConfigError, ResourceError
from impasto.core.events import Planned
from impasto.core.files import is_file, is_folder, refuse_existing
from impasto.core.formatting import format_duration
from impasto.data.captions import styled_prompt
from impasto.methods._protocol import Method
from impasto.models.computing.timing import seconds_of_pass
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import choose_dtype, computing_in
from impasto.training.configs.data import DataConfig
from impasto.training.configs.loss import LossConfig
from impasto.training.configs.optimizer import OptimizerConfig
from impasto.training.dataset import Gathered
from impasto.training.held_out.files import last_path, step_path
from impasto.training.options import TrainOptions
from impasto.training.tracking import refuse_missing

_MOST_TIMED = 16
_MANY = 100_000
PASSES_OF_A_STEP = 3.5
"""What a training step costs, in forward passes; one more where activations are computed twice."""


def check_options(options: TrainOptions) -> None:
    """Raise `ConfigError` where options contradict each other."""
    if options.aux != "folder" and options.aux_images is not None:
        raise ConfigError(f"--aux {options.aux} and --aux-images {options.aux_images} contradict each other: give one")
    if options.aux != "generate" and options.num_aux is not None:
        raise ConfigError(f"--num-aux {options.num_aux} has no effect without --aux generate: leave it out")
    if options.resume and options.run_dir is None:
        raise ConfigError("--resume needs --run-dir: name the folder of the run that is to go on")
    refuse_missing(options.track)
    _check_out(options)


def _check_out(options: TrainOptions) -> None:
    if not options.resume:
        for target in written_by(options):
            refuse_existing(target, "--out", overwrite=options.overwrite)
    if is_folder(options.out):
        raise ConfigError(f"--out {options.out} is a folder: name a file in it")
    nearest = next(parent for parent in options.out.absolute().parents if is_folder(parent) or is_file(parent))
    if not is_folder(nearest):
        raise ConfigError(f"--out {options.out} cannot be written: {nearest} is a file, not a folder")
    if shutil.disk_usage(nearest).free < 64 * 2**20:
        raise ResourceError(f"--out {options.out}: less than 64 MiB are free on that disk; free some first")


def written_by(options: TrainOptions) -> list[Path]:
    """Return all style files that a run may write."""
    out, every = options.out, options.save_every
    last = [last_path(out)] if options.held_out or options.hold_out else []
    return [out, *last, *(step_path(out, step) for step in (range(every, options.steps, every) if every else ()))]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run is expected to take.

    Attributes:
        at_once: Pictures of each stream in a pass.
        bytes: Most memory, of the process or the device.
        memory: The same in words, with what was chosen to fit.
        seconds: Time of all steps, without samples.
    """

    at_once: int
    bytes: int
    memory: str
    seconds: float


def describe_run(
    options: TrainOptions,
    method: Method,
    base: LatentDiffusion,
    gathered: Gathered,
    learnable: Learnable,
    cost: Estimate,
) -> Planned:
    """Return the plan of a run.

    Args:
        options: What the run was asked to do.
        method: What is trained.
        base: The base, loaded.
        gathered: The pictures of each stream, checked.
        learnable: What learns, attached.
        cost: What the run is expected to take.
    """
    learnt = sum(parameter.numel() for parameter in learnable.parameters())
    streams = {name: words for name, words in method.prompts().items() if name in gathered.source}
    facts = f"{base.family}, {base.num_weights / 1e6:.1f} M parameters, predicts {base.process.predicts}"
    rows = [
        ("base", f"{options.base}  ({facts})"),
        ("method", f"{method.name}  (arXiv:{method.paper.arxiv})"),
        ("learns", f"{_count(learnt)} parameters  ({method.kind()})"),
    ]
    rows += [(f"role {role}", ", ".join(blocks)) for role, blocks in method.roles(base).items()]
    for name, words in streams.items():
        is_drawn = name not in gathered.pictures
        count = options.aux_count() if is_drawn else len(gathered.pictures[name])
        rows.append((f"{name} pictures", f"{count} from {gathered.source[name]}, {_shown(name, words, gathered)}"))
    rows += [
        *_rows_on_captions(options),
        ("steps", f"{options.steps} x {_format_batch(options)} of each stream, {side_of(options, base)} px"),
        ("learning rate", _format_rate(options)),
        *_rows_on_loss(options),
        *((("attached", f"{', '.join(options.attach)}, unchanged"),) if options.attach else ()),
        ("cached", "latents" if learnable.learns_text() else "latents and prompts"),
        ("memory", cost.memory),
        ("time", format_duration(cost.seconds)),
        ("writes", f"{options.out}, in place of the one there" if is_file(options.out) else str(options.out)),
    ]
    return Planned(tuple(rows), gathered.notes, gathered.warnings)


def _count(parameters: int) -> str:
    """Return how many there are, in millions where there are many."""
    return f"{parameters / 1e6:.2f} M" if parameters >= _MANY else str(parameters)


def _shown(stream: str, words: str, gathered: Gathered) -> str:
    source = gathered.caption_source.get(stream)
    called = words if source is None else styled_prompt("{caption}", words)
    return f'shown with "{called}"' + ("" if source is None else f", captions {source}")


def side_of(options: DataConfig, base: LatentDiffusion) -> int:
    """Return the training resolution; raises `ConfigError` if it does not fit the base."""
    side = options.resolution or base.resolution
    base.latent_shape(side, side)
    return side


def _format_batch(options: OptimizerConfig) -> str:
    return str(options.batch_size) if options.accumulate == 1 else f"{options.accumulate} x {options.batch_size}"


def _format_rate(options: OptimizerConfig) -> str:
    warmup = f", after {options.lr_warmup} steps of warm-up" if options.lr_warmup else ""
    cycles = f" x {options.lr_cycles}" if options.lr_cycles > 1 else ""
    power = f" {options.lr_power:g}" if options.lr_power != 1 else ""
    text = f", {options.text_learning_rate:g} of text encoders" if options.text_learning_rate else ""
    optimizer = f"{options.optimizer}, " if options.optimizer != "adamw" else ""
    return f"{optimizer}{options.learning_rate:g}{text} {options.lr_schedule}{cycles}{power}{warmup}"


def _rows_on_captions(options: DataConfig) -> list[tuple[str, str]]:
    """Return a row on how captions change from showing to showing; none by default."""
    dropped = [f"left out in {options.caption_dropout:.0%} of showings"] if options.caption_dropout else []
    shuffled = ["tags in other orders each time"] if options.shuffle_tags else []
    return [("captions", ", ".join(dropped + shuffled))] if dropped or shuffled else []


def _rows_on_loss(options: LossConfig) -> list[tuple[str, str]]:
    """Return rows on what the loss is given beside the method's formula; none by default."""
    told = []
    if options.loss_weights != "none":
        gamma = f", γ = {options.snr_gamma:g}" if options.loss_weights == "min-snr" else ""
        told.append(f"noise levels weighted: {options.loss_weights}{gamma}")
    if options.noise_offset:
        told.append(f"noise offset {options.noise_offset:g}")
    return [("loss", ", ".join(told))] if told else []


def expected_seconds(options: TrainOptions, base: LatentDiffusion, streams: int, at_once: int) -> float:
    """Return the expected duration: one forward pass is timed, a step takes a few of them."""
    rows = at_once * streams
    timed = min(rows, _MOST_TIMED)  # a pass takes longer in proportion, and a larger one may not fit
    passes = options.accumulate * options.batch_size / at_once * (rows / timed)
    a_step = PASSES_OF_A_STEP + options.gradient_checkpointing
    with computing_in(choose_dtype(options.precision, base.device), base.device):
        a_pass = seconds_of_pass(base, timed, side_of(options, base))
    return a_pass * a_step * passes * options.steps
