"""The shipped style packs: what is in them, and what pocket may never have seen."""

import pytest
from PIL import Image

from impasto.core.errors import ConfigError
from impasto.workflows.held_back import read_held_back
from impasto.workflows.packs import find_pack, folder_of

PACK = find_pack("openmoji")


def stems(folder: str) -> set[str]:
    return {path.stem for path in (PACK.folder / folder).glob("*.png")}


def test_counts_and_no_subject_in_two_places() -> None:
    assert len(stems("style")) == 20
    assert len(stems("auxiliary")) == 20
    assert len(stems("held_back")) >= 80
    assert not stems("style") & stems("held_back")
    assert not stems("style") & stems("auxiliary")
    assert len(PACK.demo) == 24
    assert set(PACK.demo) <= stems("held_back")


@pytest.mark.parametrize("folder", ["style", "auxiliary", "held_back"])
def test_every_picture_is_128_px_rgb_and_has_a_caption(folder: str) -> None:
    for path in (PACK.folder / folder).glob("*.png"):
        with Image.open(path) as picture:
            assert (picture.size, picture.mode) == ((128, 128), "RGB")
        assert path.with_suffix(".txt").read_text("utf-8").strip()


def test_held_back_captions_say_no_style() -> None:
    held_back = read_held_back(PACK, demo_only=False)
    assert len(held_back) == len(stems("held_back"))
    assert not any("style" in each.caption for each in held_back)


def test_pack_folders_by_stream() -> None:
    assert folder_of("pack:openmoji", "aux") == PACK.folder / "auxiliary"
    with pytest.raises(ConfigError, match="choose one of emojione-v1, fluent-emoji-high-contrast, openmoji"):
        folder_of("pack:nothing", "style")
