"""The library of styles."""

from __future__ import annotations

import io
from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse
from PIL import Image
from starlette.background import BackgroundTask

from impasto.studio.exporting import ExportFormat, exported
from impasto.studio.gone import Gone
from impasto.studio.library import card_of, keep_step, style_file, styles_in
from impasto.studio.routes._asked import Asked, shown_file

router = APIRouter()
_SIDE = 256


@router.get("/styles")
def all_styles(asked: Asked) -> list[dict[str, object]]:
    """Return all styles, the newest first."""
    return styles_in(asked.workspace)


@router.get("/styles/{name}/card")
def card(asked: Asked, name: str) -> dict[str, object]:
    """Return the card of a style."""
    return card_of(asked.workspace, name)


@router.get("/styles/{name}/file", response_class=FileResponse)
def file(asked: Asked, name: str) -> FileResponse:
    """Return the style file, to take home."""
    return shown_file(style_file(asked.workspace, name), "application/octet-stream", name=name)


@router.get("/styles/{name}/for/{form}", response_class=FileResponse)
def for_another(asked: Asked, name: str, form: ExportFormat) -> FileResponse:
    """Return the style as another tool reads it."""
    made = exported(style_file(asked.workspace, name), form)
    answer = shown_file(made.path, "application/octet-stream", name=made.path.name)
    answer.background = BackgroundTask(made.remove)
    return answer


@router.get("/styles/{name}/thumbnail", response_class=Response)
def thumbnail(asked: Asked, name: str) -> Response:
    """Return a picture of the style: the first of the last samples of its training."""
    style_file(asked.workspace, name)
    job = next((each for each in reversed(asked.desk.shown()) if each["saved"] == name and each["samples"]), None)
    if job is None:
        raise Gone("a picture of this style is no longer there")
    step = int(str(job["samples"][-1]))  # type: ignore[index]
    strip = asked.workspace.jobs / str(job["id"]) / "run" / "samples" / f"step-{step:06d}.png"
    return Response(_first(strip), media_type="image/webp", headers={"cache-control": "private, max-age=60"})


def _first(strip: Path) -> bytes:
    with Image.open(strip) as opened, io.BytesIO() as stream:
        side = opened.height
        opened.convert("RGB").crop((0, 0, side, side)).resize((_SIDE, _SIDE)).save(stream, "WEBP", quality=85)
        return stream.getvalue()


@router.post("/styles/{name}/steps/{step}")
def keep(asked: Asked, name: str, step: int) -> dict[str, str]:
    """Make a style of its own of a step of the training that learnt it."""
    return {"name": keep_step(asked.workspace, name, step)}


@router.delete("/styles/{name}")
def remove(asked: Asked, name: str) -> dict[str, str]:
    """Delete a style, until it is undone."""
    return {"undo": asked.workspace.discard(style_file(asked.workspace, name))}
