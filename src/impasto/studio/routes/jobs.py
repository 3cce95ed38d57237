"""Jobs: begin one, ask something of it, look at what it made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from impasto.core.errors import ConfigError
from impasto.studio.actions import Doing, act
from impasto.studio.gone import Gone
from impasto.studio.queue.jobs import RUN, Spec, state_of
from impasto.studio.routes._asked import Asked, Settings, shown_file
from impasto.studio.routes._waiting import errand
from impasto.studio.studio import Studio
from impasto.studio.wishes import drawing, new_folder, training

router = APIRouter()


class Teach(BaseModel):
    """A training that is wanted.

    Attributes:
        method: Its name.
        title: What the style is to be called.
        settings: Options by name; pictures as sets or packs.
    """

    model_config = ConfigDict(extra="forbid")
    method: str = Field(max_length=60)
    title: str = Field(default="", max_length=80)
    settings: Settings


class Draw(BaseModel):
    """A drawing that is wanted; styles as `NAME.safetensors[@ROLE][:SCALE]`."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["generate", "stylize", "mix", "transfer"] = "generate"
    settings: Settings


class Action(BaseModel):
    """What to do with a job."""

    model_config = ConfigDict(extra="forbid")
    steps: int | None = Field(default=None, ge=1, le=10_000_000)


@router.get("/jobs")
def all_jobs(asked: Asked) -> list[dict[str, object]]:
    """Return what goes on and what was done, the oldest first."""
    asked.desk.look()
    return asked.desk.shown()


@router.post("/teach")
def teach(asked: Asked, given: Teach) -> dict[str, str]:
    """Put a training into the queue."""
    with asked.desk.ordering, new_folder(asked.workspace) as folder:
        return {"id": asked.desk.new_job(folder, training(asked, folder, given.method, given.title, given.settings))}


@router.post("/plan")
async def plan(asked: Asked, given: Teach) -> dict[str, object]:
    """Return what a training would take, without beginning it."""

    def made(folder: Path) -> Spec:
        wanted = training(asked, folder, given.method, given.title, given.settings)
        return Spec("plan", "plan", (), {**wanted.settings, "method": given.method})

    seen = await errand(asked, made)
    return {"plan": seen["plan"], "notes": seen["notes"]}


@router.post("/draw")
def draw(asked: Asked, given: Draw) -> dict[str, str]:
    """Draw, before anything else."""
    with new_folder(asked.workspace) as folder:
        return {"id": asked.desk.new_job(folder, drawing(asked, folder, given.kind, given.settings))}


@router.post("/jobs/{name}/{action}")
def ask(asked: Asked, name: str, action: Doing, given: Action) -> dict[str, str]:
    """Pause a job, let it go on, stop it and keep what it learnt, cancel it, or give it more steps."""
    return act(asked, name, action, given.steps)


@router.delete("/jobs/{name}")
def remove(asked: Asked, name: str) -> dict[str, str]:
    """Delete a job with its pictures; the style that it learnt stays."""
    report = asked.desk.report(name)
    if not state_of(report.folder).is_final:
        raise ConfigError("it is not over yet: stop it first")
    undo = asked.workspace.discard(report.folder)
    asked.desk.wake()
    return {"undo": undo}


@router.get("/jobs/{name}/losses")
def losses(asked: Asked, name: str) -> list[tuple[int, float]]:
    """Return the loss over steps, smoothed."""
    return asked.desk.report(name).told.curve()


@router.get("/jobs/{name}/samples/{step}", response_class=FileResponse)
def samples(asked: Asked, name: str, step: int) -> FileResponse:
    """Return the strip of samples of a step."""
    return shown_file(_inside(asked, name, RUN, "samples", f"step-{step:06d}.png"), "image/png", keeps=True)


@router.get("/jobs/{name}/preview", response_class=FileResponse)
def preview(asked: Asked, name: str) -> FileResponse:
    """Return how the pictures look right now, small and side by side."""
    return shown_file(_inside(asked, name, "pictures", "preview.png"), "image/png")


@router.get("/jobs/{name}/pictures/{picture}", response_class=FileResponse)
def picture(asked: Asked, name: str, picture: str) -> FileResponse:
    """Return a picture that was drawn."""
    return shown_file(_inside(asked, name, "pictures", picture), "image/png", keeps=True)


@router.get("/jobs/{name}/recipes/{picture}")
def recipe(asked: Asked, name: str, picture: str) -> dict[str, JsonValue]:
    """Return how a picture is drawn again: what stands in the file beside it."""
    path = _inside(asked, name, "pictures", picture).with_suffix(".json")
    try:
        read = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Gone("the recipe of this picture is no longer there") from error
    return read if isinstance(read, dict) else {}


def _inside(asked: Studio, job: str, *names: str) -> Path:
    path = asked.workspace.find("jobs", job, *names)
    if path.suffix != ".png" or not path.is_file():
        raise Gone("this picture is no longer there")
    return path
