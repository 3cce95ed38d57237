"""The demonstration: learn a style that pocket has never seen from twenty drawings, and draw before and after."""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from pydantic import Field

from impasto.core.config import Config, validated
from impasto.core.events import Event, Generated, Measured, Progress
from impasto.core.files import write_text
from impasto.core.option_groups import grouped
from impasto.core.paths import OutputFolder
from impasto.data.held_out import HeldOut, read_held_out
from impasto.data.packs import Pack, find_pack
from impasto.data.png import write_png
from impasto.features.pocket import PocketFeatures
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.methods._protocol import Method
from impasto.metrics.kernel import kernel_distance, kernel_distance_change
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import open_base
from impasto.registry.methods import find_method, make_method
from impasto.registry.recipes import guidance_for, recipe_for
from impasto.reporting.grids import labelled_grid
from impasto.style.attach import attached
from impasto.style.file import Style, load_style
from impasto.training.options import TrainOptions
from impasto.training.train import train

METHOD, BASE = "styleforge", "pocket"
_FEWEST_TO_MEASURE = 12


@grouped(pictures="pack", learning="steps seed", drawing="num_images guidance_scale", run="out run_dir resume dry_run")
class DemoOptions(Config):
    """Learn a style from twenty drawings and draw with it: a few minutes on two CPU cores."""

    out: OutputFolder = Path("demo")
    """Folder for pictures, style file and page."""
    pack: str = "openmoji"
    """The shipped style pack to learn."""
    steps: int | None = Field(default=None, ge=1)
    """Training steps; by default those of the measured recipe."""
    num_images: int | None = Field(default=None, ge=1)
    """How many subjects to draw; by default all of the pack's demonstration."""
    guidance_scale: float = Field(default=guidance_for(BASE), ge=1)
    """How strictly to follow the words."""
    seed: int = Field(default=0, ge=0)
    """Same seed, same pictures."""
    run_dir: OutputFolder | None = None
    """Folder for the training's samples, log and loss plot; by default a new one in OUT/runs."""
    resume: bool = False
    """Go on with the training in --run-dir where it was stopped."""
    dry_run: bool = False
    """Print the plan and stop."""


@dataclass(frozen=True, slots=True)
class BeforeAfter:
    """A held-out subject with what was drawn of it."""

    subject: HeldOut
    prompt: str
    before: Image.Image
    after: Image.Image


def recipe_options(pack: str, out: Path, **changes: object) -> tuple[TrainOptions, Method]:
    """Return the measured recipe for StyleForge on pocket, for a shipped pack, with `changes`."""
    method_class = find_method(METHOD)
    of_pack: dict[str, object] = {"style_images": f"pack:{pack}", "aux_images": f"pack:{pack}", "out": out}
    values = recipe_for(METHOD, BASE, changes.get("learn")) | of_pack | changes
    own = {name: values.pop(name) for name in list(values) if name in method_class.Config.model_fields}
    settings = validated(method_class.Config, own, source="recipe")
    return validated(TrainOptions, values, source="recipe"), make_method(method_class, settings)


def demo(options: DemoOptions, *, stop: Callable[[], bool] = lambda: False) -> Generator[Event]:
    """Yield the events of training, then of drawing; writes `index.html`, `grid.png` and the style file.

    Args:
        options: What to learn and to draw.
        stop: Asked between training steps; when it says yes, the style so far is saved and nothing is drawn.
    """
    started = time.monotonic()
    pack = find_pack(options.pack)
    changes: dict[str, object] = {"seed": options.seed, "resume": options.resume, "dry_run": options.dry_run}
    changes["overwrite"] = True  # of the demonstration's own folder; the plan says so
    changes["run_dir"] = options.run_dir or _new_run_folder(options.out)
    if options.steps is not None:
        changes["steps"] = options.steps
    train_options, method = recipe_options(options.pack, options.out / f"{options.pack}.safetensors", **changes)
    yield from train(train_options, method, stop=stop)
    if options.dry_run:
        return
    style = load_style(train_options.out)
    if not style.card.is_complete:
        return
    subjects = read_held_out(pack, demo_only=True)[: options.num_images]
    before: list[Image.Image] = []
    after: list[Image.Image] = []
    base = open_base(BASE)
    yield from draw_subjects(base, subjects, None, style.card.style_words, options, before)
    yield from draw_subjects(base, subjects, style, style.card.style_words, options, after)
    drawn = [
        BeforeAfter(subject, f"{subject.caption}, {style.card.style_words}", one, two)
        for subject, one, two in zip(subjects, before, after, strict=True)
    ]
    if len(drawn) >= _FEWEST_TO_MEASURE:
        yield from measured(drawn)
    yield from _write(options.out, pack, drawn, style, time.monotonic() - started)


