"""Treatments: each file is one, keeps shape and type, repeats itself, and looks like none of the others."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from pretraining.data.treatments import load_treatments

NAMES = ("low poly", "pixel art", "watercolour")


def draw_scene() -> NDArray[np.uint8]:
    """A red disc with a dark eye on a blue to white ground."""
    down, across = np.indices((128, 128))
    share = (down / 127)[..., None]
    picture = (np.array([40, 90, 220]) * (1 - share) + 255 * share).astype(np.uint8)
    picture[(down - 64) ** 2 + (across - 60) ** 2 < 42**2] = (215, 60, 40)
    picture[(down - 54) ** 2 + (across - 50) ** 2 < 9**2] = (20, 20, 24)
    return picture


PICTURE = draw_scene()


def test_treatments_are_the_files() -> None:
    assert tuple(load_treatments()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_treatment_keeps_the_shape_and_repeats_itself(name: str) -> None:
    before = PICTURE.copy()
    once, again = (load_treatments()[name](PICTURE, np.random.default_rng(1)) for _ in range(2))
    assert once.shape == PICTURE.shape
    assert once.dtype == np.uint8
    assert np.array_equal(once, again)
    assert np.array_equal(PICTURE, before)
    assert np.ptp(once) > 100  # there is something to see


@pytest.mark.parametrize("name", NAMES)
def test_treatment_bears_any_plain_picture(name: str) -> None:
    for value in (0, 128, 255):
        flat = np.full((128, 128, 3), value, np.uint8)
        assert load_treatments()[name](flat, np.random.default_rng(0)).shape == flat.shape


def test_treatments_differ_from_the_picture_and_from_each_other() -> None:
    made = {name: each(PICTURE, np.random.default_rng(1)) for name, each in load_treatments().items()}
    for (first, one), (second, other) in itertools.combinations({"untreated": PICTURE, **made}.items(), 2):
        assert np.abs(one.astype(int) - other).mean() > 4, (first, second)
