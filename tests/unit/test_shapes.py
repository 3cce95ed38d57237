"""Shapes that are written down are executed while tests run."""

import pytest
import torch
from jaxtyping import TypeCheckError

from impasto.adapters.extract import low_rank_pair
from impasto.diffusion.losses import squared_error
from impasto.diffusion.rectified_flow import RectifiedFlow
from impasto.models.image_tokens import ImageTokens
from impasto.models.regions import at_places

ROWS = torch.zeros(2, 4, 3, 3)


def test_tensors_of_other_shapes_are_refused() -> None:
    assert RectifiedFlow().add_noise(ROWS, ROWS, torch.rand(2)).shape == ROWS.shape
    with pytest.raises(TypeCheckError):
        RectifiedFlow().add_noise(ROWS, ROWS[:1], torch.rand(2))
    with pytest.raises(TypeCheckError):
        RectifiedFlow().add_noise(ROWS, ROWS, torch.zeros(2, dtype=torch.long))
    with pytest.raises(TypeCheckError):
        squared_error(ROWS, ROWS[0])


def test_so_are_those_of_adapters_and_models() -> None:
    down, up = low_rank_pair(torch.eye(3), 2)
    assert (down.shape, up.shape) == ((2, 3), (3, 2))
    with pytest.raises(TypeCheckError):
        low_rank_pair(torch.zeros(3, 3, dtype=torch.long), 2)
    with pytest.raises(TypeCheckError):
        at_places(torch.zeros(8, 8), 4, torch.float32)
    tokens = torch.zeros(2, 3, 12)
    assert all(ImageTokens(tokens, {}, mask=torch.ones(rows, 8, 8)).scale == 1 for rows in (1, 2))
    with pytest.raises(TypeCheckError):
        ImageTokens(tokens, {}, mask=torch.ones(3, 8, 8))
