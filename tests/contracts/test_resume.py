"""For every method: a run that was interrupted and gone on with ends bit for bit where an uninterrupted one ends."""

from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from contracts.test_methods import METHODS, SETTINGS_OF, VARIANTS, first_of, make, options_for
from impasto.core.checkpoints import newest_checkpoint
from impasto.core.events import Checkpointed, Event, Saved, TrainStep
from impasto.style.file import read_card
from impasto.training.options import TrainOptions
from impasto.training.train import train

STEPS, CUT = 5, 2

CORE = [pytest.param(name, marks=[] if name in {"styleforge", "b_lora"} else [pytest.mark.slow]) for name in METHODS]
"""Methods; but for two that share little, slow."""


def run(options: TrainOptions, method: object, *, stop_after: int | None = None) -> list[Event]:
    done: list[Event] = []

    def stop() -> bool:
        return any(isinstance(event, TrainStep) and event.step == stop_after for event in done)

    with closing(train(options, method, stop=stop)) as events:
        for event in events:
            done.append(event)  # noqa: PERF402 - `stop` looks at it meanwhile
    return done


def losses(events: list[Event]) -> list[tuple[int, float]]:
    return [(event.step, event.loss) for event in events if isinstance(event, TrainStep)]


def resumed(options: TrainOptions, **changes: object) -> TrainOptions:
    return options.model_copy(update={"resume": True, **changes})


def assert_same_style(one: Path, other: Path) -> None:
    first, second = load_file(one), load_file(other)
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name
    assert read_card(one) == read_card(other)


def compare(method: object, options: TrainOptions, folder: Path, *, cut: int = CUT) -> None:
    """Train without and with an interruption; everything that is kept must be the same."""
    whole = options.model_copy(update={"out": folder / "whole.safetensors", "run_dir": folder / "whole"})
    expected = run(whole, method)
    before = run(options, method, stop_after=cut)
    assert before[-1] == Saved(options.out, cut, is_complete=False)
    assert any(isinstance(event, Checkpointed) and event.step == cut for event in before)
    after = run(resumed(options), method)
    assert after[-1] == Saved(options.out, STEPS, is_complete=True)
    assert losses(before) + losses(after) == losses(expected)
    assert_same_style(whole.out, options.out)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        pytest.param(name, settings, marks=[] if settings == SETTINGS_OF.get(name, [{}])[0] else [pytest.mark.slow])
        for name, settings in VARIANTS
    ],
)
def test_resuming_changes_nothing(
    tiny_folders: dict[str, Path],
    style_images: Path,
    aux_images: Path,
    tmp_path: Path,
    name: str,
    settings: dict[str, object],
) -> None:
    method = make(name, **settings)
    out = tmp_path / "style.safetensors"
    base = tiny_folders["sdxl"]
    compare(method, options_for(method, base, style_images, aux_images, out, steps=STEPS, batch_size=1), tmp_path)


@pytest.mark.parametrize("name", CORE)
@pytest.mark.parametrize(
    "changes",
    [{"captions": True, "flips": True, "lr_schedule": "cosine"}, {"sample_every": 4, "sample_prompts": ("a fox",)}],
    ids=["captions, flips, cosine", "samples"],
)
def test_resuming_with_options(
    tiny_folders: dict[str, Path],
    style_images: Path,
    aux_images: Path,
    tmp_path: Path,
    name: str,
    changes: dict[str, object],
) -> None:
    method, out = first_of(name), tmp_path / "style.safetensors"
    options = options_for(
        method, tiny_folders["sdxl"], style_images, aux_images, out, **({"steps": STEPS, "batch_size": 1} | changes)
    )
    compare(method, options, tmp_path)


def test_resuming_with_auxiliary_pictures_that_the_base_drew(
    tiny_folders: dict[str, Path], style_images: Path, tmp_path: Path
) -> None:
    method = make("styleforge", learn="lora", rank=2)
    more = {"aux": "generate", "num_aux": 2, "steps": STEPS}
    out = tmp_path / "style.safetensors"
    options = options_for(method, tiny_folders["sdxl"], style_images, style_images, out)
    options = options.model_copy(update={**more, "aux_images": None})
    drawn = tmp_path / "run" / "aux" / "001.png"
    compare(method, options, tmp_path)
    assert sha256(drawn.read_bytes()).digest() == sha256((tmp_path / "whole/aux/001.png").read_bytes()).digest()


def test_resuming_on_top_of_another_style(tiny_folders: dict[str, Path], style_images: Path, tmp_path: Path) -> None:
    under, method = tmp_path / "under.safetensors", make("b_lora", rank=2, roles=("content",))
    base = tiny_folders["sdxl"]
    run(options_for(method, base, style_images, style_images, under, run_dir=tmp_path / "under"), method)
    method, out = make("b_lora", rank=2, roles=("style",)), tmp_path / "style.safetensors"
    options = options_for(method, base, style_images, style_images, out, steps=STEPS, attach=(f"{under}:0.5",))
    compare(method, options, tmp_path)


def test_interrupted_at_every_step(tiny_folders: dict[str, Path], style_images: Path, tmp_path: Path) -> None:
    """Stop after each step in turn, five processes' worth of one run."""
    method, out = make("b_lora", rank=2), tmp_path / "style.safetensors"
    options = options_for(method, tiny_folders["sdxl"], style_images, style_images, out, steps=STEPS)
    whole = options.model_copy(update={"out": tmp_path / "whole.safetensors", "run_dir": tmp_path / "whole"})
    run(whole, method)
    run(options, method, stop_after=1)
    for step in range(2, STEPS):
        run(resumed(options), method, stop_after=step)
    run(resumed(options), method)
    assert_same_style(whole.out, out)
    rows = (tmp_path / "run/events.jsonl").read_text("utf-8").splitlines()
    assert sum('"TrainStep"' in row for row in rows) == STEPS


@pytest.mark.parametrize("name", CORE)
def test_more_steps_on_a_constant_rate_equal_a_longer_run(
    tiny_folders: dict[str, Path], style_images: Path, aux_images: Path, tmp_path: Path, name: str
) -> None:
    method, out = make(name, **SETTINGS_OF.get(name, [{}])[0]), tmp_path / "style.safetensors"
    changes = {"steps": STEPS, "checkpoint_every": 2}
    options = options_for(method, tiny_folders["sdxl"], style_images, aux_images, out, **changes)
    whole = options.model_copy(update={"out": tmp_path / "whole.safetensors", "run_dir": tmp_path / "whole"})
    run(whole, method)
    run(options.model_copy(update={"steps": 3}), method)
    assert newest_checkpoint(tmp_path / "run/checkpoints").step == 3
    run(resumed(options), method)
    first, second = load_file(whole.out), load_file(out)
    assert all(torch.equal(tensor, second[key]) for key, tensor in first.items())
