"""CleanStyle's suppression: properties that follow from σ' = σ exp(-a σ), and keys and values written out."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from image_prompts import image, latents_of, projections
from impasto.core.rng import generator
from impasto.diffusion.singular_values import AUTOMATIC, suppressed, suppressed_values
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.image_prompts.automatic_negative import automatic_negative
from impasto.models.latent_diffusion import LatentDiffusion


def matrix(seed: int, tokens: int, channels: int) -> torch.Tensor:
    return 3 * torch.randn(2, tokens, channels, generator=generator(seed), dtype=torch.double)


cases = given(st.integers(0, 999), st.integers(1, 7), st.integers(1, 7), st.floats(0.001, 2), st.integers(0, 3))


@cases
@settings(deadline=None)
def test_formula(seed: int, tokens: int, channels: int, strength: float, keep: int) -> None:
    m = matrix(seed, tokens, channels)
    out = suppressed(m, strength, keep)
    before, after = torch.linalg.svdvals(m), suppressed_values(torch.linalg.svdvals(m), strength, keep)
    # energy splits: ‖M'‖² = Σ σ'², and what was taken away is orthogonal in the same directions
    assert out.square().sum((1, 2)) == pytest.approx(after.square().sum(1))
    assert (m - out).square().sum((1, 2)) == pytest.approx((before - after).square().sum(1))
    assert (after <= before).all()
    assert torch.equal(after[:, :keep], before[:, :keep])
    assert after[:, keep:].numel() == 0 or after[:, keep:].max() <= 1 / (strength * math.e) + 1e-12
    # the directions stay: MᵀM' is symmetric and positive
    product = m.transpose(1, 2) @ out
    assert torch.allclose(product, product.transpose(1, 2), atol=1e-9)


@cases
@settings(deadline=None)
def test_orthogonal_changes_of_tokens_and_channels_go_through(
    seed: int, tokens: int, channels: int, strength: float, keep: int
) -> None:
    m = matrix(seed, tokens, channels)
    left = torch.linalg.qr(matrix(seed + 1, tokens, tokens))[0]
    right = torch.linalg.qr(matrix(seed + 2, channels, channels))[0]
    expected = left @ suppressed(m, strength, keep) @ right
    assert torch.allclose(suppressed(left @ m @ right, strength, keep), expected, atol=1e-8)


def test_identity_when_nothing_is_removed() -> None:
    m = matrix(0, 4, 6)
    assert suppressed(m, 0.0) is m
    assert suppressed(m, 0.5, keep=4) is m
    for wrong in ({"strength": -0.1}, {"strength": 0.1, "keep": -1}):
        with pytest.raises(ValueError, match="at least 0"):
            suppressed(m, **wrong)


def test_strong_suppression_leaves_nothing() -> None:
    assert suppressed(matrix(0, 4, 6), 100.0).abs().max() < 1e-2


def test_half_precision_stays() -> None:
    m = matrix(0, 4, 6).to(torch.bfloat16)
    assert suppressed(m, 0.2).dtype == torch.bfloat16


def test_written_out_keys_and_values_are_those_suppressed(sdxl: LatentDiffusion) -> None:
    shown = image(sdxl, projections(sdxl), 1)
    negative = automatic_negative(shown)
    for path, pair in shown.projections.items():
        for ours, theirs in zip(negative.projections[path], pair, strict=True):
            expected = suppressed(theirs(shown.tokens), AUTOMATIC)
            assert (ours(negative.tokens) - expected).abs().max() < 1e-5
    same = automatic_negative(shown, strength=0.0)
    params = SamplingParams(2, 4.0, 32, 32)
    drawn = [latents_of(sdxl, [ImageRequest("a fox", 7, images=(each,))], params) for each in (shown, same, negative)]
    assert (drawn[0] - drawn[1]).abs().max() < 1e-4  # one-hot tokens tell the same
    assert (drawn[0] - drawn[2]).abs().max() > 1e-3
