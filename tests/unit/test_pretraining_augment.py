"""Augmented pictures: colours are exchanged and never changed, outlines lie on borders and nowhere else."""

import torch
from pretraining.augment import augmented, other_colours, outlined


def halves() -> torch.Tensor:
    picture = torch.zeros(1, 3, 16, 16)
    picture[..., 8:] = 0.9
    return picture


def test_a_plain_picture_has_no_outline() -> None:
    plain = torch.full((2, 3, 16, 16), 0.4)
    assert torch.equal(outlined(plain, 3), plain)


def test_a_border_becomes_a_black_line_of_about_the_width() -> None:
    for width, inked, darkest in ((1, 3, -2 / 3), (3, 5, -1)):
        drawn = outlined(halves(), width)
        assert abs(float(drawn.amin()) - darkest) < 1e-6
        assert int((drawn[0, 0, 5] < -0.3).sum()) == inked
        assert torch.equal(drawn[..., 0], halves()[..., 0])


def test_colours_are_exchanged_as_wholes() -> None:
    pictures = torch.rand((2, 3, 4, 4), generator=torch.Generator().manual_seed(0))
    exchanged = other_colours(pictures, torch.Generator().manual_seed(1))
    assert torch.equal(exchanged.sort(dim=1).values, pictures.sort(dim=1).values)


def test_same_generator_same_batch() -> None:
    pictures = torch.rand((6, 3, 16, 16), generator=torch.Generator().manual_seed(0)) * 2 - 1
    first, second = (augmented(pictures, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first, second)
    assert first.shape == pictures.shape
