"""The three configurations of StyleStudio's official scripts, on a small random SDXL in float64: equal to 1e-5.

Their formulas are written out here: four rows, maps of attention materialised, no epsilon, layers counted as the files
count them. The settings are those of the presets that are named after the scripts.
"""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn.functional import layer_norm

import small_adapters
from image_prompts import double, latents_of
from impasto.cli.commands.transfer import read_options
from impasto.core.rng import generator, noise_for
from impasto.data.images import read_picture
from impasto.generation.requests import ImageRequest
from impasto.generation.text_to_image import sampling_params_of
from impasto.generation.transfer_references import ReadReference, ReferenceStyle, open_adapter
from impasto.models.conditioning import Geometry
from impasto.models.open import open_base
from impasto.models.samplers import new_scheduler

PROMPT, SEED, STEPS = "a red apple", 7, 10
UNCONDITIONAL_TEACHER, UNCONDITIONAL_STUDENT, TEACHER, STUDENT = range(4)

SCRIPTS = {
    "infer_StyleStudio": ("CSGO", "up_blocks.", 4),
    "infer_InstantStyle": ("IP-Adapter", "up_blocks.0.attentions.1.", 4),
    "stylecrafter_teacherModel": ("StyleCrafter", "", 2),
}
"""Adapter, blocks that see the picture, and how many of ten steps have a teacher (20, 20 and 10 of 50)."""


class Official:
    """The processor of one layer."""

    def __init__(self, is_cross: bool, mix, state: dict[str, int]) -> None:
        self.is_cross, self.mix, self.state = is_cross, mix, state

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, temb=None):
        context = encoder_hidden_states if self.is_cross else hidden_states
        q = attn.to_q(hidden_states)
        maps = softmax_of(attn, q, attn.to_k(context))
        if not self.is_cross and self.state["step"] < self.state["end_fusion"]:
            maps[UNCONDITIONAL_STUDENT], maps[STUDENT] = maps[UNCONDITIONAL_TEACHER], maps[TEACHER]
        out = applied(attn, maps, attn.to_v(context))
        if self.mix is not None:
            mixed = self.mix(attn, q, out)
            out[UNCONDITIONAL_STUDENT], out[STUDENT] = mixed[UNCONDITIONAL_STUDENT], mixed[STUDENT]
        return attn.to_out[0](out)


def softmax_of(attn, q, k):
    q, k = (each.unflatten(-1, (attn.heads, -1)).transpose(1, 2) for each in (q, k))
    return (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1)


def applied(attn, maps, v):
    return (maps @ v.unflatten(-1, (attn.heads, -1)).transpose(1, 2)).transpose(1, 2).flatten(2)


def attended(attn, q, tokens, to_k, to_v):
    return applied(attn, softmax_of(attn, q, tokens @ to_k.T), tokens @ to_v.T)


def cross_modal_adain(tensors, number, tokens):
    """σ(S) (T - μ(T)) / σ(T) + μ(S), torch's own standard deviation over the tokens."""
    to_k, to_v = (tensors[f"ip_adapter.{number}.{part}.weight"].double() for part in ("to_k_ip", "to_v_ip"))

    def mix(attn, q, text):
        style = attended(attn, q, tokens, to_k, to_v)
        normal = (text - text.mean(1, keepdim=True)) / text.std(1, keepdim=True)
        return style.std(1, keepdim=True) * normal + style.mean(1, keepdim=True)

    return mix


def stylecrafter(tensors, number, tokens, gate):
    """T + (1 + s) · 0.5 · LayerNorm(S), and nothing in the unconditional rows."""
    name = f"kv_attn_layers.{number}"
    to_k, to_v = (tensors[f"{name}.{part}.weight"].double() for part in ("to_k_style", "to_v_style"))
    weight, bias = (tensors[f"{name}.norm_style.{part}"].double() for part in ("weight", "bias"))

    def mix(attn, q, text):
        style = layer_norm(attended(attn, q, tokens, to_k, to_v), (len(weight),), weight, bias)
        mixed = text + gate * 0.5 * style
        mixed[UNCONDITIONAL_STUDENT] = text[UNCONDITIONAL_STUDENT]
        return mixed

    return mix


