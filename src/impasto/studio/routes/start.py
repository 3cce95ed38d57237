"""What a page needs when it opens, the stream of what changes, and forms."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from impasto.captioning.pocket_vocabulary import unknown_words, vocabulary
from impasto.core.option_groups import Group
from impasto.data.packs import find_pack, pack_names
from impasto.models.source import POCKET
from impasto.registry.methods import find_method
from impasto.studio.bases import base_facts, bases_here, parts_of_base
from impasto.studio.forms import form_of
from impasto.studio.gone import Gone
from impasto.studio.kinds import KINDS, model_of
from impasto.studio.kinds import defaults_of as drawing_defaults
from impasto.studio.prompts import reading_of
from impasto.studio.purposes import PURPOSES
from impasto.studio.references import References
from impasto.studio.routes._asked import Asked
from impasto.studio.teaching import defaults_of, method_names, options_model

router = APIRouter()

_PLACED = {"out", "run_dir", "resume", "dry_run", "checkpoint_every", "preview_every"}
"""Options that the studio chooses itself."""
_LONGEST = 20_000
"""Letters of a prompt that are looked at while it is typed: more than any base reads."""


@router.get("/start")
def start(asked: Asked) -> dict[str, object]:
    """Return what does not change while the page is open."""
    return {
        "version": version("impasto"),
        "base": asked.options.base,
        "methods": [_method(name) for name in method_names()],
        "purposes": [purpose.as_json() for purpose in PURPOSES],
        "packs": [_pack(name) for name in pack_names()],
    }


def _method(name: str) -> dict[str, object]:
    found = find_method(name)
    fewest, most = found.num_pictures
    return {
        "name": name,
        "title": found.__name__,
        "paper": found.paper.title,
        "arxiv": found.paper.arxiv,
        "about": (found.__doc__ or "").split("\n")[0],
        "pictures": [fewest, most],
        "aux": "prior_weight" in found.Config.model_fields,
        "divides": "concepts" in found.Config.model_fields,
    }


def _pack(name: str) -> dict[str, object]:
    pack = find_pack(name)
    return {"name": name, "title": pack.title, "licence": pack.licence}


@router.get("/forms/train/{method}")
def train_form(asked: Asked, method: str, base: str | None = None, learn: str | None = None) -> list[object]:
    """Return the form of a training with a method on a base."""
    model = options_model(find_method(method))
    defaults = defaults_of(method, _base_of(asked, base), learn)
    return form_of(model, defaults, rest=Group.LEARNING, hidden=_PLACED)


@router.get("/forms/{kind}")
def drawing_form(asked: Asked, kind: str, base: str | None = None, preset: str | None = None) -> list[object]:
    """Return the form of a way to draw; `preset` is of transfers alone."""
    if kind not in KINDS:
        raise Gone("a form of that name is no longer there")
    defaults = drawing_defaults(kind, _base_of(asked, base), preset)
    return form_of(model_of(kind), defaults, rest=Group.DRAWING, hidden=_PLACED)


def _base_of(asked: Asked, name: str | None) -> str:
    return References(asked.workspace, asked.options.base).base(name or asked.options.base)


@router.get("/words")
def words(
    asked: Asked,
    prompt: Annotated[str, Query(max_length=_LONGEST)] = "",
    also: Annotated[str, Query(max_length=_LONGEST)] = "",
    base: str | None = None,
) -> dict[str, object]:
    """Return how a base reads a prompt; of pocket also the words that it was not taught, and what it was.

    `also`: words of the styles that are attached.
    """
    reading = reading_of(parts_of_base(_base_of(asked, base)), prompt, also).as_json()
    if (base or asked.options.base) != POCKET:
        return {**reading, "unknown": [], "subjects": [], "backgrounds": []}
    taught = vocabulary()
    unknown = unknown_words(prompt, taught, also)
    return {**reading, "unknown": unknown, "subjects": taught["subjects"], "backgrounds": taught["backgrounds"]}


@router.get("/bases")
def bases(asked: Asked) -> list[dict[str, object]]:
    """Return the bases that are on this machine."""
    return [each.as_json() for each in bases_here(asked.workspace, asked.options.base)]


@router.get("/bases/{name:path}")
def one_base(asked: Asked, name: str) -> dict[str, object]:
    """Return what is known of a base without loading it; of a name on the hub, what would be fetched."""
    References(asked.workspace, asked.options.base).base(name)  # refuses what no base may be called
    return base_facts(asked.workspace, name).as_json()


@router.get("/stream", include_in_schema=False)
async def stream(asked: Asked, request: Request) -> StreamingResponse:
    """Tell what goes on, then every change, as server-sent events."""

    async def told() -> AsyncIterator[str]:
        async for jobs in asked.desk.changes():
            if await request.is_disconnected():
                return
            yield f"data: {json.dumps({'jobs': jobs, 'ready': asked.desk.painter.is_ready})}\n\n"

    return StreamingResponse(told(), media_type="text/event-stream", headers={"cache-control": "no-store"})
