"""The server: what a page can ask of it, and how errors are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from html import escape
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from impasto.core.errors import ImpastoError
from impasto.studio.gone import Gone
from impasto.studio.routes import compare, jobs, sets, start, styles
from impasto.studio.security import Guard
from impasto.studio.studio import Studio
from impasto.studio.workspace import Workspace

STATIC = Path(str(files("impasto"))) / "studio" / "static"


def create_app(studio: Studio, token: str) -> Guard:
    """Return the application.

    Args:
        studio: What it serves.
        token: Random; see `security.py`.
    """

    @asynccontextmanager
    async def at_work(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(studio.desk.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    app = FastAPI(title="impasto studio", version=version("impasto"), lifespan=at_work, docs_url=None, redoc_url=None)
    app.state.studio = studio
    for routes in (start, sets, jobs, styles, compare):
        app.include_router(routes.router, prefix="/api")
    _tell_errors(app, studio.workspace)
    page = (STATIC / "index.html").read_text("utf-8")

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def show() -> HTMLResponse:
        return HTMLResponse(page.replace("{{token}}", escape(token)), headers={"cache-control": "no-store"})

    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return Guard(app, token=token, listen=studio.options.listen)


def _tell_errors(app: FastAPI, workspace: Workspace) -> None:
    """Tell every error as one sentence, without paths and traces."""

    def told(status: int, message: str) -> JSONResponse:
        return JSONResponse({"error": workspace.without_paths(message)}, status)

    @app.exception_handler(ImpastoError)
    async def _mendable(_: Request, error: ImpastoError) -> JSONResponse:
        return told(404 if isinstance(error, Gone) else 400, str(error))

    @app.exception_handler(RequestValidationError)
    async def _wrong(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part not in {"body", "query", "path"})
        return told(422, f"{where or 'the request'}: {str(first['msg'])[:200].lower()}")

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> JSONResponse:
        return told(error.status_code, str(error.detail))

    @app.exception_handler(Exception)
    async def _defect(_: Request, _error: Exception) -> JSONResponse:
        return told(500, "something went wrong inside impasto; the terminal of the studio says what")

    @app.exception_handler(OSError)
    async def _system(_: Request, error: OSError) -> JSONResponse:
        return told(507, f"the disk says: {(error.strerror or 'it does not work').lower()}")
