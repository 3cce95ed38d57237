"""Where the words of a style stand in prompts: where training had them."""

import pytest

from impasto.data.captions import called_prompt, styled_prompt, words_lead
from impasto.data.decompose import called_by_clause
from impasto.style.card import foreign_card

DIVIDED = {"people": "zwx style", "backgrounds": "ukj style"}
WORDS = "zwx style, ukj style"


@pytest.mark.parametrize(
    ("concepts", "captions", "expected"),
    [
        (DIVIDED, False, "zwx style, ukj style, a fox"),
        (DIVIDED, True, "a fox, zwx style, ukj style"),
        ({}, False, "a fox, zwx style, ukj style"),
        ({}, True, "a fox, zwx style, ukj style"),
    ],
)
def test_words_stand_where_training_had_them(concepts: dict[str, str], captions: bool, expected: str) -> None:
    lead = words_lead(concepts, captions=captions)
    assert called_prompt("a fox", WORDS, lead=lead) == expected
    assert called_by_clause("a fox", WORDS, concepts, lead=lead) == expected  # there is neither person nor place
    card = foreign_card("sdxl").model_copy(update={"concepts": concepts, "config": {"captions": captions}})
    assert card.words_lead == lead
    if captions:  # the prompt of training with one part's words alone begins in the same way
        assert called_prompt("a fox", WORDS, lead=lead).startswith(styled_prompt("a fox", "zwx style"))


def test_words_alone_need_no_prompt() -> None:
    assert called_prompt("", WORDS, lead=True) == called_prompt("", WORDS, lead=False) == WORDS
