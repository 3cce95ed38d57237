"""What `b_lora_pocket` trains: an adapter for every picture, seed and way to train, kept between runs."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import torch

from impasto.adapters.low_rank import LowRank
from impasto.core.config import validated
from impasto.methods.b_lora import BLoRA, BLoRASettings
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import open_base
from impasto.registry.recipes import recipe_for
from impasto.training.options import TrainOptions
from impasto.training.train import train


class OnAllBlocks(BLoRA):
    """The same training with adapters on every attention layer of the UNet."""

    def adapters(self, base: LatentDiffusion, rng: torch.Generator) -> LowRank:
        """Return adapters everywhere."""
        return LowRank(base.networks(), base.targets(text=False), self.settings.rank, rng)


@dataclass(frozen=True)
class Kind:
    """A way to train.

    Attributes:
        method: B-LoRA, or the same on all blocks.
        settings: That differ from the recipe's.
        after: The kind that is learnt from the same picture first and kept attached.
    """

    method: type[BLoRA] = BLoRA
    settings: Mapping[str, object] = field(default_factory=dict)
    after: str = ""


TWO, ALL = "two blocks", "all blocks"
X_0, NOISY, STYLE_ONLY = "x_0", "style-friendly", "style alone"
FIRST, SECOND = "first stage", "second stage"
KINDS: Mapping[str, Kind] = {
    TWO: Kind(),
    ALL: Kind(OnAllBlocks),
    X_0: Kind(settings={"objective": "x_0"}),
    NOISY: Kind(settings={"timesteps": "style-friendly"}),
    STYLE_ONLY: Kind(settings={"roles": ("style",)}),
    FIRST: Kind(settings={"roles": ("content",)}),
    SECOND: Kind(
        settings={"roles": ("style",), "training_prompt": "An image in the style of {v}"},
        after=FIRST,
    ),
}


@dataclass(frozen=True)
class Lesson:
    """One adapter to learn from one picture."""

    picture: Path
    placeholder: str
    kind: str
    seed: int

    def file(self, folder: Path) -> Path:
        """Return where the adapter is kept."""
        pack, part = self.picture.parent.parent.name, self.picture.parent.name
        name = f"{pack}-{part}-{self.picture.stem}-{self.kind.replace(' ', '-')}-{self.seed}"
        return folder / f"{name}.safetensors"

    def before(self) -> Lesson | None:
        """Return what has to be learnt before."""
        first = KINDS[self.kind].after
        return Lesson(self.picture, self.placeholder, first, self.seed) if first else None


def learn(lesson: Lesson, folder: Path) -> float:
    """Learn an adapter into `folder`, unless it is there; returns seconds, 0 if it was there."""
    if lesson.file(folder).exists():
        return 0.0
    kind, before, started = KINDS[lesson.kind], lesson.before(), time.monotonic()
    recipe = recipe_for("b_lora", "pocket")
    own = {name: value for name, value in recipe.items() if name in BLoRASettings.model_fields}
    settings = validated(
        BLoRASettings, own | {"placeholder": lesson.placeholder} | dict(kind.settings), source="recipe"
    )
    values = {name: value for name, value in recipe.items() if name not in BLoRASettings.model_fields}
    with tempfile.TemporaryDirectory() as run:
        values |= {
            "style_images": str(lesson.picture),
            "out": lesson.file(folder),
            "overwrite": True,
            "seed": lesson.seed,
        }
        values |= {
            "sample_every": 0,
            "run_dir": Path(run),
            "attach": () if before is None else (str(before.file(folder)),),
        }
        with closing(train(validated(TrainOptions, values, source="recipe"), kind.method(settings))) as events:
            list(events)
    return time.monotonic() - started


def learn_all(lessons: Sequence[Lesson], folder: Path, workers: int) -> None:
    """Learn all adapters that `folder` does not hold yet, several at once, with one thread each."""
    folder.mkdir(parents=True, exist_ok=True)
    firsts = [before for each in lessons if (before := each.before()) is not None]
    with ProcessPoolExecutor(workers, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        for wave in (firsts, lessons):
            ordered = sorted(set(wave), key=lambda lesson: (lesson.seed, lesson.file(folder)))
            seconds = pool.map(learn, ordered, [folder] * len(ordered))
            for number, (lesson, each) in enumerate(zip(ordered, seconds, strict=True), 1):
                print(f"{number} of {len(ordered)}: {lesson.file(folder).stem}, {each:.0f} s", flush=True)


def adapters_folder() -> Path:
    """Return where adapters are kept: one folder for each recipe and base."""
    base = open_base("pocket")
    known = f"{sorted(recipe_for('b_lora', 'pocket').items())} {base.fingerprint()} {base.roles}"
    return Path("runs") / "b-lora-pocket" / hashlib.sha256(known.encode()).hexdigest()[:12]
