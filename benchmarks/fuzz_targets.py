"""What reads the mutated files: each target mutates one sound file and returns the act of using it."""

from __future__ import annotations

import io
import json
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.faults import make_base, write_pictures
from benchmarks.fuzz_mutations import mutate_bytes, mutate_head, mutate_safetensors, mutate_table, mutate_value, to_toml
from impasto.adapters.learnable import Learnable, learning
from impasto.cli.arguments import kind_of_base, parse
from impasto.core import checkpoints
from impasto.core.checkpoints import newest_checkpoint
from impasto.core.digest import digest_of_file, digest_of_json
from impasto.core.rng import generator
from impasto.data.captions import caption_of
from impasto.data.images import fit_square, list_pictures, read_picture, to_tensor
from impasto.generation.options import GenerateOptions
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import open_base
from impasto.registry.methods import find_method
from impasto.registry.recipes import recipe_for
from impasto.style.attach import attached
from impasto.style.file import load_low_rank, load_style, read_card
from impasto.training.checkpoints.fingerprint import identity_of, refuse_other_base
from impasto.training.checkpoints.resume import find_left, table_of
from impasto.training.dataset import gather
from impasto.training.optimizers import new_optimizer, parameter_groups
from impasto.training.options import TrainOptions
from impasto.training.plan import check_options
from impasto.training.run_folder import RunFolder
from impasto.training.state import TrainState
from impasto.training.train import train

Read = Callable[[], None]


@dataclass(frozen=True)
class Prepared:
    """Sound files to mutate.

    Attributes:
        folder: May be written.
        base: A tiny random one.
        styles: Style files of several kinds.
        pictures: Of several formats and modes.
        options: Of a run that was stopped in `folder / "run"`.
        method: Of that run.
        learnable: Attached for as long as the process lives.
    """

    folder: Path
    base: LatentDiffusion
    styles: tuple[bytes, ...]
    pictures: tuple[tuple[str, bytes], ...]
    options: TrainOptions
    method: Any
    learnable: Learnable


@contextmanager
def prepare(folder: Path) -> Iterator[Prepared]:
    """Yield what the targets need, with a learnable attached."""
    base_folder, pictures = make_base(folder / "base"), write_pictures(folder / "pictures")
    styles, method, options = [], None, None
    trained: list[tuple[str, dict[str, Any]]] = [
        ("styleforge", {"learn": "lora", "rank": 2, "learn_text": False}),
        ("styleforge", {"learn": "full", "new_token": True}),
        ("b_lora", {"rank": 2}),
    ]
    for name, settings in trained:
        plugin: Any = find_method(name)
        method = plugin(plugin.Config(**settings))
        shutil.rmtree(folder / "run", ignore_errors=True)
        options = TrainOptions(
            base=str(base_folder),
            style_images=str(pictures),
            out=folder / "style.safetensors",
            overwrite=True,
            run_dir=folder / "run",
            steps=4,
            sample_every=0,
            cache="none",
        )
        with closing(train(options, method, stop=_after(folder / "run/events.jsonl"))) as events:
            for _ in events:
                pass
        styles.append((folder / "style.safetensors").read_bytes())
    assert options is not None
    base = open_base(str(base_folder), device="cpu")
    base.fingerprint()
    made: Any = method
    with learning(made.adapters(base, generator(0))) as learnable:
        changed = options.model_copy(update={"resume": True})
        yield Prepared(folder, open_base(str(base_folder)), tuple(styles), _pictures(), changed, made, learnable)


def _after(log: Path) -> Callable[[], bool]:
    return lambda: log.is_file() and '"TrainStep"' in log.read_text("utf-8")


def _pictures() -> tuple[tuple[str, bytes], ...]:
    rng, found = np.random.default_rng(0), []
    blocks = Image.fromarray(rng.integers(0, 256, (24, 20, 3), dtype=np.uint8))
    for suffix, mode in [
        *(
            ("png", "RGB"),
            ("png", "RGBA"),
            ("png", "P"),
            ("png", "I;16"),
            ("jpg", "RGB"),
            ("jpg", "CMYK"),
            ("webp", "RGB"),
        ),
        *(("gif", "P"), ("bmp", "RGB"), ("tiff", "RGB"), ("tiff", "L"), ("png", "1")),
    ]:
        stream = io.BytesIO()
        blocks.convert("L" if mode == "I;16" else mode).convert(mode).save(
            stream, Image.registered_extensions()[f".{suffix}"]
        )
        found.append((suffix, stream.getvalue()))
    return tuple(found)


