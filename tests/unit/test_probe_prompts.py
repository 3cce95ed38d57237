"""Pairs of prompts differ in one thing, do not repeat, and pocket knows the words."""

import re
from importlib.resources import files

import pytest
from pretraining.data.compose import COLOURS
from pretraining.data.subjects import V0, spoken

from impasto.features._pocket_words import POCKET, Wording
from impasto.probing.options import FAMILIES
from impasto.probing.prompt_pairs import PHOTO

WORDINGS = pytest.mark.parametrize("wording", [POCKET, PHOTO], ids=["pocket", "photo"])


def words_in(wording: Wording, family: str, prompt: str) -> dict[str, str]:
    """Return which word stands for which name of the template."""
    template = re.sub(r"\b([aA]) \{", r"\1n? {", wording.templates[family])
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>.+?)", template)
    found = re.fullmatch(pattern, prompt)
    assert found is not None
    return found.groupdict()


@WORDINGS
@pytest.mark.parametrize("family", FAMILIES)
def test_pairs_differ_in_the_one_thing(wording: Wording, family: str) -> None:
    for pair in wording.pairs(family, 50, seed=1):
        original, injected = (words_in(wording, family, prompt) for prompt in (pair.original, pair.injected))
        assert {name for name in original if original[name] != injected[name]} == {family}
        assert not re.search(r"\b[aA] [aeiou]|\b[aA]n [^aeiou]", f"{pair.original} / {pair.injected}")


def test_pairs_do_not_repeat_while_they_last() -> None:
    wording = Wording({"style": "a {subject} in {style}"}, {"subject": ("cat", "owl"), "style": ("x", "y", "z")})
    pairs = wording.pairs("style", 2 * 3 * 2 + 4, seed=0)
    assert len(set(pairs[:12])) == 12
    assert set(pairs[12:]) < set(pairs[:12])


def test_seed_decides_and_more_pairs_begin_with_the_same_ones() -> None:
    assert POCKET.pairs("style", 9, seed=3) == POCKET.pairs("style", 30, seed=3)[:9]
    assert POCKET.pairs("style", 9, seed=3) != POCKET.pairs("style", 9, seed=4)


def test_pocket_knows_the_words() -> None:
    card = (files("impasto") / "pocket" / "model" / "README.md").read_text("utf-8")
    assert all(f"| {artist} style |" in card for artist in POCKET.words["style"])
    assert set(POCKET.words["colour"]) == set(COLOURS)
    assert set(POCKET.words["subject"]) <= {spoken(slug) for slug in V0}


@WORDINGS
def test_words_are_listed_once(wording: Wording) -> None:
    assert all(len(set(words)) == len(words) for words in wording.words.values())
    assert len(wording.words["subject"]) >= 40
