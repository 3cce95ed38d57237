"""What every control must keep, for every file in `controls/`."""

import pydantic
import pytest
import torch

from image_prompts import double, image, latents_of, projections
from impasto.core.config import validated
from impasto.core.errors import ConfigError
from impasto.core.plugins import plugin_names
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.models.control import Control
from impasto.models.controlled import controlled
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.registry.controls import find_control, make_control

CONTROLS = plugin_names("impasto.controls")
SAMPLERS = ["base", "dpm++", "ddim", "euler"]


def make(name: str) -> Control:
    return make_control(find_control(name), find_control(name).Config())


def state(base: LatentDiffusion) -> tuple[dict[str, torch.Tensor], dict[str, object], list[int]]:
    weights = {name: value.clone() for name, value in base.denoiser.state_dict().items()}
    hooks = [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in base.denoiser.modules()]
    return weights, dict(base.denoiser.attn_processors), hooks


def assert_untouched(
    base: LatentDiffusion, before: tuple[dict[str, torch.Tensor], dict[str, object], list[int]]
) -> None:
    weights, processors, hooks = state(base)
    assert weights.keys() == before[0].keys()
    assert all(torch.equal(value, before[0][name]) for name, value in weights.items())
    assert processors.keys() == before[1].keys()
    assert all(processor is before[1][name] for name, processor in processors.items())
    assert hooks == before[2]


def requests_for(base: LatentDiffusion, count: int = 3) -> list[ImageRequest]:
    adapter = projections(base)
    return [ImageRequest(f"thing {index}", index, images=(image(base, adapter, index),)) for index in range(count)]


def test_there_are_controls() -> None:
    assert set(CONTROLS) >= {"style_studio", "instant_style", "style_aligned"}


@pytest.mark.parametrize("name", CONTROLS)
def test_has_a_paper_and_options_that_refuse_unknown_names(name: str) -> None:
    found = find_control(name)
    assert found.name == name
    assert found.paper.arxiv
    with pytest.raises(ConfigError, match="unknown option"):
        validated(found.Config, {"nonsense": 1}, source="test")
    assert make(name).settings == found.Config()


@pytest.mark.parametrize("name", CONTROLS)
def test_draws_something_else_and_leaves_nothing_behind(base: LatentDiffusion, name: str) -> None:
    before = state(base)
    requests = requests_for(base)
    for guidance_scale in (1.0, 4.0):
        params = SamplingParams(3, guidance_scale, 32, 32)
        drawn = latents_of(base, requests, params, make(name))
        assert torch.isfinite(drawn).all()
        plain = latents_of(base, requests, params)
        assert (drawn - plain).abs().amax(dim=(1, 2, 3)).gt(1e-4).sum() >= 2  # a leading picture may stay plain
        assert torch.equal(latents_of(base, requests, params, make(name)), drawn)
    assert_untouched(base, before)


@pytest.mark.parametrize("name", CONTROLS)
def test_nothing_is_left_over_after_an_exception(sdxl: LatentDiffusion, name: str) -> None:
    before = state(sdxl)
    with controlled(sdxl, make(name)):
        assert all(each is not before[1][path] for path, each in sdxl.denoiser.attn_processors.items())
    with pytest.raises(RuntimeError, match="in the middle"), controlled(sdxl, make(name)):
        raise RuntimeError("in the middle")
    assert_untouched(sdxl, before)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("name", CONTROLS)
def test_batch_size_does_not_change_a_picture(sdxl: LatentDiffusion, name: str, sampler: str) -> None:
    requests = requests_for(double(sdxl))
    needs_reference = make(name).needs_reference
    sheets = []
    for batch in (1, 3):
        latents = latents_of(sdxl, requests, SamplingParams(3, 4.0, 32, 32, sampler=sampler, batch=batch), make(name))
        if batch == 1 and needs_reference:  # the reference is drawn with every batch
            latents = torch.cat([latents[:2], latents[3:4]])
        sheets.append(latents)
    assert (sheets[0] - sheets[1]).abs().max() < 1e-5


