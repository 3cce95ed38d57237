"""The sheet of a comparison: what each method drew of the same words."""

import json

import pytest
from tests.studio.conftest import Page, png

from impasto.comparison.judgements import Drawn
from impasto.studio.comparing import sheets_of


def drawn(row: str, prompt: str, style: str = "ink", seed: int = 1) -> Drawn:
    return Drawn(row, style, seed, prompt, f"{row}-{seed}", prompt.removeprefix("a "))


def test_rows_are_prompts_and_columns_methods_the_base_first() -> None:
    found = [drawn("ada", "a fox"), drawn("base", "a fox"), drawn("base", "an owl"), drawn("base", "a fox", seed=2)]
    (sheet,) = sheets_of(found)
    assert (sheet["style"], sheet["seed"]) == ("ink", 1)
    assert sheet["methods"] == ["base", "ada"]
    assert sheet["prompts"] == ["a fox", "an owl"]
    assert sheet["pictures"] == [["base-1/fox", "ada-1/fox"], ["base-1/an owl", None]]


def test_every_style_has_a_sheet() -> None:
    sheets = sheets_of([drawn("base", "a fox", style="oil"), drawn("base", "a fox"), drawn("lora", "a fox")])
    assert [(sheet["style"], sheet["methods"]) for sheet in sheets] == [("oil", ["base"]), ("ink", ["base", "lora"])]
    assert sheets_of([]) == []


@pytest.mark.parametrize("is_begun", [True, False])
def test_pictures_of_a_sheet_are_those_of_the_trials(page: Page, is_begun: bool) -> None:
    name = page.post("/compare", {"methods": ["lora"], "packs": ["openmoji"]})["id"]
    out = page.folder(name) / "comparison"
    if not is_begun:
        assert page.client.get(f"/api/comparisons/{name}/sheet").status_code == 404
        return
    picture = png(out / "trials" / "key" / "fox.png")
    facts = {"row": "base", "style": "ink", "seed": 0, "prompts": ["a fox"], "pictures": ["fox"]}
    (out / "trials" / "key" / "trial.json").write_text(json.dumps(facts))
    (sheet,) = page.get(f"/comparisons/{name}/sheet")
    assert sheet["pictures"] == [["key/fox"]]
    assert page.client.get(f"/api/comparisons/{name}/pictures/key/fox").content == picture
