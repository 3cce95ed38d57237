"""What the unconditional branch is told beside style pictures on an SDXL base that was trained with zeros."""

from dataclasses import replace

import pytest
import torch

from image_prompts import image, latents_of, projections
from impasto.core.plugins import plugin_names
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.models.control import Control
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.registry.controls import find_control, make_control

PARAMS = SamplingParams(1, 4.0, 32, 32, sampler="ddim")
ZEROS = replace(PARAMS, empty_prompt="base")
CONTROLS = ["plain", *(name for name in plugin_names("impasto.controls") if name != "style_aligned")]


def made(name: str) -> Control:
    return Control() if name == "plain" else make_control(find_control(name), find_control(name).Config())


class Spy:
    """Notes how much of what a control mixes differs from place to place, in the unconditional branch."""

    def __init__(self, control: Control) -> None:
        self.control, self.spreads = control, []
        combine = control.combine

        def spied(layer, context, text, styles):
            mixed = combine(layer, context, text, styles)
            row = context.branches.rows["unconditional"].start
            self.spreads.append((float(text[row].std(0).max()), float(mixed[row].std(0).max())))
            return mixed

        control.combine = spied


def styled(base: LatentDiffusion) -> ImageRequest:
    adapter = projections(base)
    return ImageRequest("a fox", 7, images=(image(base, adapter, 1),), negative_images=(image(base, adapter, 2),))


@pytest.mark.parametrize("name", CONTROLS)
def test_attention_to_words_is_not_constant_where_style_is_mixed_with_it(sdxl: LatentDiffusion, name: str) -> None:
    """With zeros it is 0 at every place, and AdaIN, which scales what varies, returns the style's mean alone."""
    assert sdxl.zeros_empty_prompt
    encoded, zeros = Spy(made(name)), Spy(made(name))
    latents_of(sdxl, [styled(sdxl)], PARAMS, encoded.control)
    latents_of(sdxl, [styled(sdxl)], ZEROS, zeros.control)
    assert encoded.spreads
    assert min(text for text, _ in encoded.spreads) > 1e-4
    assert min(mixed for _, mixed in encoded.spreads) > 1e-4
    assert max(text for text, _ in zeros.spreads) == 0
    if name == "style_studio":
        assert max(mixed for _, mixed in zeros.spreads) == 0


def test_each_picture_has_its_own_whatever_is_in_its_batch(sdxl: LatentDiffusion) -> None:
    """Without style pictures the base is told what it was trained with; teachers are not shared across the two."""
    control = make_control(find_control("style_studio"), find_control("style_studio").Config(teacher=1.0))
    params = replace(PARAMS, steps=2)
    requests = [styled(sdxl), ImageRequest("a fox", 7)]
    together = latents_of(sdxl, requests, params, control)
    assert (together[1] - latents_of(sdxl, requests[1:], params)[0]).abs().max() < 1e-4
    assert (together[0] - latents_of(sdxl, requests[:1], params, control)[0]).abs().max() < 1e-4
    encoded = latents_of(sdxl, requests[1:], replace(params, empty_prompt="encoded"))
    assert (together[1] - encoded[0]).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("changes", "is_styled", "told"),
    [
        ({}, True, ""),
        ({}, False, None),
        ({"empty_prompt": "encoded"}, False, ""),
        ({"empty_prompt": "base"}, True, None),
        ({"negative_prompt": "a photo"}, True, "a photo"),
        ({"negative_prompt": "a photo"}, False, "a photo"),
        ({"negative_prompt": ""}, False, ""),
    ],
)
def test_negative_words(changes: dict[str, str], is_styled: bool, told: str | None) -> None:
    assert replace(PARAMS, **changes).negative_words(is_styled=is_styled) == told


def test_a_base_without_the_flag_is_told_the_same_either_way(tiny_folders) -> None:
    from impasto.models.open import open_base

    base = open_base(str(tiny_folders["sdxl-v"]), device="cpu")
    assert not base.zeros_empty_prompt
    assert torch.equal(base.encode_nothing(2, None).states, base.encode_nothing(2, "").states)
