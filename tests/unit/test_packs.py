"""The shipped style packs: what is in them, and what pocket may never have seen."""

import pytest
from PIL import Image
from pretraining.data.subjects import PEOPLE

from impasto.core.errors import ConfigError
from impasto.data.held_out import read_held_out
from impasto.data.packs import find_pack, pictures_of

PACK = find_pack("openmoji")


def stems(folder: str) -> set[str]:
    return {path.stem for path in (PACK.folder / folder).glob("*.png")}


def test_counts_and_no_subject_in_two_places() -> None:
    assert len(stems("style")) == 20
    assert len(stems("auxiliary")) == 20
    assert len(stems("held_out")) >= 80
    assert not stems("style") & stems("held_out")
    assert not stems("style") & stems("auxiliary")
    assert len(PACK.demo) == 24
    assert set(PACK.demo) <= stems("held_out")


@pytest.mark.parametrize("folder", ["style", "auxiliary", "held_out"])
def test_every_picture_is_128_px_rgb_and_has_a_caption(folder: str) -> None:
    for path in (PACK.folder / folder).glob("*.png"):
        with Image.open(path) as picture:
            assert (picture.size, picture.mode) == ((128, 128), "RGB")
        assert path.with_suffix(".txt").read_text("utf-8").strip()


def test_held_out_captions_say_no_style() -> None:
    held_out = read_held_out(PACK, demo_only=False)
    assert len(held_out) == len(stems("held_out"))
    assert not any("style" in each.caption for each in held_out)


def chosen(given: str, stream: str = "style") -> list[str]:
    return [path.stem for path in pictures_of(given, stream, "--style-images")]


def test_pictures_of_a_pack_by_stream_folder_and_concept() -> None:
    for stream, folder in {"style": "style", "aux": "auxiliary", "reference": "held_out"}.items():
        assert pictures_of("pack:openmoji", stream, "--style-images") == sorted((PACK.folder / folder).glob("*.png"))
    assert set(chosen("pack:openmoji/held_out")) == stems("held_out")
    people, backgrounds = chosen("pack:openmoji/people"), chosen("pack:openmoji/backgrounds")
    assert len(people) == len(backgrounds) == 10
    assert "princess" in people
    assert "castle" in backgrounds


@pytest.mark.parametrize("pack", ["openmoji", "emojione-v1", "fluent-emoji-high-contrast"])
def test_people_of_a_pack_are_those_that_pocket_is_made_from(pack: str) -> None:
    pictures = {path.stem for path in find_pack(pack).folder.glob("*/*.png")}
    assert find_pack(pack).people == set(PEOPLE) & pictures


def test_numbered_pictures_are_nested_and_half_people() -> None:
    five, ten = chosen("pack:openmoji/5"), chosen("pack:openmoji/10")
    assert len(five) == 5
    assert set(five) < set(ten)
    assert len(set(ten) & PACK.people) == 5
    assert not set(ten) & set(chosen("pack:openmoji/11-20"))
    assert set(ten) | set(chosen("pack:openmoji/11-20")) == stems("style")
    assert chosen("pack:openmoji/held_out/people/2-3") == ["angry-face", "baby"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("pack:nothing", "choose one of emojione-v1, fluent-emoji-high-contrast, openmoji"),
        ("pack:openmoji/animals", "is no part of a pack: write pack:NAME, then as wanted /style"),
        ("pack:openmoji/5/people", "is no part of a pack"),
        ("pack:openmoji/21", "there are 20 such pictures"),
        ("pack:openmoji/people/0-3", "there are 10 such pictures"),
        ("pack:openmoji/7-6", "there are 20 such pictures"),
    ],
)
def test_parts_that_are_not_there(given: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        chosen(given)
    assert "\n" not in str(caught.value)
