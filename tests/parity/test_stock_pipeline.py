"""Drawing without a style equals the stock diffusers pipelines, for every family."""

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionXLImg2ImgPipeline,
)
from PIL import Image

from impasto.core.rng import generator
from impasto.data.images import to_tensor
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.samplers import new_scheduler

PROMPTS = ["a fox on a hill", "castle"]


def ours(base: LatentDiffusion, params: SamplingParams) -> np.ndarray:
    requests = [ImageRequest(prompt, 11 + index) for index, prompt in enumerate(PROMPTS)]
    return np.stack([np.asarray(image) for _, image in draw(base, requests, params)])


@pytest.mark.parametrize("guidance_scale", [1.0, 5.0])
@pytest.mark.parametrize("negative_prompt", [None, "blurry"])
def test_equals_the_stock_pipeline(base: LatentDiffusion, guidance_scale: float, negative_prompt: str | None) -> None:
    params = SamplingParams(4, guidance_scale, 32, 32, negative_prompt=negative_prompt, sampler="base")
    base.pipe.set_progress_bar_config(disable=True)
    stock = base.pipe(
        prompt=PROMPTS,
        negative_prompt=None if negative_prompt is None else [negative_prompt] * 2,
        height=32,
        width=32,
        num_inference_steps=4,
        guidance_scale=guidance_scale,
        generator=[generator(11), generator(12)],
        output_type="np",
    ).images
    in_8_bit = (stock * 255).round().astype(int)
    assert np.abs(ours(base, params).astype(int) - in_8_bit).max() <= 1  # rounding at a boundary


def test_latents_equal_the_stock_pipeline(base: LatentDiffusion, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []
    decode = base.decode
    monkeypatch.setattr(base, "decode", lambda latents: seen.append(latents) or decode(latents))
    ours(base, SamplingParams(6, 4.0, 32, 32, sampler="base"))
    base.pipe.set_progress_bar_config(disable=True)
    stock = base.pipe(
        prompt=PROMPTS,
        height=32,
        width=32,
        num_inference_steps=6,
        guidance_scale=4.0,
        generator=[generator(11), generator(12)],
        output_type="latent",
    ).images
    assert (seen[0] - stock).abs().max() < 1e-4


FEW_STEPS = {"lcm": LCMScheduler, "lightning": EulerDiscreteScheduler, "hyper": DDIMScheduler}


@pytest.mark.parametrize("sampler", FEW_STEPS)
def test_few_steps_equal_the_stock_pipeline(sdxl: LatentDiffusion, sampler: str, monkeypatch) -> None:
    seen: list[torch.Tensor] = []
    decode = sdxl.decode
    monkeypatch.setattr(sdxl, "decode", lambda latents: seen.append(latents) or decode(latents))
    ours(sdxl, SamplingParams(4, 1.0, 32, 32, sampler=sampler))
    spacing = {} if sampler == "lcm" else {"timestep_spacing": "trailing"}
    sdxl.pipe.scheduler = FEW_STEPS[sampler].from_config(sdxl.pipe.scheduler.config, **spacing)
    sdxl.pipe.set_progress_bar_config(disable=True)
    stock = sdxl.pipe(
        prompt=PROMPTS,
        height=32,
        width=32,
        num_inference_steps=4,
        guidance_scale=1.0,
        generator=[generator(11), generator(12)],
        output_type="latent",
    ).images
    assert (seen[0] - stock).abs().max() < 1e-4
    if sampler != "lcm":
        assert [round(float(each)) for each in sdxl.pipe.scheduler.timesteps] == [999, 749, 499, 249]


@pytest.mark.parametrize("sampler", ["base", "dpm++", "ddim", "euler", "lcm", "lightning", "hyper"])
def test_batch_size_does_not_change_a_picture(sdxl: LatentDiffusion, sampler: str) -> None:
    requests = [ImageRequest(f"thing {index}", index) for index in range(3)]
    sheets = []
    for batch in (1, 3):
        params = SamplingParams(4, 5.0, 32, 32, sampler=sampler, batch=batch)
        sheets.append(np.stack([np.asarray(image) for _, image in draw(sdxl, requests, params)]).astype(int))
    assert np.abs(sheets[0] - sheets[1]).max() <= 1


IMG2IMG = {"sd15": StableDiffusionImg2ImgPipeline, "sdxl": StableDiffusionXLImg2ImgPipeline}


@pytest.mark.parametrize("sampler", ["base", "dpm++", "ddim", "euler"])
@pytest.mark.parametrize("strength", [0.34, 0.7, 1.0])
def test_stylizing_equals_stock_image_to_image(
    base: LatentDiffusion, sampler: str, strength: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8))
    seen: list[torch.Tensor] = []
    decode = base.decode
    monkeypatch.setattr(base, "decode", lambda latents: seen.append(latents) or decode(latents))
    params = SamplingParams(6, 4.0, 32, 32, strength=strength, sampler=sampler)
    list(draw(base, [ImageRequest("a fox", 3, start)], params))

    mean, _ = base.encode_images(to_tensor(start)[None])
    stock = IMG2IMG[base.family].from_pipe(base.pipe, scheduler=new_scheduler(base.pipe.scheduler, sampler))
    stock.set_progress_bar_config(disable=True)
    expected = stock(
        prompt="a fox",
        image=mean,  # latents: the stock pipeline would draw the autoencoder's noise, impasto takes the mean
        strength=strength,
        num_inference_steps=6,
        guidance_scale=4.0,
        generator=generator(3),
        output_type="latent",
    ).images
    assert torch.isfinite(seen[0]).all()
    assert (seen[0] - expected).abs().max() < 1e-4
