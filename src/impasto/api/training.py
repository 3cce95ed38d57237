"""Training from Python: a style back, or the events on the way to one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import TypeVar, Unpack

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from impasto.api.base import Base
from impasto.api.keywords import TrainKeywords
from impasto.core.config import validated
from impasto.core.errors import ConfigError, ImpastoError
from impasto.core.events import Event, Noted, Planned, TrainStep
from impasto.methods._protocol import Method
from impasto.registry.methods import make_method
from impasto.registry.recipes import recipe_for
from impasto.style.file import Style
from impasto.training.options import TrainOptions
from impasto.training.train import train as run_training

MethodType = TypeVar("MethodType", bound=Method)


def train(
    base: Base,
    method: Method,
    *,
    images: str | Path,
    aux: str | Path | None = None,
    out: str | Path | None = None,
    **options: Unpack[TrainKeywords],
) -> Style:
    """Return a style that was learnt; a bar shows progress in a terminal or a notebook.

    Args:
        base: Bit-identical afterwards.
        method: Such as `impasto.StyleForge()`; what it does not name, the base's recipe says.
        images: Folder of style pictures, one picture, or `pack:NAME`.
        aux: Auxiliary pictures, in the same way, or "generate": the base draws them.
        out: Keep the style file here too.
        options: Of `impasto train`, by the same names; by default those of the base's recipe. Without `run_dir`, log
            and sample pictures are not kept, and no samples are drawn.

    Raises:
        ImpastoError: Whatever the caller can mend.
    """
    with _workplace() as folder:
        file = Path(out) if out is not None else folder / "style.safetensors"
        if "run_dir" not in options:
            options["run_dir"] = folder / "run"
            options.setdefault("sample_every", 0)
        with closing(train_events(base, method, images=images, aux=aux, out=file, **options)) as events:
            _show(events)
        return Style.load(file)


@contextmanager
def _workplace() -> Iterator[Path]:
    """Yield a folder that is gone afterwards, unless an error left a style in it: its message says where."""
    folder, is_needed = Path(mkdtemp(prefix="impasto-")), False
    try:
        yield folder
    except ImpastoError:
        is_needed = any(folder.rglob("style.safetensors"))
        raise
    finally:
        if not is_needed:
            shutil.rmtree(folder, ignore_errors=True)


def train_events(
    base: Base,
    method: Method,
    *,
    images: str | Path,
    out: str | Path,
    aux: str | Path | None = None,
    stop: Callable[[], bool] = lambda: False,
    **options: Unpack[TrainKeywords],
) -> Generator[Event]:
    """Yield what happens while a style is learnt; the last event is `Saved`. See `train` for the arguments.

    The base is borrowed for as long as the generator lives: close it when leaving early (`contextlib.closing`).

    Args:
        base: Bit-identical afterwards.
        method: What is learnt.
        images: Style pictures.
        out: The style file, ending in `.safetensors`.
        aux: Auxiliary pictures, or "generate".
        stop: Asked between steps; when it says yes, what was learnt so far is saved.
        options: Of `impasto train`.
    """
    if base.is_styled:
        raise ConfigError("styles are attached to the base: leave the `with` of styled(...) first, or use attach=(...)")
    chosen, shared = _with_recipe(base, method)
    given: dict[str, object] = {"style_images": str(images), "out": Path(out), "base": base.name, **options}
    if aux is not None:
        given |= {"aux": "generate"} if aux == "generate" else {"aux_images": str(aux)}
    wanted = validated(TrainOptions, shared | given, source="train")
    yield from run_training(wanted, chosen, stop=stop, base=base.model)


def _with_recipe(base: Base, method: MethodType) -> tuple[Method, dict[str, object]]:
    """Return the method, and shared options, with what the base's recipe says where the caller named nothing."""
    named = method.settings.model_dump(include=method.settings.model_fields_set)
    stated = recipe_for(method.name, base.model.recipe, named.get("learn"))
    own = {name: stated.pop(name) for name in list(stated) if name in method.Config.model_fields}
    settings = validated(method.Config, own | named, source=type(method).__name__)
    return make_method(type(method), settings), stated


def _show(events: Iterable[Event]) -> None:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    is_shown = console.is_terminal or console.is_jupyter
    with Progress(*columns, console=console, disable=not is_shown) as progress:
        task = progress.add_task("training", total=None)
        for event in events:
            if isinstance(event, TrainStep):
                progress.update(task, completed=event.step, total=event.steps, description=f"loss {event.loss:.4f}")
            elif is_shown and isinstance(event, Planned | Noted):
                for note in event.notes if isinstance(event, Planned) else (event.text,):
                    progress.console.print(note, highlight=False, markup=False)
