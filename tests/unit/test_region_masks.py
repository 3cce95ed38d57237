"""Region masks are exact: ones change no bit, zeros are the words alone, halves keep to their side."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from image_prompts import image, latents_of, projections
from impasto.controls.instant_style import InstantStyle, InstantStyleSettings
from impasto.controls.style_studio import StyleStudio, StyleStudioSettings
from impasto.core.errors import ConfigError
from impasto.core.rng import generator
from impasto.diffusion.adain import blended_adain, epsilon_of
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.models.control import Control
from impasto.models.image_tokens import ImageTokens
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.regions import at_places, grid_of

PARAMS = SamplingParams(3, 4.0, 32, 32, empty_prompt="encoded")  # so that plain runs differ in the style alone
CONTROLS = {
    "plain": lambda: None,
    "adain": lambda: StyleStudio(
        StyleStudioSettings(strength=0.7, teacher=0)
    ),  # a teacher changes the batch, thus rounding
    "sum": lambda: StyleStudio(StyleStudioSettings(mix="sum", strength=0.7, teacher=0)),
    "adain_sum": lambda: StyleStudio(StyleStudioSettings(mix="adain_sum", strength=0.7, teacher=0)),
    "instant": lambda: InstantStyle(InstantStyleSettings()),
}


def request(shown: ImageTokens, null: ImageTokens, mask: torch.Tensor | None) -> ImageRequest:
    images = [replace(each, mask=mask) for each in (shown, null)]
    return ImageRequest("a fox", 7, images=(images[0],), negative_images=(images[1],))


@pytest.mark.parametrize("name", CONTROLS)
def test_ones_change_no_bit_and_zeros_are_the_words_alone(sdxl: LatentDiffusion, name: str) -> None:
    adapter, control = projections(sdxl), CONTROLS[name]()
    shown, null = image(sdxl, adapter, 1), image(sdxl, adapter, 2)
    ones = torch.ones(1, 32, 32)
    without = latents_of(sdxl, [request(shown, null, None)], PARAMS, control)
    assert torch.equal(latents_of(sdxl, [request(shown, null, ones)], PARAMS, control), without)
    words = latents_of(sdxl, [ImageRequest("a fox", 7)], PARAMS)
    assert torch.equal(latents_of(sdxl, [request(shown, null, 0 * ones)], PARAMS, control), words)
    assert not torch.equal(without, words)


def test_complementary_masks_of_one_picture_add_up_to_no_mask(sdxl: LatentDiffusion) -> None:
    """Σ m_i = 1, with soft borders, for the weighted sum."""
    adapter = projections(sdxl)
    shown = image(sdxl, adapter, 1)
    mask = torch.rand(1, 32, 32, generator=generator(5))
    halves = ImageRequest("a fox", 7, images=(replace(shown, mask=mask), replace(shown, mask=1 - mask)))
    drawn = latents_of(sdxl, [halves], PARAMS)
    assert (drawn - latents_of(sdxl, [ImageRequest("a fox", 7, images=(shown,))], PARAMS)).abs().max() < 1e-4


def test_rows_with_and_without_masks_share_a_batch(sdxl: LatentDiffusion) -> None:
    adapter = projections(sdxl)
    shown, null = image(sdxl, adapter, 1), image(sdxl, adapter, 2)
    left = torch.zeros(1, 32, 32)
    left[..., :16] = 1
    requests = [request(shown, null, mask) for mask in (None, left, left.flip(-1))]
    together = latents_of(sdxl, requests, SamplingParams(3, 4.0, 32, 32, batch=3))
    alone = torch.cat([latents_of(sdxl, [each], PARAMS) for each in requests])
    assert (together - alone).abs().max() < 1e-4
    assert (together[1] - together[2]).abs().max() > 1e-3


def test_one_layer_keeps_to_its_side(sdxl: LatentDiffusion) -> None:
    """Outside of the region a control adds nothing, to the last bit."""
    from impasto.diffusion.branches import side_by_side
    from impasto.diffusion.step import Step
    from impasto.models.attention_layers import AttentionLayer
    from impasto.models.forward_context import Attended, ForwardContext

    rng = generator(0)
    text, style = torch.randn(1, 64, 8, generator=rng), torch.randn(1, 64, 8, generator=rng)
    mask = torch.zeros(1, 32, 32)
    mask[:, :, :16] = 1
    places = at_places(mask, 64, torch.float32)
    context = ForwardContext(Step(0, 4, 1.0), side_by_side({"text": 1}, {}))
    for control in (Control(), CONTROLS["adain"]()):
        joined = control.combine(AttentionLayer("x", "cross"), context, text, [Attended(style, 1.0, places)]).unflatten(
            1, (8, 8)
        )
        assert torch.equal(joined[:, :, 4:], text.unflatten(1, (8, 8))[:, :, 4:])
        assert (joined - text.unflatten(1, (8, 8))).abs()[:, :, :4].min() > 0


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=30)
def test_statistics_are_those_of_the_region(seed: int) -> None:
    """With a hard mask, AdaIN inside equals AdaIN of the tokens inside alone."""
    rng = generator(seed)
    text, style = torch.randn(2, 20, 3, generator=rng).double(), torch.randn(2, 20, 3, generator=rng).double()
    inside = torch.randperm(20, generator=rng)[:9]
    mask = torch.zeros(2, 20, 1, dtype=torch.double)
    mask[:, inside] = 1
    out = blended_adain(text, [style], [0.6], [mask])
    cut, own = text[:, inside], style[:, inside]
    spread = (cut.var(1, keepdim=True, unbiased=False) + epsilon_of(cut.dtype)).sqrt()
    expected = own.std(1, keepdim=True, unbiased=False) * (cut - cut.mean(1, keepdim=True)) / spread
    expected = 0.4 * cut + 0.6 * (expected + own.mean(1, keepdim=True))
    assert (out[:, inside] - expected).abs().max() < 1e-10
    outside = mask[0, :, 0] == 0
    assert torch.equal(out[:, outside], text[:, outside])


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 4))
@settings(deadline=None)
def test_the_grid_is_that_of_some_halving(height: int, width: int, halvings: int) -> None:
    rows, columns = height, width
    for _ in range(halvings):
        rows, columns = (rows + 1) // 2, (columns + 1) // 2
    found = grid_of(height, width, rows * columns)
    assert found == (rows, columns)
    mask = torch.ones(1, height, width)
    assert torch.equal(at_places(mask, rows * columns, torch.float32), torch.ones(1, rows * columns, 1))


def test_masks_of_another_shape_are_refused(sdxl: LatentDiffusion) -> None:
    with pytest.raises(ConfigError, match="48x32 does not fit an attention layer of 64 places"):
        grid_of(32, 48, 64)
    wrong = request(image(sdxl, projections(sdxl), 1), image(sdxl, projections(sdxl), 2), torch.ones(1, 32, 48))
    with pytest.raises(ConfigError, match="mask of 48x32"):
        latents_of(sdxl, [wrong], PARAMS)


def test_a_mean_over_pixels() -> None:
    mask = torch.zeros(1, 4, 4)
    mask[0, 0, 0] = 1
    assert at_places(mask, 4, torch.float32).flatten().tolist() == [0.25, 0, 0, 0]
