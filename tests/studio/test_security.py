"""Who may ask, and what cannot be asked."""

import io
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from httpx2 import Response
from PIL import Image
from starlette.testclient import TestClient
from tests.studio.conftest import TOKEN, Page, png

from impasto.studio.app import create_app
from impasto.studio.options import StudioOptions
from impasto.studio.security import HEADER, LARGEST_JSON
from impasto.studio.studio import open_studio

OUTSIDE = [
    "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "/etc/passwd", "%2fetc%2fpasswd",
    "..\\..\\secret", "secret%00.png", "C:%5csecret", ".lock", "a/../../secret", "%252e%252e%252fsecret",
]  # fmt: skip
PLACES = [
    "/api/styles/{}/card", "/api/styles/{}/file", "/api/jobs/{}/preview", "/api/jobs/x/pictures/{}", "/static/{}",
    "/api/sets/{}/pictures", "/api/thumbnails/{}/a.png", "/api/thumbnails/x/{}",
]  # fmt: skip


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8420", "127.0.0.1.evil.example", "", "localhost.evil.example"]
)
def test_other_names_of_this_machine_are_refused(page: Page, host: str) -> None:
    """DNS rebinding: the browser thinks that this is evil.example."""
    assert page.client.get("/api/start", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost:8420", "127.0.0.1", "[::1]:8420"])
def test_this_machine_is_served(page: Page, host: str) -> None:
    assert page.client.get("/api/jobs", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {HEADER: "guessed"},
        {HEADER: TOKEN, "origin": "http://evil.example"},
        {HEADER: TOKEN, "origin": "null"},
        {HEADER: TOKEN, "sec-fetch-site": "cross-site"},
        {HEADER: TOKEN, "sec-fetch-site": "same-site"},
    ],
)
def test_changes_from_elsewhere_are_refused(page: Page, headers: dict[str, str]) -> None:
    answer = page.client.post("/api/sets", json={"title": "x"}, headers=headers)
    assert answer.status_code == 403
    assert page.get("/sets") == []


