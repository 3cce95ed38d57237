"""Matching colour statistics."""

import numpy as np
from PIL import Image

from impasto.data.colour import match_colours


def picture(seed: int, size: tuple[int, int] = (24, 20)) -> Image.Image:
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(size[1], size[0], 3)) @ rng.normal(size=(3, 3)) * 12 + rng.uniform(100, 150, 3)
    return Image.fromarray(mixed.clip(0, 255).astype(np.uint8))


def statistics(image: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    pixels = np.asarray(image, dtype=float).reshape(-1, 3)
    return pixels.mean(axis=0), np.cov(pixels, rowvar=False)


def test_mean_and_covariance_become_those_of_the_source() -> None:
    matched, source = match_colours(picture(0), picture(1, (30, 31))), picture(1, (30, 31))
    mean, covariance = statistics(matched)
    wanted_mean, wanted_covariance = statistics(source)
    assert np.abs(mean - wanted_mean).max() < 1.5
    assert np.abs(covariance - wanted_covariance).max() < 0.1 * np.abs(wanted_covariance).max()


def test_a_picture_keeps_its_own_colours_and_a_plain_one_does_no_harm() -> None:
    own = picture(2)
    assert np.abs(np.asarray(match_colours(own, own), dtype=int) - np.asarray(own, dtype=int)).max() <= 1
    plain = Image.new("RGB", (8, 8), (10, 200, 30))
    assert np.isfinite(np.asarray(match_colours(own, plain), dtype=float)).all()
    assert np.asarray(match_colours(plain, own)).shape == (8, 8, 3)
