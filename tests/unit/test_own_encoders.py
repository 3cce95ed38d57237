"""A base's own encoders as a scorer: pocket's, found in a folder, are the features that are called pocket's."""

import json
import shutil
from importlib.resources import files
from pathlib import Path

import pytest
import torch
from tests.small_adapters import picture

from impasto.features._own_encoders import has_own_encoders
from impasto.features._scorers import CLIP, open_scorer
from impasto.features.pocket import PocketFeatures
from impasto.probing.options import ProbeOptions

POCKET = Path(str(files("impasto"))) / "pocket" / "model"


def test_encoders_of_a_folder_are_those_of_pocket() -> None:
    opened, reference = open_scorer(str(POCKET), torch.device("cpu")), PocketFeatures()
    pictures, captions = [picture(1), picture(2, 90, 40)], ["a fox", "an owl on a blue background"]
    torch.testing.assert_close(opened.extract(pictures), reference.extract(pictures))
    torch.testing.assert_close(opened.text(captions), reference.text(captions))


def test_probes_are_scored_by_the_bases_own_encoders(tmp_path: Path, tiny_folders: dict[str, Path]) -> None:
    assert ProbeOptions(base=str(POCKET)).scorer_name() == str(POCKET)
    assert ProbeOptions(base=str(POCKET), scorer="pocket").scorer_name() == "pocket"
    assert ProbeOptions(base=str(tiny_folders["sd15"])).scorer_name() == CLIP


@pytest.mark.parametrize("change", ["no image encoder", "another width"])
def test_encoders_that_do_not_fit_are_no_scorer(change: str, tmp_path: Path) -> None:
    for part in ("image_encoder", "text_encoder_2"):
        (tmp_path / part).mkdir()
        shutil.copy(POCKET / part / "config.json", tmp_path / part)
    assert has_own_encoders(str(tmp_path))
    config = tmp_path / "image_encoder" / "config.json"
    if change == "another width":
        config.write_text(json.dumps(json.loads(config.read_text()) | {"projection_dim": 64}))
    else:
        config.unlink()
    assert not has_own_encoders(str(tmp_path))
