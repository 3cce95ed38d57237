"""Region masks: grey values of a picture of the right size."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from impasto.core.errors import DataError
from impasto.data.masks import read_mask


def saved(image: Image.Image, path: Path) -> Path:
    image.save(path)
    return path


def test_white_is_one_and_black_is_nought(tmp_path: Path) -> None:
    image = Image.new("L", (6, 4), 0)
    image.paste(255, (0, 0, 3, 4))
    image.putpixel((5, 3), 51)
    mask = read_mask(saved(image, tmp_path / "mask.png"), 4, 6)
    expected = torch.zeros(4, 6)
    expected[:, :3] = 1
    expected[3, 5] = 0.2
    assert torch.allclose(mask, expected)


@pytest.mark.parametrize(
    ("image", "says"),
    [(Image.new("L", (4, 6), 255), "4x6 pixels, the picture to draw has 6x4"), (Image.new("L", (6, 4), 0), "black")],
)
def test_a_mask_that_cannot_serve_is_refused(tmp_path: Path, image: Image.Image, says: str) -> None:
    path = saved(image, tmp_path / "mask.png")
    with pytest.raises(DataError, match=says) as caught:
        read_mask(path, 4, 6)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
