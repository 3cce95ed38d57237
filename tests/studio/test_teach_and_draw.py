"""From pictures to a style and to pictures in it, by the functions that the processes run, on a tiny base."""

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, load_file
from tests.studio.conftest import Page
from torch import Tensor

from impasto.conversion.convert import ConvertOptions, convert
from impasto.conversion.extract import ExtractOptions, extract
from impasto.core.events import TrainStep
from impasto.core.lock import FolderLock
from impasto.studio.queue import worker
from impasto.studio.queue.jobs import read_spec
from impasto.studio.queue.painter import Painter
from impasto.training.run_folder import RunFolder


@pytest.fixture
def paint(page: Page) -> Any:
    """Do a job as the painter does."""
    painter = Painter(page.studio.workspace.jobs, io.StringIO())
    return lambda name: painter.paint(page.folder(name))


@pytest.fixture
def work(page: Page, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Do a job as its process does."""
    monkeypatch.setattr(os, "nice", lambda _: 0, raising=False)

    def run(name: str) -> int:
        with monkeypatch.context() as patched:
            patched.setattr(sys, "argv", [])
            return worker.main(page.folder(name))

    return run


def teach(page: Page, wanted: dict[str, Any], **changes: Any) -> str:
    name: str = page.post("/teach", {**wanted, "settings": {**wanted["settings"], **changes}})["id"]
    return name


def stopping_after(monkeypatch: pytest.MonkeyPatch, step: int, act: Any) -> None:
    """Do something as soon as a step is logged."""
    log = RunFolder.log

    def logged(self: RunFolder, event: Any) -> None:
        log(self, event)
        if isinstance(event, TrainStep) and event.step == step:
            act()

    monkeypatch.setattr(RunFolder, "log", logged)


def test_teach_then_draw(page: Page, wanted: dict[str, Any], work: Any, paint: Any) -> None:
    name = teach(page, wanted, sample_every=2)
    assert page.job(name)["state"] == "waiting"
    assert work(name) == 0
    job = page.job(name)
    assert (job["state"], job["step"], job["steps"]) == ("done", 6, 6)
    assert job["samples"] == [0, 2, 4, 6]
    assert job["saved"] == "blocks.safetensors"
    assert dict(job["plan"])["method"].startswith("styleforge")
    assert page.client.get(f"/api/jobs/{name}/samples/6").headers["content-type"] == "image/png"
    assert [point[0] for point in page.get(f"/jobs/{name}/losses")] == [1, 2, 3, 4, 5, 6]
    assert page.get("/styles")[0]["words"] == "zwx style"
    assert page.client.get("/api/styles/blocks.safetensors/thumbnail").headers["content-type"] == "image/webp"

    settings = {"prompt": ["a fox"], "style": ["blocks.safetensors:0.8"], "num_images": 2, "steps": 3, "seed": 5}
    settings["base"] = wanted["settings"]["base"]
    drawing = page.post("/draw", {"settings": settings})["id"]
    paint(drawing)
    drawn = page.job(drawing)
    assert (drawn["state"], drawn["message"]) == ("done", "")
    assert len(drawn["pictures"]) == 2
    for picture in drawn["pictures"]:
        assert page.client.get(f"/api/jobs/{drawing}/pictures/{picture}").content.startswith(b"\x89PNG")
    recipe = page.get(f"/jobs/{drawing}/recipes/{drawn['pictures'][1]}")
    assert (recipe["seed"], recipe["prompt"]) == (6, "a fox, zwx style")
    assert drawn["command"].startswith("impasto generate --base")
    kinds = [json.loads(line)["event"] for line in (page.folder(drawing) / "events.jsonl").read_text().splitlines()]
    assert kinds.index("Previewed") < kinds.index("Generated"), "pictures are seen while they are drawn"


def test_the_plan_comes_before_the_start(page: Page, wanted: dict[str, Any], errands_done: None) -> None:
    rows = dict(page.post("/plan", wanted)["plan"])
    assert {"learns", "memory", "time", "steps"} <= set(rows)
    assert page.get("/jobs") == []
    assert list(page.studio.workspace.styles.iterdir()) == []


@pytest.mark.slow
def test_paused_then_going_on_learns_the_same(
    page: Page, wanted: dict[str, Any], work: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = teach(page, wanted)
    work(undisturbed)
    name = teach(page, wanted)
    with monkeypatch.context() as patched:
        stopping_after(patched, 3, lambda: page.post(f"/jobs/{name}/pause"))
        assert work(name) == 130
    assert (page.job(name)["state"], page.job(name)["step"]) == ("paused", 3)
    assert page.job(name)["saved"] == "blocks-2.safetensors", "what was learnt so far can be drawn with"
    page.post(f"/jobs/{name}/go-on")
    assert page.job(name)["state"] == "waiting"
    assert work(name) == 0
    assert page.job(name)["state"] == "done"
    styles = page.studio.workspace.styles
    assert (styles / "blocks.safetensors").read_bytes() == (styles / "blocks-2.safetensors").read_bytes()


def test_stop_and_keep(page: Page, wanted: dict[str, Any], work: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    name = teach(page, wanted)
    stopping_after(monkeypatch, 2, lambda: page.post(f"/jobs/{name}/keep"))
    work(name)
    job = page.job(name)
    assert (job["state"], job["saved"]) == ("kept", "blocks.safetensors")
    assert page.get("/styles")[0]["steps"] == 2
    assert page.get("/styles")[0]["complete"] is False


@pytest.mark.slow
def test_a_stop_that_the_machine_cut_short_is_carried_out(
    page: Page, wanted: dict[str, Any], work: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It never says "stopping" for ever, and nothing is lost."""

    class PowerCut(BaseException):
        pass

    def power_cut() -> None:
        page.post(f"/jobs/{name}/keep")
        raise PowerCut

    name = teach(page, wanted, checkpoint_every=2)
    with monkeypatch.context() as patched:
        stopping_after(patched, 3, power_cut)
        with pytest.raises(PowerCut):
            work(name)
    assert page.job(name)["state"] == "waiting"
    work(name)
    assert (page.job(name)["state"], page.job(name)["saved"]) == ("kept", "blocks.safetensors")


@pytest.mark.slow
def test_more_steps_of_a_constant_rate_go_on(page: Page, wanted: dict[str, Any], work: Any) -> None:
    name, longer = teach(page, wanted), teach(page, {**wanted, "title": "longer"}, steps=9)
    work(name)
    work(longer)
    told = page.post(f"/jobs/{name}/more", {"steps": 9})
    assert told == {"id": name, "note": ""}
    assert work(name) == 0
    assert (page.job(name)["step"], page.job(name)["steps"]) == (9, 9)
    styles = page.studio.workspace.styles
    assert page.get("/styles")[0]["steps"] == 9
    assert (styles / "blocks.safetensors").read_bytes() == (styles / "longer.safetensors").read_bytes()


@pytest.mark.slow
def test_more_steps_of_a_falling_rate_begin_anew_and_say_so(page: Page, wanted: dict[str, Any], work: Any) -> None:
    name = teach(page, wanted, lr_schedule="cosine")
    work(name)
    told = page.post(f"/jobs/{name}/more", {"steps": 9})
    assert told["id"] != name
    assert "anew" in told["note"]
    assert dict(read_spec(page.folder(told["id"])).settings)["steps"] == 9
    assert page.job(name)["state"] == "done", "what there is stays"


@pytest.mark.slow
def test_what_failed_says_why_and_is_tried_again_without_typing(
    page: Page, wanted: dict[str, Any], work: Any, pictures: str
) -> None:
    name = teach(page, wanted)
    gone = page.delete(f"/sets/{pictures.removeprefix('set:')}")["undo"]
    with (page.folder(name) / "output.txt").open("w") as output:
        process = [sys.executable, "-m", "impasto.studio.queue.worker", str(page.folder(name))]
        code = subprocess.run(process, stdout=output, stderr=output, check=False).returncode
    assert code == 2
    job = page.job(name)
    assert job["state"] == "failed"
    assert "does not exist" in job["message"]
    assert str(page.studio.workspace.root) not in job["message"]
    assert job["form"] | {"title": "blocks"} == {**wanted["settings"], "method": "styleforge", "title": "blocks"}
    page.post(f"/undo/{gone}")
    page.post(f"/jobs/{name}/go-on")
    assert work(name) == 0


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_to_the_very_bytes(page: Page, wanted: dict[str, Any], work: Any) -> None:
    """SIGKILL of the process, as a power cut would end it."""
    quick = {"steps": 40, "checkpoint_every": 2}
    undisturbed, name = teach(page, wanted, **quick), teach(page, {**wanted, "title": "cut"}, **quick)
    work(undisturbed)
    process = subprocess.Popen([sys.executable, "-m", "impasto.studio.queue.worker", str(page.folder(name))])
    deadline = time.monotonic() + 120
    while not list((page.folder(name) / "run").glob("checkpoints/step-*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert page.job(name)["state"] == "running"
    process.kill()
    process.wait()
    assert page.job(name)["state"] == "waiting"
    assert 0 < page.job(name)["step"] < 40
    assert work(name) == 0
    styles = page.studio.workspace.styles
    assert (styles / "blocks.safetensors").read_bytes() == (styles / "cut.safetensors").read_bytes()


def test_drawing_comes_first_at_the_next_step(page: Page, wanted: dict[str, Any], work: Any, paint: Any) -> None:
    """While the painter draws it holds the way of every training; a training waits for it between two steps."""
    name = teach(page, wanted)
    run = page.folder(name) / "run"
    run.mkdir()
    held: list[bool] = []
    painter = Painter(page.studio.workspace.jobs, io.StringIO())
    lock = FolderLock(page.folder(name))
    with painter._first():
        from impasto.core.lock import is_locked

        held.append(is_locked(run / "give-way"))
    held.append(is_locked(run / "give-way"))
    lock.release()
    assert held == [True, False]


def test_a_cancelled_drawing_ends_and_draws_again(page: Page, paint: Any) -> None:
    settings = {"prompt": ["a fox"], "steps": 3, "base": page.studio.options.base}
    name = page.post("/draw", {"settings": settings})["id"]
    page.post(f"/jobs/{name}/cancel")
    assert page.job(name)["state"] == "cancelled"
    page.post(f"/jobs/{name}/go-on")
    paint(name)
    assert page.job(name)["state"] == "done"


def test_deleted_is_brought_back(page: Page, wanted: dict[str, Any], work: Any) -> None:
    name = teach(page, wanted, steps=2)
    work(name)
    for path, place in ((f"/jobs/{name}", "/jobs"), ("/styles/blocks.safetensors", "/styles")):
        before = page.get(place)
        undo = page.delete(path)["undo"]
        assert page.get(place) == []
        page.post(f"/undo/{undo}")
        assert page.get(place) == before


def size_of(style: Mapping[str, Tensor], down: str) -> Tensor:
    """Return the norm of what a layer's pair of matrices adds.

    One step changes all directions about alike, so which of them a low rank keeps is left to rounding, which differs
    between threads; how much it keeps is not.
    """
    up, alpha = down.replace("lora_down", "lora_up"), down.replace("lora_down.weight", "alpha")
    product = style[up].double().flatten(1) @ style[down].double().flatten(1)
    return torch.linalg.matrix_norm(product * style[alpha].double())


@pytest.mark.parametrize("learn", ["lora", "full"])
def test_a_style_is_taken_home_for_other_tools(
    page: Page, wanted: dict[str, Any], work: Any, tmp_path: Path, learn: str
) -> None:
    """What the page sends is what the commands write; of all weights, what `extract` takes out of them."""
    changes = {"steps": 1} if learn == "lora" else {"steps": 1, "learn": "full", "rank": None}
    work(teach(page, wanted, **changes))
    style = page.studio.workspace.styles / "blocks.safetensors"
    low_rank = style
    if learn == "full":
        low_rank = tmp_path / "blocks.safetensors"
        extract(ExtractOptions(source=style, out=low_rank))
    convert(ConvertOptions(source=low_rank, out=tmp_path / "blocks-kohya.safetensors", format="kohya"))
    sent = page.client.get("/api/styles/blocks.safetensors/for/kohya")
    assert sent.status_code == 200, sent.text
    written = load_file(tmp_path / "blocks-kohya.safetensors")
    taken = load(sent.content)
    assert taken.keys() == written.keys()
    if learn == "lora":
        assert all(torch.equal(taken[name], written[name]) for name in written)
    for down in (name for name in written if name.endswith("lora_down.weight")):
        torch.testing.assert_close(size_of(taken, down), size_of(written, down), rtol=1e-2, atol=1e-6)
    assert 'filename="blocks-kohya.safetensors"' in sent.headers["content-disposition"]
    assert [path.name for path in page.studio.workspace.styles.iterdir()] == ["blocks.safetensors"]