def style(prepared: Prepared, rng: random.Random) -> Read:
    """A style file: its card is read, it is loaded, taken for another tool's file, and attached."""
    path = prepared.folder / "mutated.safetensors"
    path.write_bytes(mutate_safetensors(rng.choice(prepared.styles), rng))
    use = rng.choice(["attach", "attach", "convert"])

    def read() -> None:
        if use == "convert":
            load_low_rank(path)
            return
        read_card(path)
        loaded = load_style(path)
        with attached(prepared.base, [(loaded, 1.0)]):
            pass

    return read


def picture(prepared: Prepared, rng: random.Random) -> Read:
    """A picture with its caption: listed, read, cut, and made a tensor."""
    folder = prepared.folder / "mutated"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    suffix, raw = rng.choice(prepared.pictures)
    damaged = mutate_head(raw, rng) if rng.random() < 0.5 else mutate_bytes(raw, rng)
    (folder / f"p.{rng.choice([suffix, suffix, 'png', 'jpeg'])}").write_bytes(damaged)
    (folder / "p.txt").write_bytes(mutate_bytes(b"a fox on a hill", rng))

    def read() -> None:
        for path in list_pictures(folder, "--style-images"):
            cut, _ = fit_square(read_picture(path).image, 32)
            to_tensor(cut)
            caption_of(path)

    return read


def toml(prepared: Prepared, rng: random.Random) -> Read:
    """A TOML file of options: read as the command line reads it, and its pictures gathered."""
    name = rng.choice(["styleforge", "b_lora"])
    plugin: Any = find_method(name)
    values: dict[str, Any] = recipe_for(name, "pocket") | {"style_images": "pictures", "out": "x.safetensors"}
    values |= {"sample_prompts": ["a fox"], "attach": [], "resolution": 32, "cache": "none"}
    for _ in range(rng.randint(1, 2)):
        values = mutate_table(values, rng)
    path = prepared.folder / "mutated.toml"
    text = to_toml(values).encode("utf-8", "replace")
    path.write_bytes(mutate_bytes(text, rng) if rng.random() < 0.4 else text)
    is_drawing = rng.random() < 0.2

    def read() -> None:
        arguments = ["--config", str(path)]
        kind_of_base(arguments)
        if is_drawing:
            parse(GenerateOptions, arguments, command="generate", description="")
            return
        from impasto.cli.commands.train import _options

        options, settings = _options(plugin, arguments)
        method = plugin(settings)
        check_options(options)
        gathered = gather(options, method)
        identity_of(options, method, gathered)

    return read


def checkpoint(prepared: Prepared, rng: random.Random) -> Read:
    """A run folder that is gone on with: `run.json`, facts and tensors of a checkpoint; digests may fit or not."""
    run = prepared.folder / "mutated-run"
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(prepared.folder / "run", run)
    (place,) = (run / "checkpoints").iterdir()
    facts, state = place / "checkpoint.json", place / checkpoints._STATE
    if rng.random() < 0.2:
        target = rng.choice([run / "run.json", facts, state])
        target.write_bytes(mutate_bytes(target.read_bytes(), rng))
    else:
        body = json.loads(facts.read_text("utf-8"))
        del body["digest"]
        if rng.random() < 0.5:
            state.write_bytes(mutate_safetensors(state.read_bytes(), rng))
            body["state"] = digest_of_file(state)
        else:
            body = mutate_value(body, rng)
        sealed = body | {"digest": digest_of_json(body)} if isinstance(body, dict) else body
        facts.write_text(json.dumps(sealed), "utf-8")
        if rng.random() < 0.2:
            (run / "run.json").write_text(json.dumps(mutate_value(json.loads((run / "run.json").read_text()), rng)))

    def read() -> None:
        options = prepared.options.model_copy(update={"run_dir": run})
        gathered = gather(options, prepared.method)
        with RunFolder(run, resume=True) as folder:
            left = find_left(folder, options, identity_of(options, prepared.method, gathered))
            refuse_other_base(left.base, prepared.base, run)
            found = newest_checkpoint(folder.checkpoints)
            if found is None:
                return
            learnable = prepared.learnable
            cpu = torch.device("cpu")
            groups = parameter_groups(learnable, options.learning_rate)
            optimizer = new_optimizer(options.optimizer, groups, options.learning_rate, cpu)
            made = TrainState(learnable, optimizer, generator(0), cpu)
            made.restore(found.step, found.tensors(), table_of(found.facts.get("state"), run))

    return read


TARGETS: dict[str, Callable[[Prepared, random.Random], Read]] = {
    "checkpoint": checkpoint,
    "picture": picture,
    "style": style,
    "toml": toml,
}
"""By the kind of file."""