@torch.no_grad()
def official(base, tensors, script, shown, negative) -> torch.Tensor:
    """Return the final latents of the stylised picture."""
    adapter, blocks, end_fusion = SCRIPTS[script]
    state = {"step": 0, "end_fusion": end_fusion}
    tokens = torch.cat([negative.tokens, negative.tokens, shown.tokens, shown.tokens])
    scheduler = new_scheduler(base.pipe.scheduler, "base")
    scheduler.set_timesteps(STEPS)
    noise = noise_for([generator(SEED)], base.latent_shape(32, 32)).to(base.dtype)
    x_t = noise.repeat(2, 1, 1, 1) * scheduler.init_noise_sigma  # the teacher begins where the student does
    nothing, words = base.encode_prompts([""]).rows([0, 0]), base.encode_prompts([PROMPT]).rows([0, 0])
    states = torch.cat([nothing.states, words.states])
    added = {"text_embeds": torch.cat([nothing.pooled, words.pooled])}
    added["time_ids"] = torch.tensor([Geometry.whole(32, 32).time_ids()] * 4, dtype=states.dtype)
    stock = dict(base.denoiser.attn_processors)
    num_mixed = 0
    for number, path in enumerate(stock):
        layer, mix = path.removesuffix(".processor"), None
        if number % 2 and layer.startswith(blocks):
            num_mixed += 1
            gate = None if shown.gating is None else shown.gating.gates[layer]
            if adapter == "StyleCrafter":
                mix = stylecrafter(tensors, number, tokens, gate)
            else:
                mix = cross_modal_adain(tensors, number, tokens)
        base.denoiser.get_submodule(layer).set_processor(Official(bool(number % 2), mix, state))
    assert 0 < num_mixed <= len(stock) // 2
    try:
        for step, timestep in enumerate(scheduler.timesteps):
            state["step"] = step
            given = scheduler.scale_model_input(x_t, timestep)
            out = base.denoiser(given.repeat(2, 1, 1, 1), timestep, states, added_cond_kwargs=added).sample
            guided = out[:2] + 5.0 * (out[2:] - out[:2])
            x_t = scheduler.step(guided, timestep, x_t).prev_sample
    finally:
        base.denoiser.set_attn_processor(stock)
    return x_t[1:]


@pytest.mark.parametrize("script", SCRIPTS)
def test_preset_equals_the_script(script: str, tiny_folders: dict[str, Path], tmp_path: Path) -> None:
    folder, adapter = tiny_folders["sdxl"], SCRIPTS[script][0]
    base = double(open_base(str(folder), device="cpu"))
    tensors = small_adapters.MAKERS[adapter](base.denoiser)
    file = small_adapters.save(tensors, tmp_path / "adapter.safetensors")
    small_adapters.encoder_folder(tmp_path / "image_encoder", states=64 if adapter == "StyleCrafter" else 32)
    small_adapters.picture(1).save(tmp_path / "style.png")
    given = [str(tmp_path / "style.png"), "--prompt", PROMPT, "--base", str(folder), "--adapter", str(file)]
    options, control = read_options([*given, "--preset", script])
    assert (options.steps, options.guidance_scale, options.negative_style) == (50, 5.0, "")
    opened, _ = open_adapter(options, base)
    params = sampling_params_of(options, 32, 32, 1.0)
    params = replace(params, steps=STEPS, style_guidance_scale=options.style_guidance_scale)
    reference = ReadReference(read_picture(tmp_path / "style.png"), None)
    told = ReferenceStyle(base, opened, [reference], [], options, params).shown(PROMPT)
    request = ImageRequest(PROMPT, SEED, images=told.images, negative_images=told.negative)
    ours = latents_of(base, [request], params, control)
    expected = official(base, tensors, script, told.images[0], told.negative[0])
    assert (ours - expected).abs().max() < 1e-5 * expected.abs().max()
    plain = latents_of(base, [ImageRequest(PROMPT, SEED)], replace(params, style_guidance_scale=None))
    assert (ours - plain).abs().max() > 1e-2 * expected.abs().max()
