"""From what a page asks to what a job is told: checked settings with paths, and the command line that does it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from impasto.data.packs import PREFIX, find_pack
from impasto.registry.methods import find_method
from impasto.studio.kinds import command_of, drawing_of, model_of
from impasto.studio.queue.jobs import RUN, Spec
from impasto.studio.references import References
from impasto.studio.sets import folder_of, title_of
from impasto.studio.studio import Studio
from impasto.studio.teaching import command_of as training_command
from impasto.studio.teaching import options_model, settings_of
from impasto.studio.workspace import Workspace


@contextmanager
def new_folder(workspace: Workspace) -> Iterator[Path]:
    """Yield the folder of a new job, which is gone again where what is wanted is refused."""
    folder = workspace.new_folder("jobs")
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def training(asked: Studio, folder: Path, method: str, title: str, form: Mapping[str, object]) -> Spec:
    """Return a training as a job; raises `ImpastoError` for what is wrong with it."""
    model = options_model(find_method(method))
    chosen = References(asked.workspace, asked.options.base).resolved(model, form)
    name = title or _name_of(asked.workspace, str(form.get("style_images", "")))
    promised = {Path(str(job["out"])).name for job in asked.desk.shown() if job["out"]}
    out = asked.workspace.new_style(name, promised)
    settings = settings_of(method, chosen, out, folder / RUN)
    shown = {**form, "method": method, "title": name}
    return Spec("train", name, training_command(method, settings), settings, shown)


def drawing(asked: Studio, folder: Path, kind: str, form: Mapping[str, object]) -> Spec:
    """Return a drawing as a job; raises `ImpastoError` for what is wrong with it."""
    settings = References(asked.workspace, asked.options.base).resolved(model_of(kind), form)
    drawing_of(kind, settings, folder / "pictures")  # refuses what is wrong
    words = form.get("prompt") or form.get("subject") or kind
    title = str(words[0] if isinstance(words, list) else words)
    return Spec(kind, title[:200], command_of(kind, settings), settings, form)


def _name_of(workspace: Workspace, pictures: str) -> str:
    if pictures.startswith(PREFIX):
        return find_pack(pictures.removeprefix(PREFIX).partition("/")[0]).name
    return title_of(folder_of(workspace, pictures.removeprefix("set:")))
