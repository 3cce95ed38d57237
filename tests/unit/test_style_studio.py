"""StyleStudio is exact: against explicit maps, against plain runs, and against the defects of the official code.

D1 to D12 are those found by reading the official code; what concerns controls is tested here.
"""

from dataclasses import replace
from functools import partial

import pytest
import torch

from image_prompts import Projections, double, image, latents_of, projections
from impasto.controls.style_studio import StyleStudio, StyleStudioSettings
from impasto.core.rng import generator, noise_for
from impasto.data.images import to_image
from impasto.diffusion.adain import epsilon_of
from impasto.diffusion.branches import side_by_side
from impasto.diffusion.sampling import Denoised, denoise
from impasto.diffusion.step import Step
from impasto.generation.requests import ImageRequest
from impasto.generation.requests import SamplingParams as AnyParams
from impasto.models.attention_layers import AttentionLayer, attention_layers_of
from impasto.models.conditioning import Geometry
from impasto.models.control import Control as PlainControl
from impasto.models.controlled import controlled
from impasto.models.forward_context import Attended, ForwardContext
from impasto.models.image_tokens import ImageTokens
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.samplers import new_scheduler

SamplingParams = partial(AnyParams, empty_prompt="encoded")  # so that plain runs differ in the style alone
PARAMS = SamplingParams(5, 4.0, 32, 32, sampler="ddim", batch=8)
PROMPT = "a fox on a hill"


def studio(**settings: object) -> StyleStudio:
    return StyleStudio(StyleStudioSettings(**settings))


def request(base: LatentDiffusion, adapter: Projections, style: int = 1, seed: int = 7, **changes) -> ImageRequest:
    return ImageRequest(PROMPT, seed, images=(image(base, adapter, style),), **changes)


class ExplicitMaps:
    """The official way for one picture: four rows, maps of attention materialised, teacher rows overwritten.

    Rows: unconditional teacher, unconditional student, teacher, student.
    """

    def __init__(
        self, name: str, kind: str, adapter: Projections, tokens: torch.Tensor, state: dict[str, bool]
    ) -> None:
        self.name, self.kind, self.adapter, self.tokens, self.state = name, kind, adapter, tokens, state

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, temb=None):
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        q, k, v = attn.to_q(hidden_states), attn.to_k(context), attn.to_v(context)
        maps = self.maps(attn, q, k)
        if self.kind == "self" and self.state["teacher"]:
            maps = maps[[0, 0, 2, 2]]
        text = self.applied(attn, maps, v)
        if self.kind == "cross":
            to_k, to_v = self.adapter[self.name]
            style = self.applied(attn, self.maps(attn, q, to_k(self.tokens)), to_v(self.tokens))
            spread = (text.var(1, keepdim=True, unbiased=False) + epsilon_of(text.dtype)).sqrt()
            mixed = style.std(1, keepdim=True, unbiased=False) * (text - text.mean(1, keepdim=True)) / spread
            mixed = mixed + style.mean(1, keepdim=True)
            text = torch.stack([text[0], mixed[1], text[2], mixed[3]])
        return attn.to_out[0](text)

    @staticmethod
    def maps(attn, q, k):
        q, k = (each.unflatten(-1, (attn.heads, -1)).transpose(1, 2) for each in (q, k))
        return (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1)

    @staticmethod
    def applied(attn, maps, v):
        return (maps @ v.unflatten(-1, (attn.heads, -1)).transpose(1, 2)).transpose(1, 2).flatten(2)