def test_pictures_cannot_be_shown_by_other_sites(page: Page) -> None:
    assert page.client.get("/api/jobs", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert page.client.get("/", headers={"sec-fetch-site": "cross-site"}).status_code == 200, "a link may lead here"


def test_every_answer_carries_what_keeps_pages_apart(page: Page) -> None:
    for path in ("/", "/api/start", "/api/nothing", "/static/main.js"):
        headers = page.client.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_an_open_address_asks_for_the_token(workspace: Path) -> None:
    app = create_app(open_studio(StudioOptions(workspace=workspace, listen="0.0.0.0")), TOKEN)
    client = TestClient(app, base_url="http://studio.lan:8420", follow_redirects=False)
    for path in ("/", "/api/jobs", "/static/main.js", "/?token=guessed"):
        assert client.get(path).status_code == 401
    assert client.get("/", headers={"cookie": "impasto=guessed"}).status_code == 401
    entered = client.get(f"/?token={TOKEN}")
    assert entered.status_code == 303
    assert "HttpOnly" in entered.headers["set-cookie"]
    assert "SameSite=Strict" in entered.headers["set-cookie"]
    assert client.get("/api/jobs").status_code == 200


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("place", PLACES)
def test_nothing_outside_is_readable(page: Page, name: str, place: str) -> None:
    (page.studio.workspace.root.parent / "secret").write_text("root:secret")
    answer = page.client.get(place.format(name))
    assert answer.status_code in {400, 404, 405, 422}
    assert "root:" not in answer.text


@pytest.mark.parametrize("option", ["style", "picture", "base", "style_images", "attach", "concepts_csv"])
@pytest.mark.parametrize("value", ["/etc", "../..", "/etc/passwd", "set:../../etc", "job:../x/a.png", "~", "pack:../x"])
def test_options_name_no_paths(page: Page, option: str, value: str) -> None:
    settings: dict[str, Any] = {"prompt": ["a fox"], option: [value] if option in {"style", "attach"} else value}
    kind = "stylize" if option == "picture" else "generate"
    request = {"kind": kind, "settings": settings} if option in {"style", "picture", "base"} else None
    asked = ("/draw", request) if request else ("/teach", {"method": "lora", "settings": settings})
    answer = page.client.post(f"/api{asked[0]}", json=asked[1], headers=page.headers)
    assert answer.status_code in {400, 404}
    assert page.get("/jobs") == [], "nothing is begun"


@pytest.mark.parametrize("option", ["cache", "run_dir", "out", "dry_run", "resume"])
def test_options_that_write_elsewhere_are_refused(page: Page, wanted: dict[str, Any], option: str) -> None:
    wanted["settings"][option] = "/tmp/elsewhere"
    assert page.client.post("/api/teach", json=wanted, headers=page.headers).status_code == 400
    assert page.get("/jobs") == []


@pytest.mark.skipif(os.name == "nt", reason="needs links")
def test_links_lead_nowhere(page: Page, tmp_path: Path) -> None:
    png(tmp_path / "outside" / "secret.png")
    (page.studio.workspace.sets / "linked").symlink_to(tmp_path / "outside")
    own = page.post("/sets", {"title": "own"})["name"]
    (page.studio.workspace.sets / own / "linked.png").symlink_to(tmp_path / "outside" / "secret.png")
    (page.studio.workspace.styles / "linked.safetensors").symlink_to(tmp_path / "outside" / "secret.png")
    assert page.client.get("/api/sets/linked/pictures").status_code in {400, 404}
    assert page.get(f"/sets/{own}/pictures") == []
    assert page.client.get(f"/api/thumbnails/{own}/linked.png").status_code in {400, 404}
    assert page.client.get("/api/styles/linked.safetensors/file").status_code in {400, 404}
    assert page.get("/styles") == []


def test_uploads_are_bounded_and_decoded_defensively(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    name = page.post("/sets", {"title": "x"})["name"]
    place = f"/sets/{name}/pictures"
    assert page.upload(f"{place}?file=a.exe", b"MZ").status_code == 400
    assert page.upload(f"{place}?file=a.png", b"no picture").status_code == 400
    bomb = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(bomb, "PNG")
    refused = page.upload(f"{place}?file=bomb.png", bomb.getvalue())
    assert refused.status_code == 400
    assert "megapixels" in refused.json()["error"]
    monkeypatch.setattr("impasto.studio.routes.sets.LARGEST_PICTURE", 1000)
    assert page.upload(f"{place}?file=a.png", b"x" * 1001).status_code == 413
    assert list((page.studio.workspace.sets / name).glob("*.png")) == [], "nothing of it is kept"
    assert page.get(place) == []


@pytest.mark.parametrize(
    "given", ["../../a.png", "/etc/a.png", "..\\a.png", "a/b/c.png", ".png", "con.png", "ä ö.png", "x" * 300 + ".png"]
)
def test_names_of_uploads_are_only_a_wish(page: Page, tmp_path: Path, given: str) -> None:
    name = page.post("/sets", {"title": "x"})["name"]
    answer = page.upload(f"/sets/{name}/pictures?file={quote(given)}", png(tmp_path / "a.png"))
    inside = {path.name for path in (page.studio.workspace.sets / name).iterdir()}
    assert answer.status_code == 200 or answer.status_code == 400
    if answer.status_code == 200:
        assert answer.json()["name"] in inside
    assert all("/" not in each and not each.startswith("..") for each in inside)


def test_large_requests_are_refused_before_they_are_read(page: Page) -> None:
    answer = page.client.post(
        "/api/sets",
        content=b'{"title": "' + b"x" * LARGEST_JSON + b'"}',
        headers={**page.headers, "content-type": "application/json"},
    )
    assert answer.status_code == 413


def test_errors_tell_no_paths_and_no_traces(
    page: Page, wanted: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def posted(path: str, value: object) -> Response:
        return page.client.post(f"/api{path}", json=value, headers=page.headers)

    answers = [
        posted("/draw", {"settings": {"prompt": ["a"], "steps": 0}}),
        posted("/draw", {"settings": {"prompt": ["a"], "style": ["gone.safetensors"]}}),
        posted("/teach", {**wanted, "method": "nothing"}),
        posted("/draw", "{"),
        page.client.get("/api/styles/gone.safetensors/card"),
    ]
    monkeypatch.setattr("impasto.studio.routes.styles.styles_in", lambda _: 1 / 0)
    answers.append(page.client.get("/api/styles"))
    for answer in answers:
        assert 400 <= answer.status_code <= 500
        assert json.loads(answer.text)["error"]
        assert str(page.studio.workspace.root) not in answer.text
        assert "Traceback" not in answer.text
        assert ".py" not in answer.text
