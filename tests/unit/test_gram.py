"""Style similarity by Gram matrices."""

import torch

from impasto.core.rng import generator
from impasto.metrics.gram import gram, gram_similarity


def features(seed: int, count: int = 4) -> torch.Tensor:
    return torch.randn((count, 25, 6), generator=generator(seed))


def test_equals_the_definition() -> None:
    x = features(0, 1)
    expected = sum(torch.outer(place, place) for place in x[0]) / 25
    torch.testing.assert_close(gram(x)[0], expected, rtol=1e-5, atol=1e-6)


def test_place_does_not_matter_but_co_occurrence_does() -> None:
    x, centre = features(1), torch.zeros(6, 6)
    shuffled = x[:, torch.randperm(25, generator=generator(2))]
    torch.testing.assert_close(gram_similarity(x, shuffled, centre), torch.ones(4), rtol=0, atol=1e-5)
    each_channel_apart = torch.stack([x[..., i][:, torch.randperm(25, generator=generator(i))] for i in range(6)], -1)
    assert gram_similarity(x, each_channel_apart, centre).max() < 0.999


def test_centring_removes_what_all_pictures_share() -> None:
    shared = torch.zeros(8, 25, 6)
    shared[..., 0] = 10.0
    x = features(3, 8) + shared
    centre = gram(x).mean(dim=0)
    other = x.roll(1, 0)
    assert gram_similarity(x, other, torch.zeros(6, 6)).min() > 0.95
    assert gram_similarity(x, other, centre).mean() < 0.3
