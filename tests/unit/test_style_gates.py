"""StyleCrafter is drawn as its formula is written: out = T + (1 + s) · scale · LayerNorm(S)."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.functional import layer_norm

from image_prompts import image, latents_of, projections
from impasto.core.rng import generator, noise_for
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.models.attention_layers import attention_layers_of
from impasto.models.conditioning import Geometry
from impasto.models.image_tokens import Gating, ImageTokens, joined_tokens
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.samplers import new_scheduler

PARAMS = SamplingParams(4, 4.0, 32, 32, sampler="ddim")


def gated(base: LatentDiffusion, seed: int, norms: dict[str, nn.LayerNorm] | None = None) -> ImageTokens:
    plain, rng = image(base, projections(base), seed, scale=0.5), generator(seed)
    paths = {name: pair[0].out_features for name, pair in plain.projections.items()}
    if norms is None:
        norms = {name: nn.LayerNorm(channels).requires_grad_(False) for name, channels in paths.items()}
        for norm in norms.values():
            norm.weight.normal_(1, 0.3, generator=rng)
            norm.bias.normal_(0, 0.3, generator=rng)
    gates = {name: 1 + torch.rand(1, 1, 1, generator=rng).sub(0.5) for name in paths}
    return replace(plain, gating=Gating(norms, gates))


class WrittenOut:
    """The formula for two rows, of which the second sees the picture; maps of attention materialised."""

    def __init__(self, name: str, shown: ImageTokens) -> None:
        self.name, self.shown = name, shown

    def attended(self, attn, q, k, v):
        q, k, v = (each.unflatten(-1, (attn.heads, -1)).transpose(1, 2) for each in (q, k, v))
        maps = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1)
        return (maps @ v).transpose(1, 2).flatten(2)

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, temb=None):
        q = attn.to_q(hidden_states)
        text = self.attended(attn, q, attn.to_k(encoder_hidden_states), attn.to_v(encoder_hidden_states))
        to_k, to_v = self.shown.projections[self.name]
        tokens = self.shown.tokens
        style = self.attended(attn, q[1:], to_k(tokens), to_v(tokens))
        norm = self.shown.gating.norms[self.name]
        normed = layer_norm(style, (style.shape[-1],), norm.weight, norm.bias)
        styled = text[1:] + self.shown.gating.gates[self.name] * self.shown.scale * normed
        return attn.to_out[0](torch.cat([text[:1], styled]))


@torch.no_grad()
def written_out(base: LatentDiffusion, shown: ImageTokens) -> torch.Tensor:
    scheduler = new_scheduler(base.pipe.scheduler, "ddim")
    scheduler.set_timesteps(PARAMS.steps)
    x_t = noise_for([generator(7)], base.latent_shape(32, 32))
    words, nothing = base.encode_prompts(["a fox"]), base.encode_nothing(1, "")
    states, stock = torch.cat([nothing.states, words.states]), dict(base.denoiser.attn_processors)
    added = {"text_embeds": torch.cat([nothing.pooled, words.pooled])}
    added["time_ids"] = torch.tensor([Geometry.whole(32, 32).time_ids()] * 2, dtype=states.dtype)
    for name, layer in attention_layers_of(base.denoiser, {}).items():
        if layer.kind == "cross":
            base.denoiser.get_submodule(name).set_processor(WrittenOut(name, shown))
    for timestep in scheduler.timesteps:
        out = base.denoiser(x_t.repeat(2, 1, 1, 1), timestep, states, added_cond_kwargs=added).sample
        x_t = scheduler.step(out[:1] + 4 * (out[1:] - out[:1]), timestep, x_t).prev_sample
    base.denoiser.set_attn_processor(stock)
    return x_t


def test_equals_the_formula_written_out(sdxl: LatentDiffusion) -> None:
    shown = gated(sdxl, 1)
    drawn = latents_of(sdxl, [ImageRequest("a fox", 7, images=(shown,))], PARAMS)
    assert (drawn - written_out(sdxl, shown)).abs().max() < 1e-4
    plain = latents_of(sdxl, [ImageRequest("a fox", 7, images=(replace(shown, gating=None),))], PARAMS)
    assert (drawn - plain).abs().max() > 1e-3


def test_gates_of_rows_do_not_mix(sdxl: LatentDiffusion) -> None:
    first = gated(sdxl, 1)
    second = replace(gated(sdxl, 2, first.gating.norms), projections=first.projections)
    assert first.fits(second)
    assert not first.fits(replace(second, gating=None))
    name = next(iter(first.projections))
    joined = joined_tokens([first, second]).gating.gates[name]
    assert joined.flatten().tolist() == pytest.approx([float(each.gating.gates[name]) for each in (first, second)])
    requests = [ImageRequest("a fox", 7, images=(each,)) for each in (first, second)]
    together = latents_of(sdxl, requests, PARAMS)
    alone = torch.cat([latents_of(sdxl, [each], PARAMS) for each in requests])
    assert (together - alone).abs().max() < 1e-4


def test_gates_of_zero_are_the_words_alone(sdxl: LatentDiffusion) -> None:
    shown = gated(sdxl, 1)
    closed = Gating(shown.gating.norms, {name: 0 * gate for name, gate in shown.gating.gates.items()})
    drawn = latents_of(sdxl, [ImageRequest("a fox", 7, images=(replace(shown, gating=closed),))], PARAMS)
    assert torch.equal(drawn, latents_of(sdxl, [ImageRequest("a fox", 7)], replace(PARAMS, empty_prompt="encoded")))
