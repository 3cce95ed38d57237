"""Captions of a set: suggested by names and captioners, kept until somebody takes them."""

from typing import Any

import pytest
from tests.studio.conftest import Page

from impasto.captioning import fill as filling
from impasto.captioning.fill import fill, from_names
from impasto.data.images import check_picture
from impasto.data.packs import pictures_of

NAMES = ["red-fox_02.png", "IMG_1234.png", "castle.png", "01.png"]


@pytest.fixture
def drawings(page: Page) -> str:
    """A set of four drawings, two of which have names that say something."""
    name: str = page.post("/sets", {"title": "Drawings"})["name"]
    for wanted, path in zip(NAMES, pictures_of("pack:openmoji/4", "style", "pack"), strict=True):
        (page.studio.workspace.sets / name / wanted).write_bytes(path.read_bytes())
    return name


def rows(page: Page, name: str, base: str = "pocket") -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in page.get(f"/sets/{name}/pictures?base={base}")}


def test_names_come_before_the_captioner(page: Page, drawings: str, errands_done: None) -> None:
    """Where the name of a picture says something it is believed; pocket's judge looks at the others."""
    folder = page.studio.workspace.sets / drawings
    checked = [check_picture(folder / name) for name in sorted(NAMES)]
    named = from_names(checked, "pocket")
    seen = fill("style", [each for each in checked if each.path not in named], "base", "pocket", "cpu").words
    assert {path.name for path in named} == {"red-fox_02.png", "castle.png"}
    assert not any(row["looked_at"] for row in rows(page, drawings).values())
    page.post(f"/sets/{drawings}/suggest", {"base": "pocket"})
    assert {name: row["suggested"] for name, row in rows(page, drawings).items()} == {
        path.name: words for path, words in (named | seen).items()
    }
    assert all(row["looked_at"] and not row["caption"] for row in rows(page, drawings).values()), "nothing is written"
    assert not any(row["looked_at"] for row in rows(page, drawings, "other").values()), "another base, other words"


def test_a_caption_that_was_written_is_not_suggested_again(page: Page, drawings: str, errands_done: None) -> None:
    page.put(f"/sets/{drawings}/pictures/castle.png/caption", {"caption": "my castle"})
    page.post(f"/sets/{drawings}/suggest", {"base": "pocket"})
    assert rows(page, drawings)["castle.png"]["caption"] == "my castle"
    assert rows(page, drawings)["castle.png"]["suggested"] == ""


def test_where_nothing_can_look_the_page_is_told(
    page: Page, pictures: str, errands_done: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a picture that cannot be read does not keep the others from it."""
    monkeypatch.setattr(filling, "find_captioner", lambda *_: None)
    name = pictures.removeprefix("set:")
    (page.studio.workspace.sets / name / "broken.png").write_bytes(b"no picture")
    base = str(page.studio.options.base)
    page.post(f"/sets/{name}/suggest", {"base": base})
    assert {(row["suggested"], row["looked_at"]) for row in rows(page, name, base).values()} == {("", True)}


def test_packs_have_captions_of_their_own(page: Page) -> None:
    answer = page.client.post("/api/sets/pack:openmoji/suggest", json={}, headers=page.headers)
    assert answer.status_code == 400