@torch.no_grad()
def explicit_run(base: LatentDiffusion, shown: ImageRequest, teacher_steps: int) -> torch.Tensor:
    """Return the final latents of (teacher, student), by the official way and a loop of its own."""
    adapter = shown.images[0].projections
    positive, negative = shown.images[0].tokens, shown.negative_images[0].tokens
    tokens, state = torch.cat([negative, negative, positive, positive]), {"teacher": True}
    scheduler = new_scheduler(base.pipe.scheduler, "ddim")
    scheduler.set_timesteps(PARAMS.steps)
    x_t = noise_for([generator(shown.seed)], base.latent_shape(32, 32)).to(base.dtype).repeat(2, 1, 1, 1)
    words = base.encode_prompts([shown.prompt]).rows([0, 0])
    nothing = base.encode_nothing(2, "")
    states = torch.cat([nothing.states, words.states])
    added = {"text_embeds": torch.cat([nothing.pooled, words.pooled])}
    added["time_ids"] = torch.tensor([Geometry.whole(32, 32).time_ids()] * 4, dtype=states.dtype)
    stock = dict(base.denoiser.attn_processors)
    try:
        for name, layer in attention_layers_of(base.denoiser, {}).items():
            base.denoiser.get_submodule(name).set_processor(ExplicitMaps(name, layer.kind, adapter, tokens, state))
        for index, timestep in enumerate(scheduler.timesteps):
            state["teacher"] = index < teacher_steps
            out = base.denoiser(x_t.repeat(2, 1, 1, 1), timestep, states, added_cond_kwargs=added).sample
            guided = out[:2] + PARAMS.guidance_scale * (out[2:] - out[:2])
            x_t = scheduler.step(guided, timestep, x_t).prev_sample
    finally:
        base.denoiser.set_attn_processor(stock)
    return x_t


@pytest.mark.parametrize(("fraction", "steps"), [(0.0, 0), (0.4, 2), (1.0, 5)])
def test_equals_explicit_map_sharing(sdxl: LatentDiffusion, fraction: float, steps: int) -> None:
    """AdaIN, teacher and style-based guidance together, float64, every step of a run: 1e-10."""
    base = double(sdxl)
    adapter = projections(base)
    shown = request(base, adapter, negative_images=(image(base, adapter, 9),))
    expected = explicit_run(base, shown, steps)
    ours = latents_of(base, [shown], PARAMS, studio(teacher=fraction))
    assert (ours[0] - expected[1]).abs().max() < 1e-10
    plain = latents_of(base, [ImageRequest(PROMPT, 7)], PARAMS)
    assert (plain[0] - expected[0]).abs().max() < 1e-10  # the teacher is a plain run
    assert (ours - plain).abs().max() > 1e-3


@pytest.mark.parametrize("mix", ["adain", "adain_sum", "sum"])
def test_strength_zero_is_the_text_only_model_bit_for_bit(base: LatentDiffusion, mix: str) -> None:
    adapter = projections(base)
    for params in (PARAMS, SamplingParams(4, 1.0, 32, 32)):
        plain = latents_of(base, [ImageRequest(PROMPT, 7)], params)
        drawn = latents_of(base, [request(base, adapter)], params, studio(mix=mix, strength=0.0))
        assert torch.equal(drawn, plain)


def test_strength_moves_away_from_the_words_evenly(sdxl: LatentDiffusion) -> None:
    adapter = projections(sdxl)
    plain = latents_of(sdxl, [ImageRequest(PROMPT, 7)], PARAMS)
    distances = [
        (latents_of(sdxl, [request(sdxl, adapter)], PARAMS, studio(strength=strength, teacher=0)) - plain).norm()
        for strength in (1e-3, 2e-3, 0.5, 1.0)
    ]
    assert distances[1] / distances[0] == pytest.approx(2, rel=0.05)
    assert 0 < distances[1] < distances[2] < distances[3]


def test_plain_sum_without_teacher_is_the_plain_image_prompt(sdxl: LatentDiffusion) -> None:
    """And a student is a plain style run when the teacher's window is empty."""
    adapter = projections(sdxl)
    shown = request(sdxl, adapter, negative_images=(image(sdxl, adapter, 3),))
    assert torch.equal(
        latents_of(sdxl, [shown], PARAMS, studio(mix="sum", teacher=0)), latents_of(sdxl, [shown], PARAMS)
    )


