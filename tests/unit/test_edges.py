"""Edges equal those of OpenCV, which the published ControlNets were trained on, pixel by pixel."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from impasto.core.errors import ConfigError
from impasto.data.edges import CANNY, canny, canny_edges


def drawing(seed: int, height: int = 61, width: int = 83) -> Image.Image:
    rng = np.random.default_rng(seed)
    image = Image.fromarray(rng.integers(100, 140, (height, width, 3), dtype=np.uint8))
    pen = ImageDraw.Draw(image)
    for _ in range(8):
        left, top = int(rng.integers(0, width - 20)), int(rng.integers(0, height - 20))
        colour = tuple(int(value) for value in rng.integers(0, 256, 3))
        shape = pen.ellipse if rng.random() < 0.5 else pen.polygon
        shape([(left, top), (left + int(rng.integers(6, 20)), top + int(rng.integers(6, 20)))], fill=colour)
    return image


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("thresholds", [(100, 200), (20, 60), (0, 0), (300, 300)])
def test_equals_opencv(seed: int, thresholds: tuple[int, int]) -> None:
    grey = np.asarray(drawing(seed).convert("L"))
    assert np.array_equal(canny(grey, *thresholds), cv2.Canny(grey, *thresholds) > 0)
    colours = np.array(drawing(seed))
    assert np.array_equal(canny(colours, *thresholds), cv2.Canny(colours, *thresholds) > 0)


def test_edges_in_colour_are_those_that_pockets_controlnet_is_trained_on() -> None:
    controlnet = pytest.importorskip("pretraining.controlnet")
    image = drawing(4)
    shown = controlnet.edges_of(torch.from_numpy(np.array(image)).permute(2, 0, 1)[None])[0]
    assert torch.equal(canny_edges(image, in_colour=True), shown)
    assert controlnet.CANNY == CANNY


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.integers(1, 24), st.integers(1, 24), st.sampled_from([2, 40, 256]))
def test_equals_opencv_on_noise(seed: int, height: int, width: int, levels: int) -> None:
    grey = np.random.default_rng(seed).integers(0, levels, (height, width), dtype=np.uint8)
    assert np.array_equal(canny(grey, 100, 200), cv2.Canny(grey, 100, 200) > 0)


def test_a_long_faint_line_is_found_from_its_strong_end() -> None:
    grey = np.full((20, 300), 100, np.uint8)
    grey[10:] = 130  # gradient 120: between the thresholds
    assert not canny(grey, 100, 200).any()
    grey[10:, :3] = 255  # strong at one end
    assert canny(grey, 100, 200)[9:11].any(axis=0)[8:].all()


def test_three_equal_channels_of_noughts_and_ones() -> None:
    edges = canny_edges(drawing(1))
    assert edges.shape == (3, 61, 83)
    assert set(edges.unique().tolist()) == {0.0, 1.0}
    assert (edges == edges[0]).all()
    assert canny_edges(Image.new("RGB", (9, 7), "red")).sum() == 0


@pytest.mark.parametrize("thresholds", [(200, 100), (-1, 5)])
def test_thresholds_in_the_wrong_order_are_refused(thresholds: tuple[int, int]) -> None:
    with pytest.raises(ConfigError, match="edge thresholds"):
        canny_edges(drawing(0), *thresholds)
