"""How pocket's data is made: which sets, which subjects, which captions."""

import numpy as np
import pytest
from pretraining.data.compose import GROUNDS, compose, on_ground
from pretraining.data.sets import TRAINED, UNSEEN, find_set
from pretraining.data.subjects import V0, slug_of, usable_subjects, with_article

EXCLUDED = {"openmoji", "emojione-v1", "fluent-emoji-high-contrast", "fxemoji", "streamline-emojis"}


def test_pocket_never_sees_the_styles_to_be_learnt() -> None:
    assert not EXCLUDED & {each.name for each in TRAINED}
    assert not {each.name for each in TRAINED} & {each.name for each in UNSEEN}
    assert not any("blob" in each.name for each in TRAINED)
    with pytest.raises(KeyError, match="known: noto"):
        find_set("nothing")


def test_subjects_are_distinct_and_in_thirds() -> None:
    assert len(set(V0)) == len(V0) >= 100


def test_usable_subjects_leave_out_flags_clocks_and_marks() -> None:
    keywords = [
        {"label": "fox", "group": 3, "subgroup": 34},
        {"label": "flag: France", "group": 9, "subgroup": 98},
        {"label": "two o’clock", "group": 5, "subgroup": 58},
        {"label": "red heart", "group": 0, "subgroup": 14},
        {"label": "drawn once", "group": 3, "subgroup": 34},
        {"label": "light skin tone", "group": 2, "subgroup": 32},
    ]
    common = {slug_of(str(entry["label"])): {} for entry in keywords if entry["label"] != "drawn once"}
    icons = {name: {"icons": common} for name in "abcde"} | {"f": {"icons": {"drawn-once": {}}}}
    assert usable_subjects(keywords, icons) == ["fox"]


def test_slugs_and_articles() -> None:
    assert slug_of("Mrs. Claus’ hat: red") == "mrs-claus-hat-red"
    assert with_article("owl") == "an owl"
    assert with_article("fox") == "a fox"


def test_same_seed_same_composition_and_caption() -> None:
    drawing = np.zeros((128, 128, 4), dtype=np.uint8)
    drawing[40:90, 40:90] = (255, 0, 0, 255)
    made = [compose("fox", TRAINED[2], drawing, np.random.default_rng(5)) for _ in range(2)]
    assert np.array_equal(made[0].picture, made[1].picture)
    captions = [each.caption(np.random.default_rng(6)) for each in made]
    assert captions[0] == captions[1]


def test_ground_has_the_named_colour_and_subject_is_on_it() -> None:
    drawing = np.zeros((128, 128, 4), dtype=np.uint8)
    drawing[32:96, 32:96] = (255, 0, 0, 255)
    picture = on_ground(drawing, GROUNDS["blue"], side=128, offset=(0, 0))
    assert tuple(picture[0, 0]) == GROUNDS["blue"]
    assert tuple(picture[64, 64]) == (255, 0, 0)
