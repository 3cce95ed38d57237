"""Before step 1: gather and check all pictures, and say what is about to happen."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from impasto.adapters.learnable import Learnable
from impasto.core.digest import digest_of_file
from impasto.core.errors import ConfigError, ResourceError
from impasto.core.events import Planned
from impasto.core.files import is_file, is_folder
from impasto.core.spoken import spoken_time
from impasto.data.encode import captioned
from impasto.data.images import Picture, read_picture
from impasto.data.streams import AUX, STYLE, concepts_of, kind_and_concept
from impasto.methods._protocol import Method
from impasto.models.conditioning import Geometry
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import choose_dtype, computing_in
from impasto.training.concepts import Asked, picture_paths
from impasto.training.options import TrainOptions

_FEW = 3
PASSES_OF_A_STEP = 3.5
"""What a training step costs, in forward passes; one more where activations are computed twice."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """The pictures of a run.

    Attributes:
        pictures: By stream.
        source: Where each stream comes from, in words.
        notes: What the user should know.
    """

    pictures: Mapping[str, tuple[Picture, ...]]
    source: Mapping[str, str]
    notes: tuple[str, ...]


def check_options(options: TrainOptions) -> None:
    """Raise `ConfigError` where options contradict each other."""
    if options.aux != "folder" and options.aux_images is not None:
        raise ConfigError(f"--aux {options.aux} and --aux-images {options.aux_images} contradict each other: give one")
    if options.aux != "generate" and options.num_aux is not None:
        raise ConfigError(f"--num-aux {options.num_aux} has no effect without --aux generate: leave it out")
    if options.resume and options.run_dir is None:
        raise ConfigError("--resume needs --run-dir: name the folder of the run that is to go on")
    if is_folder(options.out):
        raise ConfigError(f"--out {options.out} is a folder: name a file in it")
    nearest = next(parent for parent in options.out.absolute().parents if is_folder(parent) or is_file(parent))
    if not is_folder(nearest):
        raise ConfigError(f"--out {options.out} cannot be written: {nearest} is a file, not a folder")
    if shutil.disk_usage(nearest).free < 64 * 2**20:
        raise ResourceError(f"--out {options.out}: less than 64 MiB are free on that disk; free some first")


def gather(options: TrainOptions, method: Method) -> Gathered:
    """Return the pictures of every stream that has a folder; each file is opened and checked.

    A stream whose pictures are to be drawn by the base is left out; so is Aux when there is none.
    """
    streams = method.prompts()
    has_aux = AUX in kinds_of(streams)
    if not has_aux and (options.aux_images is not None or options.aux == "generate"):
        is_dual = "prior_weight" in type(method.settings).model_fields
        why = "--prior-weight 0: leave them out, or raise it" if is_dual else f"{method.name}: leave them out"
        raise ConfigError(f"auxiliary pictures have no effect with {why}")
    folders = [Asked(STYLE, options.style_images, "--style-images", options.division)]
    if has_aux and options.aux_images is not None:
        folders.append(Asked(AUX, options.aux_images, "--aux-images"))
    pictures: dict[str, tuple[Picture, ...]] = {}
    source: dict[str, str] = {}
    notes: list[str] = []
    for asked in folders:
        found = picture_paths(asked, concepts_of(streams), options.base)
        notes += found.notes
        for stream, paths in found.paths.items():
            pictures[stream] = tuple(read_picture(path) for path in paths)
            source[stream] = asked.label()
            notes += _notes_on(stream, pictures[stream], method.num_pictures)
            if options.shows_captions(stream):
                notes += _notes_on_captions(stream, paths)
    if options.aux == "generate":
        source |= _drawn_by_the_base(streams)
    elif has_aux and options.aux_images is None:
        notes.append("no auxiliary pictures (--aux-images DIR or --aux generate): λ = 0, only the style is shown")
    return Gathered(pictures, source, tuple(notes))


def _drawn_by_the_base(streams: Mapping[str, str]) -> dict[str, str]:
    aux = {stream: words for stream, words in streams.items() if kind_and_concept(stream)[0] == AUX}
    return {stream: f"the base itself, drawn with the prompt {words!r}" for stream, words in aux.items()}


def kinds_of(streams: Iterable[str]) -> set[str]:
    """Return which kinds of streams there are: "style", and "aux" or not."""
    return {kind_and_concept(stream)[0] for stream in streams}


def concept_words(method: Method) -> dict[str, str]:
    """Return the words of each part of a divided style; nothing for undivided ones."""
    parts = {kind_and_concept(stream): words for stream, words in method.prompts().items()}
    return {concept: words for (kind, concept), words in parts.items() if kind == STYLE and concept}


def _notes_on(stream: str, pictures: tuple[Picture, ...], recommended: tuple[int, int]) -> list[str]:
    notes = [f"{picture.path.name}: {note}" for picture in pictures for note in picture.notes]
    if len(notes) > 4:
        notes = [*notes[:3], f"... and {len(notes) - 3} more such notes"]
    if kind_and_concept(stream)[0] == STYLE and len(pictures) < min(_FEW, recommended[0]):
        notes.append(
            f"only {len(pictures)} style picture(s), the paper uses {recommended[0]}-{recommended[1]}: "
            "expect copies, not a style"
        )
    return notes


def _notes_on_captions(stream: str, paths: list[Path]) -> list[str]:
    found = len(captioned(paths))
    if found < len(paths):
        return [f"{stream}: {found} of {len(paths)} pictures have a caption; the others get the style words alone"]
    return []


def picture_hashes(gathered: Mapping[str, tuple[Picture, ...]]) -> dict[str, list[str]]:
    """Return the SHA-256 of each picture file, shortened, by stream."""
    return {
        stream: [digest_of_file(picture.path)[:16] for picture in pictures] for stream, pictures in gathered.items()
    }


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run is expected to take.

    Attributes:
        at_once: Pictures of each stream in a pass.
        bytes: Most memory, of the process or the device.
        memory: The same in words, with what was chosen to fit.
        seconds: Of all steps.
    """

    at_once: int
    bytes: int
    memory: str
    seconds: float


