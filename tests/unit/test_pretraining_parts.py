"""The image prompt adapter and the ControlNet: stock diffusers loads what is written, as it was trained."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    StableDiffusionXLControlNetPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from PIL import Image
from pretraining import checkpoint, package
from pretraining.controlnet import edges_of, make_controlnet
from pretraining.image_prompt import FILE, FOLDER, attach_image_prompt, image_states, read_checkpoint, write_checkpoint
from pretraining.package import keep_roles, refuse_too_large, sizes, write_parts
from safetensors.torch import load_file
from tests import tiny
from torch import Tensor, nn
from transformers import CLIPImageProcessorPil, CLIPVisionConfig, CLIPVisionModelWithProjection


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tiny_pocket() -> StableDiffusionXLPipeline:
    """Pocket's parts at a tiny size, image encoder and factor 8 among them; draws pictures of 64 pixels."""
    tiny.seeded()
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8,) * 4,
        layers_per_block=1,
        norm_num_groups=4,
        mid_block_add_attention=False,
    )
    vision = CLIPVisionConfig(
        hidden_size=24,
        intermediate_size=32,
        projection_dim=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
    )
    half = [0.5] * 3
    side = {"height": 32, "width": 32}
    parts = tiny.sdxl(prediction="v_prediction").components | {
        "vae": vae.eval(),
        "image_encoder": CLIPVisionModelWithProjection(vision).eval(),
        "feature_extractor": CLIPImageProcessorPil(size=side, crop_size=side, image_mean=half, image_std=half),
    }
    pipe = StableDiffusionXLPipeline(**parts, force_zeros_for_empty_prompt=False, add_watermarker=False)
    pipe.unet.eval().requires_grad_(False)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def trained_adapter(pipe: StableDiffusionXLPipeline) -> nn.ModuleDict:
    """An adapter that is attached and no longer as it began."""
    adapter = attach_image_prompt(pipe.unet, 24, device=torch.device("cpu"))
    with torch.no_grad():
        for parameter in adapter.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=rng()))
    return adapter


@torch.no_grad()
def predict(unet: UNet2DConditionModel, states: Tensor) -> Tensor:
    added = {
        "text_embeds": torch.randn((2, 24), generator=rng(1)),
        "time_ids": torch.ones(2, 6),
        "image_embeds": [states],
    }
    x_t, words = torch.randn((2, 4, 16, 16), generator=rng(2)), torch.randn((2, 5, 40), generator=rng(3))
    return unet(x_t, torch.tensor([10, 900]), words, added_cond_kwargs=added).sample


def draw(pipe: StableDiffusionXLPipeline, **options: object) -> np.ndarray:
    return pipe(
        "a fox", height=64, width=64, num_inference_steps=2, generator=rng(5), output_type="np", **options
    ).images[0]


def test_stock_loader_reads_the_image_prompt_as_it_was_trained(tmp_path: Path) -> None:
    pipe = tiny_pocket()
    pixels = torch.rand((2, 3, 32, 32), generator=rng(4)) * 2 - 1
    states = image_states(pipe.image_encoder, pixels)
    pipe.save_pretrained(tmp_path, safe_serialization=True)
    write_checkpoint(trained_adapter(pipe), tmp_path, torch.float32)
    stock = StableDiffusionXLPipeline.from_pretrained(tmp_path)
    stock.load_ip_adapter(str(tmp_path), subfolder=FOLDER, weight_name=FILE)
    expected, loaded = predict(pipe.unet, states), predict(stock.unet, states)
    assert float((expected - loaded).abs().max()) < 1e-5
    assert float((expected - predict(stock.unet, states.flip(0))).abs().max()) > 1e-4  # the picture matters
    stock.set_progress_bar_config(disable=True)
    picture = Image.fromarray(np.full((32, 32, 3), 200, np.uint8))
    assert draw(stock, ip_adapter_image=picture).shape == (64, 64, 3)


def test_the_written_image_prompt_can_be_trained_on(tmp_path: Path) -> None:
    pipe = tiny_pocket()
    adapter = trained_adapter(pipe)
    write_checkpoint(adapter, tmp_path, torch.float32)
    again = attach_image_prompt(tiny_pocket().unet, 24, device=torch.device("cpu"))
    read_checkpoint(again, tmp_path)
    assert {name: value.tolist() for name, value in again.state_dict().items()} == {
        name: value.tolist() for name, value in adapter.state_dict().items()
    }


def test_image_prompt_without_an_encoder_in_the_pipeline(tmp_path: Path) -> None:
    pipe = tiny_pocket()
    pipe.save_pretrained(tmp_path, safe_serialization=True)
    write_checkpoint(trained_adapter(pipe), tmp_path)
    bare = StableDiffusionXLPipeline.from_pretrained(tmp_path, image_encoder=None, feature_extractor=None)
    options = {"subfolder": FOLDER, "weight_name": FILE}
    bare.load_ip_adapter(str(tmp_path), image_encoder_folder="./image_encoder", **options)
    assert bare.image_encoder is not None


