"""Tools around the stages: the bundle of drawings, the presets."""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from pretraining.data.bundle import pack, unpack
from pretraining.data.render import SIZE
from pretraining.run import AFTER, BUILD, DATA, PRESETS, VARIANTS


def test_bundle_gives_the_very_same_arrays(tmp_path: Path) -> None:
    drawings = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 4), dtype=np.uint8)
    drawings[0, :64, :, 3] = 0  # colours below transparent pixels count too
    (tmp_path / "here").mkdir()
    np.save(tmp_path / "here/drawings.npy", drawings)
    (tmp_path / "here/drawings.json").write_text(json.dumps({"rows": [["noto", "fox"]]}))
    pack(tmp_path / "drawings.zip", tmp_path / "here")
    unpack(tmp_path / "drawings.zip", tmp_path / "there")
    assert np.array_equal(np.load(tmp_path / "there/drawings.npy"), drawings)
    assert json.loads((tmp_path / "there/drawings.json").read_text()) == {"rows": [["noto", "fox"]]}


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_name_stages_that_exist(preset: str) -> None:
    assert preset in VARIANTS
    for module in (*DATA, BUILD, *AFTER, *(length.arguments("cpu")[0] for length in PRESETS[preset])):
        assert find_spec(module) is not None, module
