"""A full disk, a base that is gone: one sentence where the person looks, and nothing lost."""

import errno
import io
import os
from pathlib import Path
from typing import Any

import pytest
from tests.studio.conftest import Page, png

from impasto.studio.queue.painter import Painter


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for name in ("mkdir", "write_text", "write_bytes"):
        monkeypatch.setattr(Path, name, refuse)


def test_a_full_disk_refuses_in_one_sentence_what_is_asked(
    page: Page, pictures: str, wanted: dict[str, Any], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    name, picture = pictures.removeprefix("set:"), png(tmp_path / "fox.png")
    before = page.get(f"/sets/{name}/pictures")
    request.getfixturevalue("full_disk")
    answers = [
        page.client.post("/api/teach", json=wanted, headers=page.headers),
        page.client.post("/api/draw", json={"settings": {"prompt": ["a fox"]}}, headers=page.headers),
        page.upload(f"/sets/{name}/pictures?file=fox.png", picture),
        page.client.put(
            f"/api/sets/{name}/pictures/{before[0]['name']}/caption", json={"caption": "x"}, headers=page.headers
        ),
        page.client.delete(f"/api/sets/{name}", headers=page.headers),
    ]
    for answer in answers:
        assert answer.status_code in {400, 507}, answer.text
        assert "no space left" in answer.json()["error"]
        assert str(page.studio.workspace.root) not in answer.text
    assert page.get("/jobs") == []
    assert page.get(f"/sets/{name}/pictures") == before


def test_a_disk_that_fills_while_drawing_lets_the_drawing_fail_and_try_again(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"prompt": ["a fox"], "steps": 2, "base": page.studio.options.base}
    name = page.post("/draw", {"settings": settings})["id"]
    painter = Painter(page.studio.workspace.jobs, io.StringIO())

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("PIL.Image.Image.save", refuse)
        painter.paint(page.folder(name))
    assert page.job(name)["state"] == "failed"
    assert "no space left" in page.job(name)["message"]
    assert str(page.studio.workspace.root) not in page.job(name)["message"]
    page.post(f"/jobs/{name}/go-on")
    painter.paint(page.folder(name))
    assert page.job(name)["state"] == "done"


@pytest.mark.skipif(os.name == "nt", reason="needs links")
def test_a_base_that_is_gone_is_named_and_everything_else_goes_on(page: Page) -> None:
    placed = page.studio.workspace.root / "bases" / "mine"
    placed.symlink_to(page.studio.options.base)
    wanted = {"prompt": ["a fox"], "steps": 2, "base": "mine"}
    gone = page.post("/draw", {"settings": wanted})["id"]
    other = page.post("/draw", {"settings": wanted | {"base": page.studio.options.base}})["id"]
    placed.unlink()
    painter = Painter(page.studio.workspace.jobs, io.StringIO())
    for name in (gone, other):
        painter.paint(page.folder(name))
    assert page.job(gone)["state"] == "failed"
    assert "mine" in page.job(gone)["message"]
    assert "\n" not in page.job(gone)["message"]
    assert page.job(other)["state"] == "done"
    answer = page.client.post("/api/draw", json={"settings": wanted}, headers=page.headers)
    assert (answer.status_code, "mine" in answer.json()["error"]) == (400, True)
