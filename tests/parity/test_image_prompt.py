"""A plain image prompt equals the stock pipeline with `load_ip_adapter`, and a ControlNet the stock one with it."""

from pathlib import Path

import pytest
import torch
from diffusers import ControlNetModel, StableDiffusionXLControlNetPipeline
from diffusers.models.embeddings import ImageProjection
from PIL import Image

from image_prompts import image, latents_of, projections
from impasto.controls.instant_style import InstantStyle, InstantStyleSettings
from impasto.core.rng import generator
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.models.forward_context import Residuals
from impasto.models.image_tokens import ImageTokens
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import open_base

WIDTH = {"sdxl": 40, "sdxl-v": 40, "sd15": 16}


def stock_with_adapter(folder: Path, projection: ImageProjection, adapter, scale):
    """Return the stock pipeline with our random adapter as a published checkpoint."""
    pipe = open_base(str(folder)).pipe
    numbered = {}
    for index, name in enumerate(pipe.unet.attn_processors):
        if name.removesuffix(".processor") in adapter:
            to_k, to_v = adapter[name.removesuffix(".processor")]
            numbered |= {f"{index}.to_k_ip.weight": to_k.weight, f"{index}.to_v_ip.weight": to_v.weight}
    state = projection.state_dict()
    renamed = {
        "proj.weight": state["image_embeds.weight"],
        "proj.bias": state["image_embeds.bias"],
        "norm.weight": state["norm.weight"],
        "norm.bias": state["norm.bias"],
    }
    pipe.register_modules(image_encoder=None, feature_extractor=None)
    pipe.load_ip_adapter(
        {"image_proj": renamed, "ip_adapter": numbered}, subfolder="", weight_name="x", image_encoder_folder=None
    )
    pipe.set_ip_adapter_scale(scale)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.mark.parametrize("family", ["sdxl", "sdxl-v", "sd15"])
@pytest.mark.parametrize("guidance_scale", [1.0, 4.0])
def test_plain_image_prompt_equals_load_ip_adapter(
    tiny_folders: dict[str, Path], family: str, guidance_scale: float
) -> None:
    assert_equal_to_stock(tiny_folders[family], WIDTH[family], guidance_scale, 0.7, 0.7, None)


def test_instant_style_equals_scales_by_block(tiny_folders: dict[str, Path]) -> None:
    scale = {"up": {"block_0": [0.0, 1.0]}}
    control = InstantStyle(InstantStyleSettings())
    assert_equal_to_stock(tiny_folders["sdxl"], WIDTH["sdxl"], 4.0, 1.0, scale, control)


def assert_equal_to_stock(folder: Path, width: int, guidance_scale: float, ours: float, stock, control) -> None:
    base = open_base(str(folder))
    adapter = projections(base, width=width)
    rng = generator(5)
    projection = ImageProjection(cross_attention_dim=width, image_embed_dim=10, num_image_text_embeds=4)
    with torch.no_grad():
        for parameter in projection.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=rng) * 0.5)
        embedding = torch.randn((1, 10), generator=rng)
        shown, nothing = projection(embedding), projection(torch.zeros_like(embedding))
    images = (ImageTokens(shown, adapter, ours),)
    request = ImageRequest("a fox", 11, images=images, negative_images=(ImageTokens(nothing, adapter, ours),))
    params = SamplingParams(
        5, guidance_scale, 32, 32, sampler="base", empty_prompt="base"
    )  # as the stock pipeline has it
    drawn = latents_of(base, [request], params, control)
    pipe = stock_with_adapter(folder, projection, adapter, stock)
    given = torch.stack([torch.zeros_like(embedding), embedding]) if guidance_scale > 1 else embedding[None]
    expected = pipe(
        "a fox",
        height=32,
        width=32,
        num_inference_steps=5,
        guidance_scale=guidance_scale,
        generator=generator(11),
        ip_adapter_image_embeds=[given],
        output_type="latent",
    ).images
    assert (drawn - expected).abs().max() < 1e-4
    without = latents_of(base, [ImageRequest("a fox", 11)], params)
    assert (drawn - without).abs().max() > 1e-3  # the picture matters


def test_a_control_net_equals_the_stock_pipeline(sdxl: LatentDiffusion) -> None:
    network = (
        ControlNetModel.from_unet(sdxl.denoiser, conditioning_embedding_out_channels=(16, 32))
        .eval()
        .requires_grad_(False)
    )
    rng = generator(3)
    for parameter in network.parameters():
        if not parameter.abs().sum():  # zero convolutions would hide everything
            parameter.copy_(torch.randn(parameter.shape, generator=rng) * 0.1)
    edges = Image.new("RGB", (32, 32), (200, 30, 90))
    condition = torch.tensor([200, 30, 90]).view(1, 3, 1, 1).expand(1, 3, 32, 32) / 255

    def hook(x_t, timesteps, conditioning, geometry) -> Residuals:
        ids = torch.tensor([each.time_ids() for each in geometry], dtype=torch.float32)
        added = {"text_embeds": conditioning.pooled, "time_ids": ids}
        count = len(x_t)
        down, mid = network(
            x_t,
            timesteps,
            conditioning.states,
            condition.expand(count, 3, 32, 32),
            0.5,
            added_cond_kwargs=added,
            return_dict=False,
        )
        return Residuals(tuple(down), mid)

    drawn = latents_of(sdxl, [ImageRequest("a fox", 11)], SamplingParams(4, 4.0, 32, 32, sampler="base"), hook=hook)
    plain = latents_of(sdxl, [ImageRequest("a fox", 11)], SamplingParams(4, 4.0, 32, 32, sampler="base"))
    stock = StableDiffusionXLControlNetPipeline.from_pipe(sdxl.pipe, controlnet=network)
    stock.set_progress_bar_config(disable=True)
    expected = stock(
        "a fox",
        image=edges,
        height=32,
        width=32,
        num_inference_steps=4,
        guidance_scale=4.0,
        controlnet_conditioning_scale=0.5,
        generator=generator(11),
        output_type="latent",
    ).images
    assert (drawn - expected).abs().max() < 1e-4
    assert (drawn - plain).abs().max() > 1e-3


def test_images_of_a_batch_do_not_mix(sdxl: LatentDiffusion) -> None:
    """Each row sees its own pictures: other adapters, none, several, another scale, all in one batch."""
    first, second = projections(sdxl, 0), projections(sdxl, 1)
    shown = [
        (image(sdxl, first, 1),),
        (),
        (image(sdxl, second, 2),),
        (image(sdxl, first, 3), image(sdxl, second, 4, 0.5)),
        (image(sdxl, first, 5, 0.3),),
        (image(sdxl, first, 6),),
    ]
    requests = [ImageRequest(f"thing {index}", index, images=images) for index, images in enumerate(shown)]
    together = latents_of(sdxl, requests, SamplingParams(3, 4.0, 32, 32, batch=6))
    alone = latents_of(sdxl, requests, SamplingParams(3, 4.0, 32, 32, batch=1))
    assert (together - alone).abs().max() < 1e-4
