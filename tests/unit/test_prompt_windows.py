"""Cutting prompts into windows and captions to a length: no word is lost, whatever the encoder's length."""

import pytest

from impasto.core.errors import ConfigError
from impasto.data.captions import shortened_caption, styled_prompt
from impasto.models.prompt_windows import MAX_WINDOWS, windows_of

LONG = "a red fox on a hill, beside an old castle, under a wide blue sky with clouds, in the snow at night"
LIMITS = [8, 9, 14, 30, 75, 200]
"""Letters that are read at once; one letter is one token here."""


def fits(limit: int):
    return lambda text: len(text.replace(" ", "")) <= limit


def letters(text: str) -> str:
    return text.replace(" ", "")


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("words", ["zwx style", "in [v] style"])
def test_windows_hold_every_letter_in_order_and_keep_the_words_of_a_style_together(limit: int, words: str) -> None:
    found = windows_of(styled_prompt(LONG, words), fits(limit))
    assert all(fits(limit)(part) for part in found)
    assert letters("".join(found)) == letters(styled_prompt(LONG, words))
    assert any(words in part for part in found) == fits(limit)(words)


def test_a_prompt_that_fits_is_left_as_it_is() -> None:
    assert windows_of(" a  fox ", fits(9)) == [" a  fox "]
    assert windows_of("", fits(9)) == [""]


def test_windows_end_with_phrases_else_with_words_else_with_letters() -> None:
    assert windows_of("a fox, a hill, a hut", fits(11)) == ["a fox, a hill,", "a hut"]
    assert windows_of("one two three", fits(7)) == ["one two", "three"]
    assert windows_of("abcdefgh ij", fits(3)) == ["abc", "def", "gh", "ij"]


def test_endless_prompts_are_refused() -> None:
    assert len(windows_of("fox " * 2 * MAX_WINDOWS, fits(6))) == MAX_WINDOWS
    with pytest.raises(ConfigError, match=f"has {2 * MAX_WINDOWS + 1} words: at most {MAX_WINDOWS} windows"):
        windows_of("fox " * (2 * MAX_WINDOWS + 1), fits(6))


@pytest.mark.parametrize("limit", LIMITS)
def test_captions_are_cut_at_a_word_and_leave_room_for_the_style(limit: int) -> None:
    words = "zwx style"
    kept = shortened_caption(LONG, words, fits(limit))
    if not fits(limit)(words):
        assert kept == ""
        return
    assert fits(limit)(styled_prompt(kept, words))
    assert LONG.startswith(kept)
    rest = LONG.removeprefix(kept).lstrip(",").split()
    if rest:  # one more word would not fit
        assert not fits(limit)(styled_prompt(LONG[: LONG.index(rest[0], len(kept)) + len(rest[0])].rstrip(","), words))
    else:
        assert kept == LONG
