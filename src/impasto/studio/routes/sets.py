"""Pictures: sets of one's own, and the shipped packs."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from impasto.core.errors import ConfigError, DataError
from impasto.data.packs import PREFIX
from impasto.models.source import POCKET
from impasto.studio.captions import suggested_in
from impasto.studio.concepts import Concept, concepts_in, set_concept
from impasto.studio.queue.jobs import Spec
from impasto.studio.references import References
from impasto.studio.routes._asked import Asked, bounded_body
from impasto.studio.routes._waiting import errand
from impasto.studio.sets import (
    LARGEST_PICTURE,
    add_picture,
    described,
    folder_of,
    picture_in,
    pictures_in,
    set_caption,
    set_title,
    thumbnail,
    title_of,
)

router = APIRouter()
_RESOLUTIONS = {POCKET: 128}
_USUAL = 512


class Titled(BaseModel):
    """What a set is called."""

    model_config = ConfigDict(extra="forbid")
    title: str = Field(min_length=1, max_length=80)


class Captioned(BaseModel):
    """What a picture shows."""

    model_config = ConfigDict(extra="forbid")
    caption: str = Field(max_length=2000)


class Shown(BaseModel):
    """Whom or what a picture shows."""

    model_config = ConfigDict(extra="forbid")
    concept: Concept


class Looking(BaseModel):
    """Who looks at pictures: what belongs to this base."""

    model_config = ConfigDict(extra="forbid")
    base: str = Field(default=POCKET, max_length=200)


@router.get("/sets")
def all_sets(asked: Asked) -> list[dict[str, object]]:
    """Return the sets of one's own, the newest first."""
    folders = (path for path in asked.workspace.sets.iterdir() if path.is_dir() and not path.is_symlink())
    newest = sorted(folders, key=lambda path: path.name, reverse=True)
    return [
        {"name": path.name, "title": title_of(path), "count": len(pictures_in(asked.workspace, path.name))}
        for path in newest
    ]


@router.post("/sets")
def new_set(asked: Asked, given: Titled) -> dict[str, str]:
    """Make an empty set."""
    folder = asked.workspace.new_folder("sets")
    set_title(folder, given.title)
    return {"name": folder.name}


@router.get("/sets/{name:path}/pictures")
def pictures(asked: Asked, name: str, base: str = POCKET) -> list[dict[str, object]]:
    """Return the pictures of a set, or of `pack:NAME/PART`, with what is doubtful about each."""
    found = pictures_in(asked.workspace, name)
    concepts = concepts_in(asked.workspace, name, found)
    rows = described(found, _RESOLUTIONS.get(base, _USUAL))
    said = {} if name.startswith(PREFIX) else suggested_in(folder_of(asked.workspace, name), base)
    return [
        row | {"concept": concepts.get(each, ""), "suggested": said.get(each, ""), "looked_at": each in said}
        for row in rows
        if (each := str(row["name"]))
    ]


@router.post("/sets/{name}/pictures")
async def add(asked: Asked, request: Request, name: str, file: str) -> dict[str, object]:
    """Add one picture; the body is its file."""
    folder = folder_of(asked.workspace, name)
    data = await bounded_body(request, LARGEST_PICTURE)
    added = add_picture(folder, file, data)
    return described([added], 0)[0]


@router.put("/sets/{name}/pictures/{picture}/caption")
def caption(asked: Asked, name: str, picture: str, given: Captioned) -> dict[str, str]:
    """Say what a picture shows."""
    _refuse_pack(name)
    set_caption(picture_in(asked.workspace, name, picture), given.caption)
    return {"caption": given.caption}


@router.put("/sets/{name}/pictures/{picture}/concept")
def concept(asked: Asked, name: str, picture: str, given: Shown) -> dict[str, str]:
    """Say whether a picture shows people or backgrounds, or is to be left out of a divided style."""
    _refuse_pack(name)
    set_concept(asked.workspace, name, picture_in(asked.workspace, name, picture), given.concept)
    return {"concept": given.concept}


@router.post("/sets/{name}/divide")
async def divide(asked: Asked, name: str, given: Looking) -> dict[str, str]:
    """Let an encoder say it of all pictures of which nobody did."""
    return await _looked_at(asked, name, "divide", given.base)


@router.post("/sets/{name}/suggest")
async def suggest(asked: Asked, name: str, given: Looking) -> dict[str, str]:
    """Suggest captions for the pictures that have none."""
    return await _looked_at(asked, name, "suggest", given.base)


async def _looked_at(asked: Asked, name: str, kind: str, called: str) -> dict[str, str]:
    """Let the process that draws look at the pictures of a set."""
    _refuse_pack(name)
    folder, pictures = folder_of(asked.workspace, name), pictures_in(asked.workspace, name)
    base = References(asked.workspace, asked.options.base).base(called)
    settings = {"folder": str(folder), "pictures": [str(path) for path in pictures], "base": base, "called": called}
    await errand(asked, lambda _: Spec(kind, kind, (), settings))
    return {"name": name}


@router.delete("/sets/{name}/pictures/{picture}")
def remove(asked: Asked, name: str, picture: str) -> dict[str, str]:
    """Take a picture out of a set; its caption stays, for the case that this is undone."""
    _refuse_pack(name)
    return {"undo": asked.workspace.discard(picture_in(asked.workspace, name, picture))}


@router.delete("/sets/{name}")
def remove_set(asked: Asked, name: str) -> dict[str, str]:
    """Delete a set."""
    return {"undo": asked.workspace.discard(folder_of(asked.workspace, name))}


@router.get("/thumbnails/{name:path}/{picture}", response_class=Response)
def small(asked: Asked, name: str, picture: str, side: int = 256) -> Response:
    """Return the middle square of a picture, which is what training sees."""
    if not 16 <= side <= 1024:
        raise ConfigError(f"side = {side}: 16 to 1024 are drawn")
    path = picture_in(asked.workspace, name, picture)
    drawn = thumbnail(path, path.stat().st_mtime_ns, side)
    return Response(drawn, media_type="image/webp", headers={"cache-control": "private, max-age=3600"})


def _refuse_pack(name: str) -> None:
    if name.startswith(PREFIX):
        raise DataError("shipped pictures cannot be changed: copy them to a set of your own")


@router.post("/undo/{name}")
def undo(asked: Asked, name: str) -> dict[str, str]:
    """Bring back what was deleted."""
    path = asked.workspace.restore(name)
    asked.desk.wake()
    return {"restored": path.name}
