"""Aspect-ratio buckets."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from impasto.core.rng import generator
from impasto.data.buckets import bucket_sizes, nearest_bucket
from impasto.data.images import cover, fit_square
from impasto.data.streams import Example, draw_batch
from impasto.models.conditioning import Geometry

sides = st.integers(24, 300)
STEPS = st.sampled_from([8, 32, 64])


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 20), STEPS)
def test_sizes_are_multiples_of_the_step_and_no_larger_than_the_square(count: int, step: int):
    side = count * step
    sizes = bucket_sizes(side, step)
    assert (side, side) in sizes
    for height, width in sizes:
        assert height % step == width % step == 0
        assert height * width <= side * side
        assert max(height, width) <= 2 * min(height, width)
        assert (width, height) in sizes


@settings(deadline=None, max_examples=50)
@given(sides, sides, STEPS)
def test_a_picture_covers_its_bucket_and_is_cut_along_one_side_only(height: int, width: int, step: int):
    image = Image.new("RGB", (width, height))
    size = nearest_bucket(image.height, image.width, bucket_sizes(256, step))
    cut, geometry = cover(image, size)
    assert (cut.height, cut.width) == size == geometry.target
    assert geometry.original == (height, width)
    assert min(geometry.crop) == 0 or height * width < 100


@settings(deadline=None, max_examples=50)
@given(sides, sides)
def test_the_square_bucket_cuts_as_squares_are_cut(height: int, width: int):
    image = Image.frombytes("RGB", (width, height), bytes(index % 251 for index in range(3 * height * width)))
    cut, geometry = cover(image, (64, 64))
    expected, expected_geometry = fit_square(image, 64)
    assert cut.tobytes() == expected.tobytes()
    assert geometry == expected_geometry


def test_known_shapes():
    sizes = bucket_sizes(1024, 64)
    assert nearest_bucket(1000, 1000, sizes) == (1024, 1024)
    assert nearest_bucket(900, 1600, sizes) == (768, 1344)
    assert nearest_bucket(900, 100, sizes) == nearest_bucket(2, 1, sizes)


def example(height: int, width: int) -> Example:
    return Example("x", torch.zeros(4, height, width), torch.ones(4, height, width), Geometry.whole(height, width), "")


def test_a_batch_is_of_one_bucket_and_each_comes_as_often_as_its_pictures():
    style = [example(8, 8), *[example(4, 16)] * 3]
    aux = [example(8, 8), example(4, 16)] * 2
    rng, wide = generator(0), 0
    for _ in range(400):
        batch = draw_batch({"style": style, "aux": aux}, 2, rng)
        assert batch["style"].x_0.shape == batch["aux"].x_0.shape
        wide += batch["style"].x_0.shape[-1] == 16
    assert 260 < wide < 340
