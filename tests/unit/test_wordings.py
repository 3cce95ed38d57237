"""Captions that are left out now and then, and tags in other orders."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from impasto.data.streams import Example, draw_batch
from impasto.data.wordings import wordings_of
from impasto.models.conditioning import Geometry

WORDS = "zwx style"


def test_the_share_of_dropped_captions() -> None:
    """Of n showings, share p is dropped: within four deviations, √(p (1 - p) / n)."""
    wordings = wordings_of("a fox", WORDS, dropout=0.3, shuffle=False)
    assert wordings is not None
    shown = [wordings.pick(seed) for seed in range(4000)]
    assert set(shown) == {"a fox, zwx style", "zwx style"} == set(wordings.all())
    assert abs(shown.count("zwx style") / 4000 - 0.3) < 4 * (0.3 * 0.7 / 4000) ** 0.5
    always = wordings_of("a fox", WORDS, dropout=1.0, shuffle=False)
    assert {always.pick(seed) for seed in range(100)} == {"zwx style"}


@given(st.lists(st.text("abc", min_size=1, max_size=3), min_size=2, max_size=6))
def test_orders_hold_the_same_tags_and_every_order_is_shown(tags: list[str]) -> None:
    caption = ", ".join(tags)
    wordings = wordings_of(caption, WORDS, dropout=0.0, shuffle=True)
    assert wordings.orders[0] == f"{caption}, {WORDS}"
    assert wordings == wordings_of(caption, WORDS, dropout=0.0, shuffle=True)
    assert 1 <= len(wordings.orders) == len(set(wordings.orders)) <= 8
    for prompt in wordings.orders:
        assert sorted(prompt.removesuffix(f", {WORDS}").split(", ")) == sorted(tags)
    assert {wordings.pick(seed) for seed in range(200)} == set(wordings.orders)


def test_captions_without_tags_stay_as_they_are() -> None:
    assert wordings_of("a fox", WORDS, dropout=0.0, shuffle=True).orders == ("a fox, zwx style",)
    assert wordings_of("", WORDS, dropout=0.5, shuffle=True) is None
    assert wordings_of("a, b", WORDS, dropout=0.0, shuffle=False) is None


def test_wordings_disturb_nothing_that_is_drawn() -> None:
    def example(*more: object) -> Example:
        return Example(None, torch.zeros(1, 2, 2), torch.ones(1, 2, 2), Geometry.whole(2, 2), "a, b, w", *more)

    plain, other = (
        draw_batch({"style": [each]}, 5, torch.Generator().manual_seed(3))["style"]
        for each in (example(), example("a, b", wordings_of("a, b", "w", dropout=0.5, shuffle=True)))
    )
    assert torch.equal(plain.x_0, other.x_0)
    assert plain.seeds == other.seeds
    assert set(plain.prompts) == {"a, b, w"} != set(other.prompts)