def test_only_the_adapter_learns() -> None:
    pipe = tiny_pocket()
    learnt = {id(parameter) for parameter in trained_adapter(pipe).parameters()}
    assert all((id(each) in learnt) == each.requires_grad for each in pipe.unet.parameters())


def test_stock_pipeline_draws_with_the_controlnet(tmp_path: Path) -> None:
    pipe = tiny_pocket()
    control = make_controlnet(pipe.unet)
    pipe.save_pretrained(tmp_path, safe_serialization=True)
    control.save_pretrained(tmp_path / "controlnet")
    loaded = ControlNetModel.from_pretrained(tmp_path, subfolder="controlnet")
    stock = StableDiffusionXLControlNetPipeline.from_pretrained(tmp_path, controlnet=loaded)
    stock.set_progress_bar_config(disable=True)
    edges = Image.fromarray(np.eye(64, dtype=np.uint8) * 255).convert("RGB")
    plain = draw(pipe)
    np.testing.assert_array_equal(draw(stock, image=edges), plain)  # untrained, it changes nothing
    with torch.no_grad():
        for zero in (*loaded.controlnet_down_blocks, loaded.controlnet_cond_embedding.conv_out):
            zero.weight.add_(0.3)
    assert np.abs(draw(stock, image=edges) - plain).max() > 1e-4


def test_controlnet_begins_with_the_weights_of_the_base() -> None:
    unet = tiny_pocket().unet
    control = make_controlnet(unet)
    shared = [name for name in control.state_dict() if name in unet.state_dict()]
    assert {"conv_in.weight", "down_blocks.1.resnets.0.conv1.weight", "mid_block.resnets.0.conv1.weight"} <= set(shared)
    assert all(torch.equal(control.state_dict()[name], unet.state_dict()[name]) for name in shared)
    assert not any("attn" in name for name in control.state_dict())


def test_edges_are_lines_of_three_channels() -> None:
    picture = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    picture[:, 0, :, 16:] = 255
    edges = edges_of(picture)
    assert edges.shape == (1, 3, 32, 32)
    assert set(edges.unique().tolist()) == {0.0, 1.0}
    assert edges[0, 0, 8].nonzero().flatten().tolist() in ([15], [16])


def save_parts(stages: Path, pipe: StableDiffusionXLPipeline) -> None:
    """Save both parts as their stages do, without moments."""
    control, adapter = make_controlnet(pipe.unet), trained_adapter(pipe)
    for name, key, module in (("controlnet", "controlnet", control), ("image_prompt", "adapter", adapter)):
        optimizer = torch.optim.AdamW(module.parameters())
        checkpoint.save_stage(name, {key: module}, optimizer, {"step": 1, "seconds": 0})
    assert sorted(path.name for path in stages.iterdir()) == ["controlnet", "image_prompt"]


def test_package_has_the_parts_that_are_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "STAGES", tmp_path / "stages")
    model = tmp_path / "pocket" / "model"
    assert write_parts(tiny_pocket(), model) == ["controlnet", "image_prompt"]
    assert not model.exists()
    save_parts(tmp_path / "stages", tiny_pocket())
    pipe = tiny_pocket()
    pipe.save_pretrained(model, safe_serialization=True)
    assert write_parts(pipe, model) == []
    for path in (*model.glob("controlnet/*.safetensors"), model / FOLDER / FILE):
        assert {value.dtype for value in load_file(path).values()} == {torch.float16}
    assert ControlNetModel.from_pretrained(model, subfolder="controlnet").config.mid_block_type == "UNetMidBlock2D"
    StableDiffusionXLPipeline.from_pretrained(model).load_ip_adapter(str(model), subfolder=FOLDER, weight_name=FILE)
    parts = sizes(model)
    assert parts[FOLDER] > 1000
    assert sum(parts.values()) == sum(path.stat().st_size for path in model.rglob("*") if path.is_file())


def test_too_large_a_package_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in (("packs/a", 30), ("model/old", 500), (".model.new/new", 60)):
        path = tmp_path / name
        path.parent.mkdir()
        path.write_bytes(b"0" * size)
    monkeypatch.setattr(package, "LIMIT", 90)
    assert refuse_too_large(tmp_path / ".model.new", tmp_path) == 90  # the old model is replaced
    monkeypatch.setattr(package, "LIMIT", 89)
    with pytest.raises(SystemExit, match="nothing was replaced"):
        refuse_too_large(tmp_path / ".model.new", tmp_path)


def test_roles_stay_with_the_unet_that_they_were_measured_on(tmp_path: Path) -> None:
    for name, weights in (("packaged", b"one"), ("same", b"one"), ("other", b"two")):
        (tmp_path / name / "unet").mkdir(parents=True)
        (tmp_path / name / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(weights)
    keep_roles(tmp_path / "same", tmp_path / "packaged")  # none are known yet
    (tmp_path / "packaged" / "roles.json").write_text("{}")
    keep_roles(tmp_path / "same", tmp_path / "packaged")
    keep_roles(tmp_path / "other", tmp_path / "packaged")
    assert [(tmp_path / name / "roles.json").exists() for name in ("same", "other")] == [True, False]
