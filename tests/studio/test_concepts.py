"""People and backgrounds of a set: suggested, corrected, and read by a training."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from tests.studio.conftest import Page

from impasto.data.packs import find_pack
from impasto.data.subdivision import Divided
from impasto.studio import concepts
from impasto.studio.queue.jobs import read_spec


@pytest.fixture
def divided_by(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands in for the encoder: all that it is asked about are backgrounds; notes the scorers."""
    scorers: list[str] = []

    def divide(paths: list[Path], names: tuple[str, ...], scorer: str) -> list[Divided]:
        scorers.append(scorer)
        return [Divided(path.name, names[1], 0.1) for path in paths]

    monkeypatch.setattr(concepts, "divide_pictures", divide)
    return scorers


def shown(page: Page, pictures: str) -> dict[str, str]:
    return {row["name"]: row["concept"] for row in page.get(f"/sets/{pictures.removeprefix('set:')}/pictures")}


def wanted_apart(wanted: dict[str, Any], pictures: str) -> dict[str, Any]:
    settings = {**wanted["settings"], "concepts_csv": pictures}
    return {**wanted, "method": "multi_styleforge", "settings": settings}


def say(page: Page, pictures: str, picture: str, concept: str) -> None:
    page.put(f"/sets/{pictures.removeprefix('set:')}/pictures/{picture}/concept", {"concept": concept})


def test_what_is_said_by_hand_stands_in_the_csv_of_the_training(
    page: Page, wanted: dict[str, Any], pictures: str
) -> None:
    names = sorted(shown(page, pictures))
    said = dict(zip(names, ["people", "backgrounds", "none", "people"], strict=True))
    for name, concept in said.items():
        say(page, pictures, name, concept)
    assert shown(page, pictures) == said
    job = page.post("/teach", wanted_apart(wanted, pictures))["id"]
    path = Path(str(read_spec(page.folder(job)).settings["concepts_csv"]))
    rows = csv.DictReader(io.StringIO(path.read_text()))
    assert {row["file"]: row["class"] for row in rows} == said


def test_a_picture_of_which_nothing_is_said_is_named_before_the_start(
    page: Page, wanted: dict[str, Any], pictures: str
) -> None:
    first, *others = sorted(shown(page, pictures))
    for name in others:
        say(page, pictures, name, "people")
    say(page, pictures, others[0], "")
    answer = page.client.post("/api/teach", json=wanted_apart(wanted, pictures), headers=page.headers)
    assert answer.status_code == 400
    assert f"{first}, {others[0]}" in answer.text
    assert page.get("/jobs") == []


def test_the_encoder_leaves_alone_what_was_said_by_hand(
    page: Page, pictures: str, divided_by: list[str], errands_done: None
) -> None:
    first, *others = sorted(shown(page, pictures))
    say(page, pictures, first, "people")
    page.post(f"/sets/{pictures.removeprefix('set:')}/divide", {"base": "pocket"})
    assert shown(page, pictures) == {first: "people", **dict.fromkeys(others, "backgrounds")}
    assert divided_by == ["pocket"]
    assert page.get("/jobs") == [], "an errand leaves no job behind"


def test_packs_know_theirs_and_are_not_changed(page: Page) -> None:
    people = find_pack("openmoji").people
    rows = page.get("/sets/pack:openmoji/pictures")
    assert {row["name"] for row in rows if row["concept"] == "people"} == {
        row["name"] for row in rows if Path(row["name"]).stem in people
    }
    path = f"/api/sets/pack:openmoji/pictures/{rows[0]['name']}/concept"
    assert page.client.put(path, json={"concept": "none"}, headers=page.headers).status_code == 400
