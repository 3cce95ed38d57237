"""Bases to choose from, without their weights being loaded."""

import shutil
from pathlib import Path

import pytest
from tests.studio.conftest import Page

from impasto.studio import bases


def test_what_is_here_is_listed_with_licence_size_and_family(page: Page, tiny_folders: dict[str, Path]) -> None:
    placed = page.studio.workspace.root / "bases" / "mine"
    shutil.copytree(tiny_folders["sd15"], placed)
    (placed / "README.md").write_text("---\nlicense: openrail\n---\n# mine\n")
    listed = {row["name"]: row for row in page.get("/bases")}
    assert next(iter(listed)) == "pocket"
    assert listed["pocket"]["where"] == "shipped"
    assert "Apache-2.0" in listed["pocket"]["licence"]
    mine = listed["mine"]
    assert (mine["family"], mine["licence"], mine["fits"], mine["problem"]) == ("sd15", "openrail", "fits", "")
    assert page.get("/bases/mine") == mine
    assert page.get("/forms/train/styleforge?base=mine")


def test_what_is_no_base_says_why(page: Page) -> None:
    (page.studio.workspace.root / "bases" / "holiday").mkdir()
    row = next(row for row in page.get("/bases") if row["name"] == "holiday")
    assert "model_index.json" in row["problem"]
    assert str(page.studio.workspace.root) not in row["problem"]


@pytest.mark.parametrize("name", ["/etc", "../sets", "~"])
def test_folders_elsewhere_are_not_looked_at(page: Page, name: str) -> None:
    answer = page.client.get(f"/api/bases/{name.replace('/', '%2F')}")
    assert answer.status_code == 400
    assert "is not there" in answer.text


@pytest.mark.parametrize(("part", "fits"), [(0.1, "fits"), (0.7, "tight"), (1.1, "too large")])
def test_a_base_is_measured_by_the_memory_of_the_machine(
    monkeypatch: pytest.MonkeyPatch, part: float, fits: str
) -> None:
    monkeypatch.setattr(bases, "_memory", lambda: 10**9)
    assert bases._fits(int(part * 10**9)) == fits


def test_of_several_variants_one_is_counted() -> None:
    files = [("unet/model.safetensors", 8), ("unet/model.fp16.safetensors", 4), ("vae/model.safetensors", 2)]
    assert bases._bytes_of(files) == 10
    assert bases._bytes_of([("unet/model.fp16.safetensors", 4)]) == 4


def test_a_hub_that_does_not_answer_is_one_sentence(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    told = page.get("/bases/nobody/nothing")
    assert told["where"] == "hub"
    assert told["problem"].startswith("the hub does not answer for nobody/nothing")
