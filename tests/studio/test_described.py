"""Requests that schemathesis makes of the server's own description: none ends in a 500."""

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient
from tests.studio.conftest import TOKEN, Page, png

from impasto.studio.app import create_app
from impasto.studio.options import StudioOptions
from impasto.studio.security import HEADER
from impasto.studio.studio import open_studio

WAITING = ("/api/plan", "/divide", "/suggest")
"""Wait for the process that draws, which no test here starts."""
ASKING = {HEADER: TOKEN, "host": "localhost"}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    studio = open_studio(StudioOptions(workspace=tmp_path_factory.mktemp("described") / "workspace"))
    app = create_app(studio, TOKEN)
    return Page(TestClient(app, base_url="http://localhost", raise_server_exceptions=False), studio, ASKING)


@pytest.fixture(scope="module")
def operations(page: Page) -> list[Any]:
    """All that can be asked of a studio."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", page.client.app, headers=ASKING)
    found = [each.ok() for each in schema.get_all_operations()]
    return [each for each in found if not each.path.endswith(WAITING)]


def real_names(page: Page, path: str, tmp_path: Path) -> dict[str, str]:
    """Return names of what is there, made now: most others end at a 404."""
    if path.startswith("/api/jobs"):
        return {"name": page.post("/draw", {"settings": {"prompt": ["a fox"]}})["id"]}
    name = page.post("/sets", {"title": "real"})["name"]
    page.upload(f"/sets/{name}/pictures?file=fox.png", png(tmp_path / "fox.png"))
    return {"name": name, "picture": "fox.png"}


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_is_described_ends_in_no_500(page: Page, operations: list[Any], tmp_path: Path, data: Any) -> None:
    asked = data.draw(st.sampled_from(operations))
    case = data.draw(asked.as_strategy())
    if asked.path.startswith(("/api/jobs/", "/api/sets/", "/api/thumbnails/")) and data.draw(st.booleans()):
        real = real_names(page, asked.path, tmp_path)
        case.path_parameters.update({name: real[name] for name in case.path_parameters.keys() & real.keys()})
    answer = case.call(headers=ASKING)
    assert answer.status_code < 500, (asked.label, answer.text)
    assert "Traceback" not in answer.text


def test_a_defect_would_be_found(page: Page, operations: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.studio.routes.styles.styles_in", lambda _: 1 / 0)
    (asked,) = (each for each in operations if each.label == "GET /api/styles")
    assert page.client.request(asked.method, asked.path).status_code == 500