class Watched(StyleStudio):
    """Notes how many rows each step has; may keep the teacher in the batch although its window is over."""

    stays = False

    def __init__(self, settings: StyleStudioSettings) -> None:
        super().__init__(settings)
        self.seen: dict[int, int] = {}

    def rows(self) -> list[int]:
        return [self.seen[index] for index in sorted(self.seen)]

    @property
    def teacher(self) -> float:
        return 1.0 if self.stays and self.settings.teacher else super().teacher

    def counterpart(self, layer, context):
        self.seen[context.step.index] = len(context.branches)
        is_over = not context.step.is_within((0.0, self.settings.teacher))
        return None if is_over else super().counterpart(layer, context)


class Keeping(Watched):
    stays = True


@pytest.mark.parametrize("sampler", ["ddim", "dpm++", "euler"])
@pytest.mark.parametrize("guidance_scale", [1.0, 4.0])
def test_teacher_branch_equals_a_plain_run(
    sdxl: LatentDiffusion, sampler: str, guidance_scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Step by step, for two prompts and three styles, although styles and negative styles share its batch."""
    adapter = projections(double(sdxl))
    negative = (image(sdxl, adapter, 9),)
    requests = [request(sdxl, adapter, style, negative_images=negative) for style in (1, 2, 3)]
    requests.append(ImageRequest("castle", 8, images=(image(sdxl, adapter, 1),), negative_images=negative))
    params = SamplingParams(5, guidance_scale, 32, 32, sampler=sampler)
    steps: list[Denoised] = []

    def recording(*args, **kwargs):
        for denoised in denoise(*args, **kwargs):
            steps.append(denoised)
            yield denoised

    monkeypatch.setattr("impasto.generation.draw.denoise", recording)
    latents_of(sdxl, requests, params, studio(teacher=0.6))
    latents_of(sdxl, [ImageRequest(PROMPT, 7), ImageRequest("castle", 8)], params)
    styled, plain = steps[:5], steps[5:]
    assert [bool(each.beside) for each in styled] == [True, True, True, False, False]
    for ours, expected in zip(styled[:3], plain, strict=False):
        assert (ours.beside["teacher"] - expected.latents).abs().max() < (1e-9 if sampler == "ddim" else 1e-5)


@pytest.mark.parametrize("sampler", ["ddim", "dpm++", "euler", "base"])
def test_dropping_the_teacher_early_equals_keeping_it(sdxl: LatentDiffusion, sampler: str) -> None:
    params = SamplingParams(5, 4.0, 32, 32, sampler=sampler)
    shown = request(sdxl, projections(sdxl))
    dropping, keeping = Watched(StyleStudioSettings(teacher=0.4)), Keeping(StyleStudioSettings(teacher=0.4))
    dropped, kept = latents_of(sdxl, [shown], params, dropping), latents_of(sdxl, [shown], params, keeping)
    assert (dropped - kept).abs().max() < 1e-4
    assert dropping.rows() == [4, 4, 2, 2, 2]
    assert keeping.rows() == [4] * 5


@pytest.mark.parametrize("sampler", ["ddim", "dpm++", "euler"])
@pytest.mark.parametrize("guidance_scale", [1.0, 4.0])
def test_many_styles_and_prompts_in_one_batch_equal_single_runs(
    sdxl: LatentDiffusion, sampler: str, guidance_scale: float
) -> None:
    """Three styles of one prompt and seed, another seed, another prompt, a picture without style: D6, D7."""
    adapter = projections(double(sdxl))
    requests = [request(sdxl, adapter, style) for style in (1, 2, 3)]
    requests += [request(sdxl, adapter, 1, seed=8), ImageRequest("castle", 7, images=(image(sdxl, adapter, 2),))]
    requests += [ImageRequest(PROMPT, 7)]
    params = SamplingParams(4, guidance_scale, 32, 32, sampler=sampler, batch=6)
    control = Watched(StyleStudioSettings())
    together = latents_of(sdxl, requests, params, control)
    branches = 2 if guidance_scale > 1 else 1
    with_teacher, without = branches * (6 + 3), branches * 6  # one teacher serves four
    assert control.rows() == [with_teacher, with_teacher, without, without]
    for index, each in enumerate(requests):
        alone = latents_of(sdxl, [each], params, studio() if each.images else None)
        assert (together[index] - alone[0]).abs().max() < (1e-9 if sampler == "ddim" else 1e-5), index
    assert (together[0] - together[1]).abs().max() > 1e-3


def test_samplers_that_add_noise_give_the_teacher_the_same_noise(sdxl: LatentDiffusion) -> None:
    """A student that sees no picture is its teacher, whatever noise is added on the way."""
    from diffusers import EulerAncestralDiscreteScheduler

    sdxl.pipe.scheduler = EulerAncestralDiscreteScheduler.from_config(sdxl.pipe.scheduler.config)
    adapter = projections(sdxl)
    silent = ImageRequest(PROMPT, 7, images=(image(sdxl, adapter, 1, scale=0.0),))
    params = SamplingParams(4, 4.0, 32, 32, sampler="base")
    drawn = latents_of(sdxl, [silent], params, studio(teacher=1.0))
    assert (drawn - latents_of(sdxl, [ImageRequest(PROMPT, 7)], params)).abs().max() < 1e-4


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_few_steps_and_no_guidance(sdxl: LatentDiffusion, steps: int) -> None:
    params = SamplingParams(steps, 1.0, 32, 32, sampler="euler")
    control = Watched(StyleStudioSettings(teacher=0.4))
    assert torch.isfinite(latents_of(sdxl, [request(sdxl, projections(sdxl))], params, control)).all()
    assert control.rows() == [2] * {1: 1, 2: 1, 4: 2}[steps] + [1] * {1: 0, 2: 1, 4: 2}[steps]


def test_stylising_a_picture(sdxl: LatentDiffusion) -> None:
    """The teacher begins from the same noised picture; requests with other starts do not share it."""
    adapter = projections(double(sdxl))
    starts = [to_image(torch.rand((3, 32, 32), generator=generator(seed)) * 2 - 1) for seed in (0, 1)]
    params = SamplingParams(6, 4.0, 32, 32, strength=0.7, sampler="dpm++")
    requests = [request(sdxl, adapter, start=start) for start in starts]
    control = Watched(StyleStudioSettings(teacher=0.5))
    together = latents_of(sdxl, requests, params, control)
    assert control.rows() == [8, 8, 4, 4]  # half of the four steps that are run
    for index, each in enumerate(requests):
        alone = latents_of(sdxl, [each], params, studio(teacher=0.5))
        assert (together[index] - alone[0]).abs().max() < 1e-5


def test_d1_d2_d4_d5_the_window_is_read_from_the_loop(sdxl: LatentDiffusion) -> None:
    """Changing steps or window between two runs of one process changes the right steps, and only once a run."""
    adapter = projections(sdxl)
    for steps, fraction, expected in ((10, 0.2, 2), (5, 0.4, 2), (6, 0.5, 3), (4, 0.0, 0)):
        control = Watched(StyleStudioSettings(teacher=fraction))
        latents_of(sdxl, [request(sdxl, adapter)], SamplingParams(steps, 4.0, 32, 32), control)
        assert control.rows() == [4] * expected + [2] * (steps - expected)


def test_d3_the_scale_of_a_picture_has_an_effect(sdxl: LatentDiffusion) -> None:
    adapter = projections(sdxl)
    for mix in ("adain", "sum"):
        half, full = (
            latents_of(
                sdxl, [ImageRequest(PROMPT, 7, images=(image(sdxl, adapter, 1, scale),))], PARAMS, studio(mix=mix)
            )
            for scale in (0.5, 1.0)
        )
        assert (half - full).abs().max() > 1e-3


def test_d6_a_batch_of_four_rows_is_like_any_other(sdxl: LatentDiffusion) -> None:
    adapter = projections(double(sdxl))
    requests = [request(sdxl, adapter, style) for style in (1, 2)]
    control = studio(teacher=0)
    together = latents_of(sdxl, requests, PARAMS, control)
    plain = latents_of(sdxl, [ImageRequest(PROMPT, 7)], PARAMS)
    for index, each in enumerate(requests):
        assert (together[index] - latents_of(sdxl, [each], PARAMS, control)[0]).abs().max() < 1e-9
        assert (together[index] - plain[0]).abs().max() > 1e-3


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_adain_of_the_sum_has_its_statistics_and_the_layout_of_the_words(scale: float) -> None:
    rng = generator(3)
    text, style = (torch.randn(2, 40, 5, generator=rng).double() for _ in range(2))
    context = ForwardContext(Step(0, 4, 1.0), side_by_side({"text": 2}, {}))

    def joined(strength: float, scale: float) -> torch.Tensor:
        control = studio(mix="adain_sum", strength=strength)
        return control.combine(AttentionLayer("x", "cross"), context, text, [Attended(style, scale)])

    whole, target = joined(1.0, scale), text + scale * style
    assert (whole.mean(1) - target.mean(1)).abs().max() < 1e-12
    assert (whole.std(1) / target.std(1) - 1).abs().max() < 1e-5
    layouts = [each - each.mean(1, keepdim=True) for each in (whole, text)]
    assert torch.cosine_similarity(*layouts, dim=1).min() > 1 - 1e-12
    assert (joined(0.5, scale) - (text + whole) / 2).abs().max() < 1e-12
    assert torch.equal(joined(1.0, 0.0), text)
    shifted = studio(mix="adain_sum").combine(
        AttentionLayer("x", "cross"), context, text, [Attended(style[:, :1].expand_as(text), 1.0)]
    )
    assert (shifted - text - style[:, :1]).abs().max() < 1e-5  # a style that is a shift is added as it is


def test_two_references_blend(sdxl: LatentDiffusion) -> None:
    """Weights (1, 0) and (0, 1) are the single references; a doubled reference with halves is the reference."""
    adapter = projections(double(sdxl))  # AdaIN without a floor magnifies what float32 rounds

    params = replace(PARAMS, steps=2)

    def drawn(*images: ImageTokens) -> torch.Tensor:
        return latents_of(sdxl, [ImageRequest(PROMPT, 7, images=images)], params, studio())

    first, second = image(sdxl, adapter, 1), image(sdxl, adapter, 2)
    assert torch.equal(drawn(first, image(sdxl, adapter, 2, 0.0)), drawn(first))
    half = image(sdxl, adapter, 1, 0.5)
    assert (drawn(half, half) - drawn(first)).abs().max() < 1e-4
    assert (drawn(half, image(sdxl, adapter, 2, 0.5)) - drawn(first)).abs().max() > 1e-3
    assert (drawn(first) - drawn(second)).abs().max() > 1e-3


def test_style_window(sdxl: LatentDiffusion) -> None:
    """Outside its window the style picture is not shown: the first steps of a late window are those of the words."""
    adapter = projections(sdxl)
    shown, plain = request(sdxl, adapter), ImageRequest(PROMPT, 7)
    early, late = (studio(window=window, teacher=0) for window in ((0.0, 0.5), (0.5, 1.0)))
    drawn = [latents_of(sdxl, [shown], PARAMS, each) for each in (early, late, studio(teacher=0))]
    drawn.append(latents_of(sdxl, [plain], PARAMS))
    for index, one in enumerate(drawn):
        assert all((one - other).abs().max() > 1e-4 for other in drawn[index + 1 :])


def test_negative_style_is_guidance_over_branches(sdxl: LatentDiffusion) -> None:
    """ε = (1 + w) ε(words⁺, style⁺) - w ε(words⁻, style⁻): linear in the scale, one step, by hand."""
    adapter = projections(sdxl)
    positive, negative = image(sdxl, adapter, 1), image(sdxl, adapter, 2)
    request_ = ImageRequest(PROMPT, 7, images=(positive,), negative_images=(negative,))
    one, two, three = (
        latents_of(sdxl, [request_], SamplingParams(1, scale, 32, 32, sampler="euler"), studio(teacher=0))
        for scale in (2, 3, 4)
    )
    torch.testing.assert_close(two - one, three - two, rtol=0, atol=1e-3)  # of latents of about 30
    other = ImageRequest(PROMPT, 7, images=(positive,), negative_images=(image(sdxl, adapter, 3),))
    assert (
        latents_of(sdxl, [other], PARAMS, studio()) - latents_of(sdxl, [request_], PARAMS, studio())
    ).abs().max() > 1e-3


def test_two_scales(sdxl: LatentDiffusion) -> None:
    """Equal scales are one scale; a style scale of 0 is the words alone."""
    adapter = projections(sdxl)
    shown = request(sdxl, adapter)

    def drawn(style_scale: float | None, control: StyleStudio | None) -> torch.Tensor:
        params = SamplingParams(4, 4.0, 32, 32, sampler="ddim", style_guidance_scale=style_scale)
        return latents_of(sdxl, [shown], params, control)

    plain = latents_of(sdxl, [ImageRequest(PROMPT, 7)], SamplingParams(4, 4.0, 32, 32, sampler="ddim"))
    for control in (None, studio(teacher=0), studio(teacher=0.5)):
        assert torch.equal(drawn(4.0, control), drawn(None, control))
        assert (drawn(2.0, control) - drawn(None, control)).abs().max() > 1e-4
    assert (drawn(0.0, studio(teacher=0)) - plain).abs().max() < 1e-4


def test_half_precision_draws_finite_pictures(sdxl: LatentDiffusion) -> None:
    for network in sdxl.networks().values():
        network.to(torch.bfloat16)
    shown = request(sdxl, projections(sdxl))
    assert torch.isfinite(latents_of(sdxl, [shown], PARAMS, studio())).all()


def test_d8_d9_no_map_is_materialised_and_no_query_of_students_is_computed(sdxl: LatentDiffusion) -> None:
    """Rows that go through to_q and to_k while the teacher is there: those of the teacher."""
    path = next(name for name, each in attention_layers_of(sdxl.denoiser, {}).items() if each.kind == "self")
    layer, rows = sdxl.denoiser.get_submodule(path), {"to_q": [], "to_k": [], "to_v": []}
    hooks = [
        getattr(layer, part).register_forward_hook(lambda _, given, __, part=part: rows[part].append(len(given[0])))
        for part in rows
    ]
    adapter = projections(sdxl)
    latents_of(sdxl, [request(sdxl, adapter, style) for style in (1, 2, 3)], PARAMS, studio(teacher=0.4))
    for hook in hooks:
        hook.remove()
    assert rows == {"to_q": [2, 2, 6, 6, 6], "to_k": [2, 2, 6, 6, 6], "to_v": [8, 8, 6, 6, 6]}


@torch.no_grad()
def test_a_control_that_does_nothing_is_stock_to_the_last_bit(base: LatentDiffusion) -> None:
    x_t = torch.randn((2, 4, 16, 16), generator=generator(0))
    words, geometry = base.encode_prompts(["a fox", "castle"]), [Geometry.whole(32, 32)] * 2
    expected = base.predict(x_t, torch.tensor([300, 300]), words, geometry)
    context = ForwardContext(Step(0, 5, 300.0), side_by_side({"text": 2}, {}))
    with controlled(base, PlainControl()):
        assert torch.equal(base.predict(x_t, torch.tensor([300, 300]), words, geometry, context), expected)
        assert torch.equal(base.predict(x_t, torch.tensor([300, 300]), words, geometry), expected)