def plan_of(
    options: TrainOptions, method: Method, base: LatentDiffusion, gathered: Gathered, learnable: Learnable, cost: Cost
) -> Planned:
    """Return the plan of a run.

    Args:
        options: Of the run.
        method: What is trained.
        base: Loaded.
        gathered: The pictures.
        learnable: What learns, attached.
        cost: Expected.
    """
    learnt = sum(parameter.numel() for parameter in learnable.parameters())
    streams = {name: words for name, words in method.prompts().items() if name in gathered.source}
    facts = f"{base.family}, {base.num_weights / 1e6:.1f} M parameters, predicts {base.prediction.name.lower()}"
    rows = [
        ("base", f"{options.base}  ({facts})"),
        ("method", f"{method.name}  (arXiv:{method.paper.arxiv})"),
        ("learns", f"{learnt / 1e6:.2f} M parameters  ({method.kind()})"),
    ]
    rows += [(f"role {role}", ", ".join(blocks)) for role, blocks in method.roles(base).items()]
    for name, words in streams.items():
        is_drawn = name not in gathered.pictures
        count = options.aux_count() if is_drawn else len(gathered.pictures[name])
        shown = f"{{caption}}, {words}" if options.shows_captions(name) and not is_drawn else words
        rows.append((f"{name} pictures", f'{count} from {gathered.source[name]}, shown with "{shown}"'))
    rows += [
        ("steps", f"{options.steps} x {_spoken_batch(options)} of each stream, {side_of(options, base)} px"),
        ("learning rate", f"{options.learning_rate:g} {options.rate_schedule}"),
        *((("attached", f"{', '.join(options.attach)}, unchanged"),) if options.attach else ()),
        ("cached", "latents" if learnable.learns_text() else "latents and prompts"),
        ("memory", cost.memory),
        ("time", spoken_time(cost.seconds)),
        ("writes", str(options.out)),
    ]
    return Planned(tuple(rows), gathered.notes)


def side_of(options: TrainOptions, base: LatentDiffusion) -> int:
    """Return the training resolution; raises `ConfigError` if it does not fit the base."""
    side = options.resolution or base.resolution
    base.latent_shape(side, side)
    return side


def _spoken_batch(options: TrainOptions) -> str:
    return str(options.pairs) if options.accumulate == 1 else f"{options.accumulate} x {options.pairs}"


def expected_seconds(options: TrainOptions, base: LatentDiffusion, streams: int, at_once: int) -> float:
    """Return the expected duration: one forward pass is timed, a step takes a few of them."""
    passes = options.accumulate * options.pairs / at_once
    a_step = PASSES_OF_A_STEP + options.gradient_checkpointing
    with computing_in(choose_dtype(options.precision, base.device), base.device):
        a_pass = seconds_of_pass(base, at_once * streams, side_of(options, base))
    return a_pass * a_step * passes * options.steps


@torch.no_grad()
def seconds_of_pass(base: LatentDiffusion, rows: int, side: int) -> float:
    """Return how long a forward pass takes for so many pictures."""
    x_t = torch.zeros((rows, *base.latent_shape(side, side)), device=base.device)
    words = base.encode_prompts(["style"] * rows)
    timesteps = torch.full((rows,), 500, device=base.device)
    started = 0.0
    for _ in range(2):  # the first pass warms up
        started = time.perf_counter()
        base.predict(x_t, timesteps, words, [Geometry.whole(side, side)] * rows).float().sum().item()
    return time.perf_counter() - started
