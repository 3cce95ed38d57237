"""Tools around the stages: the presets."""

from importlib.util import find_spec

import pytest
from pretraining.run import AFTER, BUILD, DATA, PRESETS, VARIANTS


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_name_stages_that_exist(preset: str) -> None:
    assert preset in VARIANTS
    for module in (*DATA, BUILD, *AFTER, *(length.arguments("cpu")[0] for length in PRESETS[preset])):
        assert find_spec(module) is not None, module