def test_controls_do_not_nest_and_do_not_stand_in_for_strangers(sdxl: LatentDiffusion) -> None:
    from diffusers.models.attention_processor import SlicedAttnProcessor

    with controlled(sdxl, Control()):
        before = dict(sdxl.denoiser.attn_processors)
        with pytest.raises(ConfigError, match="already installed"), controlled(sdxl, Control()):
            pass
        assert dict(sdxl.denoiser.attn_processors) == before
    sdxl.denoiser.mid_block.attentions[0].transformer_blocks[0].attn1.set_processor(SlicedAttnProcessor(1))
    with pytest.raises(ConfigError, match="SlicedAttnProcessor"), controlled(sdxl, Control()):
        pass


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("style_studio", {"window": (0.0, 1.2)}, "less than or equal to 1"),
        ("style_studio", {"window": (-0.1, 1.0)}, "greater than or equal to 0"),
        ("style_studio", {"window": (0.6, 0.4)}, "holds no step"),
        ("style_studio", {"strength": 1.5}, "strength = 1.5"),
        ("style_studio", {"strength": -0.5}, "strength = -0.5"),
        ("style_studio", {"strength": float("nan")}, "strength"),
        ("style_studio", {"teacher": 1.1}, "teacher = 1.1"),
        ("style_studio", {"mix": "both"}, "adain"),
        ("style_aligned", {"window": (0.5, 0.5)}, "holds no step"),
        ("instant_style", {"roles": ()}, "roles"),
    ],
)
def test_settings_out_of_range_are_one_line(name: str, settings: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as told:
        validated(find_control(name).Config, settings, source="recipe.toml")
    assert "\n" not in str(told.value)
    with pytest.raises(pydantic.ValidationError):
        find_control(name).Config(**settings)


PARAMS = SamplingParams(2, 4.0, 32, 32)


def refused(
    base: LatentDiffusion,
    request: ImageRequest,
    control: Control | None = None,
    params: SamplingParams = PARAMS,
    **extra,
) -> str:
    before = state(base)
    with pytest.raises(ConfigError) as told:
        list(draw(base, [request], params, control, **extra))
    assert_untouched(base, before)
    assert "\n" not in str(told.value)
    return str(told.value)


def test_bad_input(sdxl: LatentDiffusion) -> None:
    from PIL import Image

    from impasto.generation.auxiliary_branches import Reference

    adapter = projections(sdxl)
    shown = image(sdxl, adapter, 1)
    plain, styled = ImageRequest("a fox", 7), ImageRequest("a fox", 7, images=(shown,))
    same = ImageRequest("a fox", 7, images=(shown,), negative_images=(image(sdxl, adapter, 1),))
    assert "equals its style picture" in refused(sdxl, same)
    for name in ("style_studio", "instant_style"):
        assert "style picture" in refused(sdxl, plain, make(name))
    assert "several requests" in refused(sdxl, plain, make("style_aligned"))
    reference = Reference(Image.new("RGB", (32, 32)), "a painting")
    assert "has no effect" in refused(sdxl, styled, make("style_studio"), reference=reference)
    assert "has no effect" in refused(sdxl, styled, reference=reference)
    small = Reference(Image.new("RGB", (32, 40)), "a painting")
    assert "32x40" in refused(sdxl, plain, make("style_aligned"), reference=small)
    assert "has no effect" in refused(sdxl, plain, params=SamplingParams(2, 4.0, 32, 32, style_guidance_scale=2.0))
    two_rows = type(shown)(shown.tokens.repeat(2, 1, 1), adapter)
    assert "2 rows" in refused(sdxl, ImageRequest("a fox", 7, images=(two_rows,)))
    narrow = type(shown)(shown.tokens[..., :5], adapter)
    assert "does not fit" in refused(sdxl, ImageRequest("a fox", 7, images=(narrow,)))


def test_an_adapter_for_another_network_is_refused(sdxl: LatentDiffusion, tiny_folders) -> None:
    elsewhere = {name.replace("mid_block", "down_blocks.9"): pair for name, pair in projections(sdxl).items()}
    told = refused(sdxl, ImageRequest("a fox", 7, images=(image(sdxl, elsewhere, 1),)))
    assert "down_blocks.9" in told
    assert "family" in told