def measured(drawn: Sequence[BeforeAfter]) -> Iterator[Measured]:
    """Yield how far the pictures before and after are from the artist's own."""
    features = PocketFeatures()
    real = features.extract([each.subject.picture for each in drawn])
    before = features.extract([each.before for each in drawn])
    after = features.extract([each.after for each in drawn])
    distances = {
        "KID to the real drawings, before": kernel_distance(before, real),
        "KID to the real drawings, after": kernel_distance(after, real),
        "KID, after minus before": kernel_distance_change(before, after, real),
    }
    for what, distance in distances.items():
        yield Measured(what, distance.value, distance.standard_error, "lower")


def _new_run_folder(out: Path) -> Path:
    taken = len(list((out / "runs").glob("*"))) if out.exists() else 0
    return out / "runs" / f"{taken + 1:03d}"


def draw_subjects(
    base: LatentDiffusion,
    subjects: Sequence[HeldOut],
    style: Style | None,
    words: str,
    options: DemoOptions,
    into: list[Image.Image],
) -> Iterator[Event]:
    """Draw every subject with `words` after its caption, with or without the style; append the pictures to `into`."""
    params = SamplingParams(20, options.guidance_scale, base.resolution, base.resolution, batch=8)
    requests = [ImageRequest(f"{subject.caption}, {words}", options.seed + 1000) for subject in subjects]
    what = "drawing before" if style is None else "drawing after"
    with attached(base, [] if style is None else [(style, 1.0)]):
        for _, image in draw(base, requests, params):
            into.append(image)
            yield Progress(what, len(into), len(subjects))


def _write(out: Path, pack: Pack, drawn: Sequence[BeforeAfter], style: Style, seconds: float) -> Iterator[Event]:
    rows = [
        (f"real\n{pack.title}", [each.subject.picture for each in drawn]),
        ("before", [each.before for each in drawn]),
        ("after", [each.after for each in drawn]),
    ]
    write_png(out / "grid.png", labelled_grid(rows, columns=12))
    for each in drawn:
        for kind, image in (("real", each.subject.picture), ("before", each.before), ("after", each.after)):
            write_png(out / "pictures" / f"{each.subject.name}-{kind}.png", image)
    write_text(out / "index.html", _page(pack, drawn, style, seconds))
    yield Generated(out / "grid.png", "", 0)
    yield Generated(out / "index.html", "", 0)


_STYLE_SHEET = """
body { font: 16px/1.5 system-ui, sans-serif; color: #3c342e; background: #faf7f2; margin: 2rem auto;
  padding: 0 1.5rem; max-width: 76rem }
h1 { font-weight: 600 } h1 small { font-weight: 400; color: #8a7d70 }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(25rem, 1fr)); gap: 1.5rem }
figure { margin: 0; padding: .75rem; background: #fff; border-radius: .5rem; box-shadow: 0 1px 3px #0002 }
figure div { display: grid; grid-template-columns: repeat(3, 1fr); gap: .5rem; text-align: center; color: #8a7d70 }
img { width: 100%; border-radius: .25rem; image-rendering: auto } figcaption { margin-top: .5rem }
footer { margin: 2rem 0; color: #8a7d70 }
"""


def _page(pack: Pack, drawn: Sequence[BeforeAfter], style: Style, seconds: float) -> str:
    figures = "\n".join(_figure(each) for each in drawn)
    card, title = style.card, html.escape(pack.title)
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>impasto: {title} learnt from twenty drawings</title><style>{_STYLE_SHEET}</style>
<h1>{title}, learnt from twenty drawings <small>{card.steps} steps, {seconds:.0f} s in all</small></h1>
<p>None of the subjects below is among the twenty. <b>real</b>: the artist's own drawing. <b>before</b>: what pocket
draws for the same words. <b>after</b>: the same words and seed with the learnt style attached.</p>
<main>
{figures}
</main>
<footer>Real drawings: {title}, {html.escape(pack.licence)}. Method: {html.escape(card.method)},
arXiv:{html.escape(card.paper)}. Loss over the last steps: {card.loss:.4f}.</footer>
</html>
"""


def _figure(each: BeforeAfter) -> str:
    words = html.escape(each.prompt)
    pictures = "".join(
        f'<span><img src="pictures/{each.subject.name}-{kind}.png" alt="{kind}: {words}">{kind}</span>'
        for kind in ("real", "before", "after")
    )
    return f"<figure><div>{pictures}</div><figcaption>{words}</figcaption></figure>"
