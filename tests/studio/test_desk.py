"""The queue: who begins when, and what pages are told."""

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.studio.conftest import Page

from impasto.core.lock import FolderLock
from impasto.data.captions import styled_prompt
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.studio.kinds import KINDS
from impasto.studio.queue.jobs import Wish, wish
from impasto.studio.queue.process import write_outcome
from impasto.studio.teaching import command_of, method_names, settings_of


class Started:
    """Stands in for processes: notes what was started, and holds their locks."""

    def __init__(self) -> None:
        self.locks: dict[str, FolderLock] = {}

    def start(self, folder: Path) -> None:
        self.locks[folder.name] = FolderLock(folder)

    def is_alive(self, folder: Path) -> bool:
        return folder.name in self.locks

    def end(self, folder: Path, code: int = 0) -> None:
        write_outcome(folder, code)
        self.locks.pop(folder.name).release()


@pytest.fixture
def started(page: Page) -> Started:
    made = Started()
    page.studio.desk.trainings = made  # type: ignore[assignment]
    return made


def turn(page: Page) -> None:
    """Let the desk look, and begin what is due."""
    page.studio.desk.look()
    asyncio.run(page.studio.desk._begin())
    page.studio.desk.look()


def test_a_night_of_trainings_is_done_one_after_the_other(page: Page, wanted: dict[str, Any], started: Started) -> None:
    names = [page.post("/teach", wanted)["id"] for _ in range(3)]
    for name in names:
        turn(page)
        assert list(started.locks) == [name]
        turn(page)
        assert list(started.locks) == [name], "one at a time"
        started.end(page.folder(name))
    assert [page.job(name)["state"] for name in names] == ["done"] * 3
    assert [page.job(name)["out"] for name in names] == [f"blocks{n}.safetensors" for n in ("", "-2", "-3")]


def test_what_failed_or_rests_does_not_hold_up_the_others(page: Page, wanted: dict[str, Any], started: Started) -> None:
    broken, paused, taken_off, last = (page.post("/teach", wanted)["id"] for _ in range(4))
    page.post(f"/jobs/{taken_off}/cancel")
    turn(page)
    started.end(page.folder(broken), 2)
    turn(page)
    wish(page.folder(paused), Wish.PAUSED)
    started.end(page.folder(paused), 130)
    turn(page)
    assert list(started.locks) == [last]


def test_a_training_whose_server_was_killed_counts_as_running(
    page: Page, wanted: dict[str, Any], started: Started
) -> None:
    """Its process outlived the server that started it: nothing else begins, and it is shown as running."""
    orphan, waiting = (page.post("/teach", wanted)["id"] for _ in range(2))
    lock = FolderLock(page.folder(orphan))
    started.locks[orphan] = lock
    turn(page)
    assert page.job(orphan)["state"] == "running"
    assert page.job(waiting)["state"] == "waiting"


def test_two_tabs_are_told_the_same(page: Page, wanted: dict[str, Any]) -> None:
    async def told() -> list[list[dict[str, Any]]]:
        desk = page.studio.desk
        first, second = desk.changes(), desk.changes()
        desk.look()
        seen = [await anext(first), await anext(second)]
        name = page.post("/teach", wanted)["id"]
        desk.look()
        seen += [await anext(first), await anext(second)]
        assert [each["id"] for each in seen[2]] == [name]
        return seen

    seen = asyncio.run(told())
    assert seen[0] == seen[1]
    assert seen[2] == seen[3]


def test_streams_end_with_the_server(page: Page) -> None:
    """An open page does not hold up Ctrl+C."""

    async def listen() -> int:
        desk = page.studio.desk
        stream = desk.changes()
        told = [await anext(stream)]
        desk.close_streams()
        async with desk._changed:
            desk._changed.notify_all()
        told += [each async for each in stream]
        return len(told)

    assert asyncio.run(asyncio.wait_for(listen(), 10)) == 1


