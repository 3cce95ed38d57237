"""What ships beside pocket's base: stock diffusers loads it and draws with it what impasto draws."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel, StableDiffusionXLControlNetPipeline, StableDiffusionXLPipeline
from PIL import Image

from impasto.core.rng import generator
from impasto.data.images import read_picture
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.image_prompts.image_prompt import OWN, open_image_prompt
from impasto.models.controlnet import Structure, open_controlnet, own_controlnet
from impasto.models.open import open_base
from impasto.models.source import find_base

POCKET = Path(find_base("pocket").location)
REFERENCE = POCKET.parent / "packs" / "openmoji" / "held_out" / "volcano.png"
PROMPT = "a fox on a green background"
PARAMS = SamplingParams(4, 3.0, 128, 128, sampler="base")


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture).astype(int)


def stock_options() -> dict[str, object]:
    side = {"height": 128, "width": 128}
    return {**side, "num_inference_steps": 4, "guidance_scale": 3.0, "generator": generator(11)}


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_its_image_prompt_draws_the_same_in_the_stock_pipeline(scale: float) -> None:
    picture = read_picture(REFERENCE).image
    base = open_base("pocket", device="cpu")
    adapter = open_image_prompt(POCKET / OWN, base)
    shown, nothing = (replace(each, scale=scale) for each in (adapter.tokens([picture]), adapter.null()))
    request = ImageRequest(PROMPT, 11, images=(shown,), negative_images=(nothing,))
    ((_, drawn),) = draw(base, [request], PARAMS)
    stock = StableDiffusionXLPipeline.from_pretrained(POCKET, dtype=torch.float32)
    stock.load_ip_adapter(str(POCKET), subfolder="ip_adapter", weight_name="ip_adapter.safetensors")
    stock.set_ip_adapter_scale(scale)
    stock.set_progress_bar_config(disable=True)
    expected = stock(PROMPT, ip_adapter_image=picture, **stock_options()).images[0]
    assert np.abs(pixels(drawn) - pixels(expected)).max() <= 1
    ((_, plain),) = draw(base, [ImageRequest(PROMPT, 11)], PARAMS)
    assert np.abs(pixels(drawn) - pixels(plain)).max() > 20  # the picture matters


def test_its_controlnet_draws_the_same_in_the_stock_pipeline() -> None:
    folder = own_controlnet(POCKET)
    assert folder is not None
    base = open_base("pocket", device="cpu")
    edges = torch.zeros(3, 128, 128)
    edges[:, 30:98, [30, 98]] = edges[:, [30, 98], 30:98] = 1
    hook = Structure(open_controlnet(str(folder), base), edges, 0.8)
    ((_, drawn),) = draw(base, [ImageRequest(PROMPT, 11)], PARAMS, hook=hook)
    parts = StableDiffusionXLPipeline.from_pretrained(POCKET, dtype=torch.float32).components
    network = ControlNetModel.from_pretrained(folder, dtype=torch.float32)
    stock = StableDiffusionXLControlNetPipeline(
        **parts, controlnet=network, force_zeros_for_empty_prompt=False, add_watermarker=False
    )
    stock.set_progress_bar_config(disable=True)
    expected = stock(PROMPT, image=edges[None], controlnet_conditioning_scale=0.8, **stock_options()).images[0]
    assert np.abs(pixels(drawn) - pixels(expected)).max() <= 1
    ((_, plain),) = draw(base, [ImageRequest(PROMPT, 11)], PARAMS)
    assert np.abs(pixels(drawn) - pixels(plain)).max() > 20  # the edges matter
