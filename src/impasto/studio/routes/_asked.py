"""What all routes share: how they come to the studio, and how bodies are bounded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias, cast

from fastapi import Depends, HTTPException, Request
from fastapi.responses import FileResponse
from pydantic import JsonValue

from impasto.studio.studio import Studio


def studio_of(request: Request) -> Studio:
    """Return what the routes work with."""
    return cast(Studio, request.app.state.studio)


Asked: TypeAlias = Annotated[Studio, Depends(studio_of)]
Settings: TypeAlias = dict[str, JsonValue]


async def bounded_body(request: Request, most: int) -> bytes:
    """Return the body of a request; refused with 413 as soon as it is larger than `most` bytes."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > most:
        raise HTTPException(413, f"at most {most // 2**20} MiB are taken")
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise HTTPException(413, f"at most {most // 2**20} MiB are taken")
        parts.append(part)
    return b"".join(parts)


def shown_file(path: Path, kind: str, *, name: str | None = None, keeps: bool = False) -> FileResponse:
    """Return a file of the studio's; `keeps` for one that never changes under its address."""
    caching = "private, max-age=31536000, immutable" if keeps else "no-cache"
    return FileResponse(path, media_type=kind, filename=name, headers={"cache-control": caching})
