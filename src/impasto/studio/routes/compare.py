"""Comparisons, and the blind judgement of their pictures."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse
from pydantic import BaseModel, ConfigDict, Field

from impasto.comparison.judgements import Drawn, Pair, judge, next_pair, pairs_of, pictures_of_trials, take_back
from impasto.comparison.refresh import refresh_report
from impasto.studio.comparing import comparison, sheets_of
from impasto.studio.gone import Gone
from impasto.studio.routes._asked import Asked, shown_file
from impasto.studio.studio import Studio
from impasto.studio.wishes import new_folder
from impasto.studio.workspace import is_plain

router = APIRouter()
GIVEN = "given"
"""The comparison that the command line named."""


class Compare(BaseModel):
    """A comparison that is wanted: methods on shipped packs."""

    model_config = ConfigDict(extra="forbid")
    methods: list[str] = Field(min_length=1, max_length=12)
    packs: list[str] = Field(min_length=1, max_length=8)
    steps: int | None = Field(default=None, ge=1, le=1_000_000)
    seeds: int = Field(default=1, ge=1, le=20)
    prompts: int = Field(default=20, ge=10, le=200)


class Judged(BaseModel):
    """Which of two pictures is preferred; each as TRIAL/NAME."""

    model_config = ConfigDict(extra="forbid")
    left: str = Field(max_length=200)
    right: str = Field(max_length=200)
    choice: Literal["left", "right", "equal"]


@router.post("/compare")
def compare(asked: Asked, given: Compare) -> dict[str, str]:
    """Put a comparison into the queue."""
    with new_folder(asked.workspace) as folder:
        spec = comparison(folder, given.model_dump(), asked.options.base)
        return {"id": asked.desk.new_job(folder, spec)}


@router.get("/comparisons/{name}/pair")
def pair(asked: Asked, name: str) -> dict[str, object]:
    """Return two pictures to judge, without saying who drew which; nothing is left when "left" is missing."""
    out = _folder(asked, name)
    found = next_pair(out, random.Random())
    if found is None:
        count = len(pairs_of(pictures_of_trials(out)))
        return {"done": count, "count": count}
    two, done, count = found
    sides = {"left": f"{two.left.trial}/{two.left.name}", "right": f"{two.right.trial}/{two.right.name}"}
    return {**sides, "prompt": two.left.prompt, "style": two.left.style, "done": done, "count": count}


@router.post("/comparisons/{name}/judgements")
def judged(asked: Asked, name: str, given: Judged) -> dict[str, str]:
    """Write down which picture is preferred."""
    out = _folder(asked, name)
    known = {f"{each.trial}/{each.name}": each for each in pictures_of_trials(out)}
    two = Pair(_known(known, given.left), _known(known, given.right))
    judge(out, two, given.choice)
    return {"choice": given.choice}


@router.delete("/comparisons/{name}/judgements/last")
def forget(asked: Asked, name: str) -> dict[str, bool]:
    """Take the last judgement back."""
    return {"forgotten": take_back(_folder(asked, name))}


@router.post("/comparisons/{name}/report")
def finish(asked: Asked, name: str) -> dict[str, object]:
    """Let what was judged join the report; returns its table."""
    out = _folder(asked, name)
    is_written = refresh_report(out)
    return {"written": is_written, "table": _table(out)}


@router.get("/comparisons/{name}/table")
def table(asked: Asked, name: str) -> dict[str, object]:
    """Return the table of a comparison."""
    return _table(_folder(asked, name))


@router.get("/comparisons/{name}/sheet")
def sheet(asked: Asked, name: str) -> list[dict[str, object]]:
    """Return method × prompt of each style, as far as there are pictures; says who drew what."""
    return sheets_of(pictures_of_trials(_folder(asked, name)))


@router.get("/comparisons/{name}/report", response_class=HTMLResponse)
def report(asked: Asked, name: str) -> HTMLResponse:
    """Return the report, which is one page; its style sheet and pictures are inside it, and no script is let run."""
    path = _folder(asked, name) / "report.html"
    if not path.is_file():
        raise Gone("the report is no longer there, or not there yet")
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
    return HTMLResponse(path.read_text("utf-8"), headers={"content-security-policy": policy})


@router.get("/comparisons/{name}/pictures/{trial}/{picture}", response_class=FileResponse)
def picture(asked: Asked, name: str, trial: str, picture: str) -> FileResponse:
    """Return a picture of a trial."""
    path = _folder(asked, name) / "trials" / trial / f"{picture}.png"
    if not is_plain(trial) or not is_plain(picture) or path.is_symlink() or not path.is_file():
        raise Gone("this picture is no longer there")
    return shown_file(path, "image/png", keeps=True)


def _folder(asked: Studio, name: str) -> Path:
    if name == GIVEN and asked.comparison is not None:
        return asked.comparison
    return asked.workspace.find("jobs", name, "comparison")


def _known(known: dict[str, Drawn], given: str) -> Drawn:
    if given not in known:
        raise Gone("this picture is no longer there")
    return known[given]


def _table(out: Path) -> dict[str, object]:
    try:
        facts = json.loads((out / "report.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    found = facts.get("table") if isinstance(facts, dict) else None
    return found if isinstance(found, dict) else {}