def test_what_was_typed_comes_back_with_the_job(page: Page, wanted: dict[str, Any]) -> None:
    name = page.post("/teach", wanted)["id"]
    form = page.job(name)["form"]
    assert {key: form[key] for key in wanted["settings"]} == wanted["settings"]
    assert (form["method"], form["title"]) == ("styleforge", "blocks")


@pytest.mark.parametrize("method", method_names())
def test_every_method_has_a_form_and_a_command_line(page: Page, method: str, tmp_path: Path) -> None:
    fields = page.get(f"/forms/train/{method}?base=pocket")
    names = [field["name"] for field in fields]
    assert {"style_images", "steps", "sample_prompts"} <= set(names)
    assert all(field["help"] for field in fields)
    assert not {"out", "run_dir", "resume"} & set(names)
    settings = settings_of(method, {"style_images": "pack:openmoji/1"}, tmp_path / "a.safetensors", tmp_path / "run")
    command = command_of(method, settings)
    assert command[:2] == ("train", method.replace("_", "-"))
    assert "--style-images" in command


@pytest.mark.parametrize("kind", KINDS)
def test_every_way_to_draw_has_a_form(page: Page, kind: str) -> None:
    fields = {field["name"]: field for field in page.get(f"/forms/{kind}?base=pocket")}
    assert fields["steps"]["min"] == 1
    assert fields["guidance_scale"]["default"] == 3.0, "the recipe of the base"
    assert json.dumps(fields)


def test_a_size_that_cannot_be_drawn_is_told_before_anything_begins(page: Page, wanted: dict[str, Any]) -> None:
    wanted["settings"]["resolution"] = 5
    answer = page.client.post("/api/teach", json=wanted, headers=page.headers)
    assert answer.status_code == 400
    assert "resolution" in answer.json()["error"]


def test_captions_are_edited_in_place_and_doubts_are_told(page: Page, pictures: str) -> None:
    name = pictures.removeprefix("set:")
    first = page.get(f"/sets/{name}/pictures")[0]["name"]
    page.put(f"/sets/{name}/pictures/{first}/caption", {"caption": "  a  red\nfox "})
    shown = page.get(f"/sets/{name}/pictures?base=pocket")
    assert shown[0]["caption"] == "a red fox"
    assert shown[0]["doubts"] == ["tiny: 36 pixels, the base draws 128"]
    again = (page.studio.workspace.sets / name / first).read_bytes()
    assert page.upload(f"/sets/{name}/pictures?file=old-woman.png", again).status_code == 200
    added = page.get(f"/sets/{name}/pictures")[-1]
    assert any("looks the same" in doubt for doubt in added["doubts"])


def test_words_that_pocket_was_not_taught_are_told(page: Page) -> None:
    told = page.get("/words?base=pocket&prompt=a%20fox%20riding%20a%20zebrafish%2C%20zwx%20style&also=zwx%20style")
    assert told["unknown"] == ["riding", "zebrafish"]
    assert "fox" in told["subjects"]


@pytest.mark.parametrize("also", ["", "in zwx style"])
def test_a_prompt_is_told_to_be_read_as_the_base_reads_it(page: Page, sdxl: LatentDiffusion, also: str) -> None:
    """On the page by tokenizers alone, with the words of the styles."""
    long = ", ".join(["a fox", "an owl on a hill"] * 30)
    told = page.get(f"/words?prompt={quote('a cat' + chr(10) + long)}&also={quote(also)}")
    windows = sdxl.windows(styled_prompt(long, also))
    assert len(windows) > 1
    assert (told["windows"], told["limit"]) == (len(windows), sdxl.token_limit())
    assert told["begins"] == [" ".join(window.split()[:4]) for window in windows[1:]]
    assert page.get("/words?prompt=a")["begins"] == []


def test_a_prompt_that_is_refused_says_so_while_it_is_typed(page: Page) -> None:
    told = page.get(f"/words?base=pocket&prompt={quote('owl ' * 4000)}")
    assert "shorten it" in told["problem"]


def test_of_a_base_that_is_not_here_nothing_is_said(page: Page) -> None:
    assert page.get(f"/words?base=nobody/nothing&prompt={quote('owl ' * 4000)}")["windows"] == 1
