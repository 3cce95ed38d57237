"""Previews: the map is the least-squares one, x_0 is the sampler's own, and the pictures stay the same."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from diffusers import DPMSolverMultistepScheduler
from torch.nn import functional as F

from image_prompts import image, projections
from impasto.controls.style_studio import StyleStudio, StyleStudioSettings
from impasto.core.rng import generator
from impasto.diffusion.branches import TEXT
from impasto.diffusion.guidance import Guidance
from impasto.diffusion.sampling import begin, denoise
from impasto.generation.draw import draw, draw_with_previews
from impasto.generation.previews import Preview, Previews
from impasto.generation.requests import Guides, ImageRequest, SamplingParams
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.preview import LatentColours, fitted_colours, latent_colours, smooth_latents
from impasto.models.samplers import new_scheduler

PARAMS = SamplingParams(5, 3.0, 32, 32, batch=2)
THREE = [ImageRequest("a fox", 0), ImageRequest("a hut", 1), ImageRequest("a fox", 2)]


def test_what_the_map_leaves_over_is_orthogonal_to_the_latents(base: LatentDiffusion) -> None:
    z = smooth_latents(4)
    left = F.avg_pool2d(base.decode(z), base.factor) - unclamped(latent_colours(base), z)
    with_one = torch.cat([z, torch.ones_like(z[:, :1])], dim=1)
    assert torch.einsum("nchw,ndhw->cd", with_one, left).abs().max() < 1e-3 * left.abs().sum().clamp(min=1)


def unclamped(colours: LatentColours, z: torch.Tensor) -> torch.Tensor:
    return torch.einsum("dc,nchw->ndhw", colours.matrix, z) + colours.offset.view(1, 3, 1, 1)


def test_a_decoder_that_is_linear_is_found_exactly(sdxl: LatentDiffusion, monkeypatch: pytest.MonkeyPatch) -> None:
    known = LatentColours(0.1 * torch.randn((3, 4), generator=generator(1)), torch.tensor([0.1, -0.2, 0.0]))

    def decode(latents: torch.Tensor) -> torch.Tensor:
        return F.interpolate(unclamped(known, latents), scale_factor=sdxl.factor)

    monkeypatch.setattr(sdxl, "decode", decode)
    found = fitted_colours(sdxl)
    torch.testing.assert_close(found.matrix, known.matrix, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.offset, known.offset, rtol=1e-4, atol=1e-5)


def test_the_map_is_the_same_each_time_and_gives_pictures(base: LatentDiffusion) -> None:
    first, second = fitted_colours(base), fitted_colours(base)
    assert latent_colours(base) is latent_colours(base), "fitted once: drawings do not wait for it"
    torch.testing.assert_close((first.matrix, first.offset), (second.matrix, second.offset), rtol=1e-4, atol=1e-5)
    shown = first(100 * torch.randn((2, 4, 8, 6), generator=generator(0)))
    assert shown.shape == (2, 3, 8, 6)
    assert shown.abs().max() <= 1


def own_x_0(scheduler, answer: torch.Tensor, timestep: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
    """Ask a sampler what it takes for x_0."""
    if isinstance(scheduler, DPMSolverMultistepScheduler):
        if scheduler.step_index is None:
            scheduler._init_step_index(timestep)
        return scheduler.convert_model_output(answer, sample=latents)
    return scheduler.step(answer, timestep, latents).pred_original_sample


@pytest.mark.parametrize("sampler", ["dpm++", "ddim", "euler", "lightning"])
def test_the_clean_latents_are_those_of_the_sampler_itself(base: LatentDiffusion, sampler: str) -> None:
    scheduler = new_scheduler(base.pipe.scheduler, sampler)
    noise = torch.randn((2, 4, 8, 8), generator=generator(0))
    start = begin(scheduler, 4, noise, None, 1.0)
    before, twins, answers = [start.latents], [], []

    def predict(inputs, step):
        twins.append(deepcopy(scheduler))
        answers.append(torch.tanh(inputs[TEXT]))
        return {TEXT: answers[-1]}

    for denoised in denoise(scheduler, predict, start, guidance=Guidance(1.0), rngs=[generator(1), generator(2)]):
        index = denoised.step.index
        expected = own_x_0(twins[index], answers[index], start.timesteps[index], before[-1])
        torch.testing.assert_close(denoised.x_0(base.process), expected, rtol=1e-3, atol=1e-3)
        before.append(denoised.latents)
    assert len(before) == 5


def test_previews_come_every_so_many_steps_and_pictures_are_what_they_were(base: LatentDiffusion) -> None:
    shown = list(draw_with_previews(base, THREE, PARAMS, Guides(), Previews(2, latent_colours(base))))
    previews = [each for each in shown if isinstance(each, Preview)]
    assert [(each.step.index + 1, len(each.images)) for each in previews] == [(2, 2), (4, 2), (2, 1), (4, 1)]
    assert previews[0].requests == tuple(THREE[:2])
    assert {picture.size for each in previews for picture in each.images} == {(16, 16)}
    pictures = [each for each in shown if not isinstance(each, Preview)]
    for (request, found), (_, expected) in zip(pictures, draw(base, THREE, PARAMS), strict=True):
        assert np.array_equal(np.asarray(found), np.asarray(expected)), request


def test_none_is_made_of_the_last_step(sdxl: LatentDiffusion) -> None:
    shown = list(draw_with_previews(sdxl, THREE[:1], PARAMS, Guides(), Previews(5, latent_colours(sdxl))))
    assert not [each for each in shown if isinstance(each, Preview)]


def test_leaving_at_a_preview_leaves_the_base_as_it_was(sdxl: LatentDiffusion) -> None:
    before = dict(sdxl.denoiser.attn_processors)
    request = ImageRequest("a fox", 0, images=(image(sdxl, projections(sdxl), 1),))
    guides = Guides(StyleStudio(StyleStudioSettings(teacher=0.0)))
    stream = draw_with_previews(sdxl, [request], PARAMS, guides, Previews(1, latent_colours(sdxl)))
    assert isinstance(next(stream), Preview)
    assert torch.is_grad_enabled()  # what drawing switches off is on while a caller looks
    stream.close()
    assert all(sdxl.denoiser.attn_processors[name] is own for name, own in before.items())
