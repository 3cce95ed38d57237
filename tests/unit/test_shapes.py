"""Shapes that are written down are executed while tests run."""

import pytest
import torch
from jaxtyping import TypeCheckError

from impasto.diffusion.losses import squared_error
from impasto.diffusion.rectified_flow import RectifiedFlow

ROWS = torch.zeros(2, 4, 3, 3)


def test_tensors_of_other_shapes_are_refused() -> None:
    assert RectifiedFlow().add_noise(ROWS, ROWS, torch.rand(2)).shape == ROWS.shape
    with pytest.raises(TypeCheckError):
        RectifiedFlow().add_noise(ROWS, ROWS[:1], torch.rand(2))
    with pytest.raises(TypeCheckError):
        RectifiedFlow().add_noise(ROWS, ROWS, torch.zeros(2, dtype=torch.long))
    with pytest.raises(TypeCheckError):
        squared_error(ROWS, ROWS[0])
