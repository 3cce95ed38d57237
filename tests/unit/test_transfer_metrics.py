"""Metrics of the transfer table: colours that were named, content that leaks, layout that stays."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from impasto.core.rng import generator
from impasto.metrics.content_leak import content_leaks, found_subjects
from impasto.metrics.layout import (
    edge_maps,
    edge_similarity,
    layout_stability,
    self_similarity,
    self_similarity_agreement,
    structural_similarity,
)
from impasto.metrics.named_colour import BACKGROUND_COLOURS, background_of, named_colour_obeyed

seeds = given(st.integers(0, 10_000))


@pytest.mark.parametrize("name", BACKGROUND_COLOURS)
def test_plain_backgrounds_are_named_whatever_stands_on_them(name: str) -> None:
    picture = Image.new("RGB", (64, 64), BACKGROUND_COLOURS[name])
    picture.paste((1, 200, 77), (10, 10, 54, 64))  # a subject that touches the lower edge
    assert background_of(picture) == name
    other = next(each for each in BACKGROUND_COLOURS if each != name)
    assert named_colour_obeyed([picture, picture], [name, other]).tolist() == [True, False]


def test_unknown_colours_are_refused() -> None:
    with pytest.raises(ValueError, match="colour 'mauve' is unknown"):
        named_colour_obeyed([Image.new("RGB", (8, 8))], ["mauve"])


def test_leaks() -> None:
    subjects = torch.eye(3)
    pictures = torch.tensor([[1.0, 0.1, 0], [0.2, 0.9, 0], [0, 0.1, 0.9]])
    assert found_subjects(pictures, subjects).tolist() == [0, 1, 2]
    own, asked = torch.tensor([0, 0, 0]), torch.tensor([1, 1, 1])
    found = found_subjects(pictures, subjects)
    assert content_leaks(found, own, asked).tolist() == [True, False, False]
    with pytest.raises(ValueError, match="subject of its reference"):
        content_leaks(found, own, own)


def blocks(seed: int, count: int = 2) -> torch.Tensor:
    values = np.random.default_rng(seed).integers(0, 2, (count, 1, 6, 6))
    return torch.from_numpy(np.kron(values, np.ones((1, 1, 8, 8)))).float().expand(-1, 3, -1, -1) * 1.6 - 0.8


@seeds
@settings(deadline=None, max_examples=25)
def test_structure_of_edges(seed: int) -> None:
    x = blocks(seed)
    assert edge_similarity(x, x) == pytest.approx([1, 1], abs=1e-5)
    assert edge_similarity(x, -x) == pytest.approx([1, 1], abs=1e-4)  # colours swapped, edges the same
    assert edge_similarity(x, 0.3 * x + 0.2) == pytest.approx([1, 1], abs=1e-3)  # contrast and brightness
    y = blocks(seed + 1)
    assert torch.allclose(edge_similarity(x, y), edge_similarity(y, x))
    assert (edge_similarity(x, y) < 0.9).all()
    assert edge_maps(x).amax((1, 2, 3)) == pytest.approx([1, 1], abs=1e-5)
    flat = torch.zeros(1, 3, 48, 48)
    assert edge_maps(flat).abs().max() == 0
    assert float(edge_similarity(flat, flat)) == pytest.approx(1)


def test_structural_similarity_of_a_known_pair() -> None:
    """Constant maps: only the term of means is left, (2ab + c) / (a² + b² + c)."""
    x, y = torch.full((1, 1, 16, 16), 0.2), torch.full((1, 1, 16, 16), 0.6)
    assert float(structural_similarity(x, y)) == pytest.approx((0.24 + 1e-4) / (0.4 + 1e-4), abs=1e-3)


@seeds
@settings(deadline=None, max_examples=25)
def test_self_similarity_ignores_turned_features(seed: int) -> None:
    rng = generator(seed)
    places = torch.randn(2, 9, 5, generator=rng).double()
    turn = torch.linalg.qr(torch.randn(5, 5, generator=rng).double())[0]
    moved = 3 * places @ turn + torch.randn(1, 1, 5, generator=rng)
    assert self_similarity(places).shape == (2, 36)
    assert self_similarity_agreement(places, moved) == pytest.approx([1, 1])
    other = torch.randn(2, 9, 5, generator=rng).double()
    agreement = self_similarity_agreement(places, other)
    assert (agreement < 0.95).all()
    shuffled = torch.randperm(9, generator=rng)
    both = self_similarity_agreement(places[:, shuffled], other[:, shuffled])
    assert both == pytest.approx(agreement)


def test_stability_is_the_mean_over_pairs() -> None:
    group = torch.cat([blocks(1, 1), blocks(1, 1), blocks(2, 1)])
    apart = float(edge_similarity(group[:1], group[2:])[0])
    assert layout_stability(group, edge_similarity) == pytest.approx((1 + 2 * apart) / 3, abs=1e-5)
    with pytest.raises(ValueError, match="several styles"):
        layout_stability(group[:1], edge_similarity)
