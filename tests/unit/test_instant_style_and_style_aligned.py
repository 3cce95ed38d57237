"""The two controls that StyleStudio is compared with."""

import math

import pytest
import torch
from PIL import Image

from image_prompts import double, image, latents_of, projections
from impasto.controls.instant_style import InstantStyle, InstantStyleSettings
from impasto.controls.style_aligned import StyleAligned, StyleAlignedSettings
from impasto.controls.style_studio import StyleStudio, StyleStudioSettings
from impasto.core.errors import ConfigError
from impasto.core.rng import generator
from impasto.data.images import to_image, to_tensor
from impasto.diffusion.adain import epsilon_of
from impasto.diffusion.branches import side_by_side
from impasto.diffusion.step import Step
from impasto.generation.auxiliary_branches import Reference, _waiting, inverted
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.image_prompts.content_subtraction import Content, without_content
from impasto.models.attention_layers import AttentionLayer, attention_layers_of
from impasto.models.conditioning import Geometry
from impasto.models.controlled import controlled
from impasto.models.forward_context import ForwardContext
from impasto.models.latent_diffusion import LatentDiffusion

PARAMS = SamplingParams(4, 4.0, 32, 32, sampler="ddim", batch=8)
SELF = AttentionLayer("attn1", "self")


def picture(seed: int) -> Image.Image:
    return to_image(torch.rand((3, 32, 32), generator=generator(seed)) * 2 - 1)


def seen(count: int) -> ForwardContext:
    return ForwardContext(Step(0, 4, 500.0), side_by_side({"unconditional": count, "text": count}, {}))


def heads(seed: int, rows: int = 6) -> torch.Tensor:
    return torch.randn((rows, 2, 9, 4), generator=generator(seed), dtype=torch.float64)


def test_instant_style_shows_the_picture_to_the_style_block_alone(sdxl: LatentDiffusion) -> None:
    """The same as an adapter without weights elsewhere."""
    adapter = projections(sdxl)
    style = {name: pair for name, pair in adapter.items() if name.startswith("up_blocks.0.attentions.1.")}
    assert 0 < len(style) < len(adapter)
    drawn = latents_of(
        sdxl,
        [ImageRequest("a fox", 7, images=(image(sdxl, adapter, 1),))],
        PARAMS,
        InstantStyle(InstantStyleSettings()),
    )
    expected = latents_of(sdxl, [ImageRequest("a fox", 7, images=(image(sdxl, style, 1),))], PARAMS)
    assert torch.equal(drawn, expected)
    everywhere = latents_of(sdxl, [ImageRequest("a fox", 7, images=(image(sdxl, adapter, 1),))], PARAMS)
    assert (drawn - everywhere).abs().max() > 1e-3


def test_style_studio_in_the_style_block_alone(sdxl: LatentDiffusion) -> None:
    """AdaIN, teacher and negative style together with InstantStyle's choice of blocks."""
    adapter = projections(sdxl)
    style = {name: pair for name, pair in adapter.items() if name.startswith("up_blocks.0.attentions.1.")}

    def drawn(given, **settings) -> torch.Tensor:
        negative = (image(sdxl, given, 9),)
        request = ImageRequest("a fox", 7, images=(image(sdxl, given, 1),), negative_images=negative)
        return latents_of(sdxl, [request], PARAMS, StyleStudio(StyleStudioSettings(teacher=0.5, **settings)))

    chosen = drawn(adapter, roles=("style",))
    assert torch.equal(chosen, drawn(style))
    assert (chosen - drawn(adapter)).abs().max() > 1e-3
    assert torch.equal(drawn(adapter, roles=("style", "all")), drawn(adapter))
    with pytest.raises(ConfigError, match="layout"):
        drawn(adapter, roles=("layout",))


def test_sites_know_their_roles(sdxl: LatentDiffusion) -> None:
    layers = attention_layers_of(sdxl.denoiser, sdxl.roles)
    assert [f"{name}.processor" for name in layers] == list(sdxl.denoiser.attn_processors)
    assert {layer.roles for name, layer in layers.items() if name.startswith("up_blocks.0.attentions.1.")} == {
        ("style",)
    }
    assert {layer.kind for layer in layers.values() if layer.name.endswith("attn2")} == {"cross"}


def test_instant_style_refuses_a_base_without_the_role(sdxl: LatentDiffusion) -> None:
    shown = ImageRequest("a fox", 7, images=(image(sdxl, projections(sdxl), 1),))
    with pytest.raises(ConfigError, match="layout"):
        list(draw(sdxl, [shown], PARAMS, InstantStyle(InstantStyleSettings(roles=("style", "layout")))))


def test_content_is_subtracted_where_spaces_agree() -> None:
    vectors, words = torch.randn((2, 8), generator=generator(0)), torch.randn((1, 8), generator=generator(1))
    torch.testing.assert_close(without_content(vectors, Content(words, 0.5)), vectors - 0.5 * words)
    for wrong in (torch.zeros((2, 6)), torch.zeros((2, 257, 8))):
        with pytest.raises(ConfigError, match="cannot be taken off"):
            without_content(wrong, Content(words, 0.5))
    with pytest.raises(ConfigError, match="the words are nothing"):
        without_content(vectors, Content(None, 0.5))  # SD 1.5 pools none


def test_shared_attention_by_hand() -> None:
    """Attention(AdaIN(Q, Q_r), [K_r; AdaIN(K, K_r)], [V_r; V]) with explicit maps; the reference is left alone."""
    q, k, v = heads(0), heads(1), heads(2)
    out = StyleAligned(StyleAlignedSettings()).attend(SELF, seen(3), q, k, v)

    def like(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        spread = (x.var(-2, keepdim=True, unbiased=False) + epsilon_of(x.dtype)).sqrt()
        return (x - x.mean(-2, keepdim=True)) / spread * y.std(-2, keepdim=True, unbiased=False) + y.mean(
            -2, keepdim=True
        )

    for row in range(6):
        of = 0 if row < 3 else 3
        keys, values, query = k[row], v[row], q[row]
        if row != of:
            query = like(query, q[of])
            keys, values = torch.cat([k[of], like(keys, k[of])], -2), torch.cat([v[of], values], -2)
        expected = (query @ keys.transpose(-1, -2) / 2.0).softmax(-1) @ values
        torch.testing.assert_close(out[row], expected, rtol=0, atol=1e-10)


def seen_with_picture(count: int) -> ForwardContext:
    counts = {"unconditional": count, "text": count, "reference.unconditional": 1, "reference.text": 1}
    return ForwardContext(Step(0, 4, 500.0), side_by_side(counts, {"reference": [0] * count}))


@pytest.mark.parametrize(
    ("settings", "shift", "scale"),
    [({}, math.log(2), 1.0), ({"score_shift": 0.0, "score_scale": 0.5}, 0.0, 0.5), ({"score_shift": 1.5}, 1.5, 1.0)],
)
def test_shared_scores_of_a_given_picture_by_hand(settings: dict[str, float], shift: float, scale: float) -> None:
    """softmax([s Q K_rᵀ/√d + shift, Q Kᵀ/√d]) [V_r; V]: by default shifted by log 2; the reference is plain."""
    q, k, v = heads(0, 8), heads(1, 8), heads(2, 8)
    control = StyleAligned(StyleAlignedSettings(adain=False, **settings))
    out = control.attend(SELF, seen_with_picture(3), q, k, v)
    for row in range(8):
        of = 6 if row < 3 else 7
        if row == 6 or row == 7:
            scores, values = q[row] @ k[row].transpose(-1, -2) / 2.0, v[row]
        else:
            theirs = scale * q[row] @ k[of].transpose(-1, -2) / 2.0 + shift
            scores = torch.cat([theirs, q[row] @ k[row].transpose(-1, -2) / 2.0], -1)
            values = torch.cat([v[of], v[row]], -2)
        torch.testing.assert_close(out[row], scores.softmax(-1) @ values, rtol=0, atol=1e-10)


@torch.no_grad()
def test_group_norms_take_the_statistics_of_both(sdxl: LatentDiffusion) -> None:
    """As over picture and reference side by side; alone where nothing is shared, and in the reference itself."""
    norm = double(sdxl).denoiser.conv_norm_out
    x = torch.randn((8, norm.num_channels, 4, 6), generator=generator(5), dtype=torch.float64)
    told = {"cross_attention_kwargs": {"context": seen_with_picture(3)}}

    def normed(control: StyleAligned, keywords: dict[str, object]) -> torch.Tensor:
        with controlled(sdxl, control):
            for hook in sdxl.denoiser._forward_pre_hooks.values():
                hook(sdxl.denoiser, (), keywords)
            return norm(x)

    joint = normed(StyleAligned(StyleAlignedSettings()), told)
    for row in range(8):
        of = 6 if row in (0, 1, 2, 6) else 7
        groups = torch.stack([x[row], x[of]]).unflatten(1, (norm.num_groups, -1))
        mean = groups.mean((0, 2, 3, 4)).view(-1, 1, 1, 1)
        spread = (groups.var((0, 2, 3, 4), unbiased=False) + norm.eps).sqrt().view(-1, 1, 1, 1)
        expected = ((groups[0] - mean) / spread).flatten(0, 1) * norm.weight.view(-1, 1, 1) + norm.bias.view(-1, 1, 1)
        torch.testing.assert_close(joint[row], expected, rtol=0, atol=1e-10)
    stock = norm(x)
    assert torch.equal(normed(StyleAligned(StyleAlignedSettings(share_norms="no")), told), stock)
    in_a_set = {"cross_attention_kwargs": {"context": seen(4)}}
    assert torch.equal(normed(StyleAligned(StyleAlignedSettings()), in_a_set), stock)
    assert not torch.equal(normed(StyleAligned(StyleAlignedSettings(share_norms="yes")), in_a_set), stock)
    assert torch.equal(normed(StyleAligned(StyleAlignedSettings()), {}), stock)
    assert torch.equal(norm(x), stock)


def test_a_reference_waits_for_the_pictures() -> None:
    """zts[5] first, then zts[max(6, i)] in step i, as the authors' callback prescribes them for 50 steps."""
    assert _waiting(50, 0.1) == [5, *(max(6, step) for step in range(1, 50))]
    assert _waiting(10, 0.0) == list(range(10))
    assert _waiting(2, 0.9) == [1, 1]


@torch.no_grad()
def test_inversion_is_guided(sdxl: LatentDiffusion) -> None:
    """One step by hand: ε(∅) + 2 (ε(words) - ε(∅)), with the base's own empty prompt."""
    double(sdxl)
    words, geometry = sdxl.encode_prompts(["a painting"]), Geometry.whole(32, 32)
    timesteps, empty = torch.tensor([500]), sdxl.encode_nothing(1, None)
    found = inverted(sdxl, Reference(picture(0), "a painting", 2.0, 0.0), words, empty, timesteps, geometry)
    x_0 = sdxl.encode_images(to_tensor(picture(0))[None])[0].to(sdxl.dtype)
    nothing, text = (sdxl.predict(x_0, timesteps, told, [geometry]) for told in (empty, words))
    level = sdxl.process.schedule.alpha_bar[500]
    expected = level.sqrt() * x_0 + (1 - level).sqrt() * (nothing + 2 * (text - nothing))
    assert (found[0] - expected).abs().max() < 1e-6
    unguided = inverted(sdxl, Reference(picture(0), "a painting", 1.0, 0.0), words, empty, timesteps, geometry)
    assert (unguided - found).abs().max() > 1e-3


def test_first_picture_is_a_plain_run_and_batches_do_not_matter(sdxl: LatentDiffusion) -> None:
    double(sdxl)
    requests = [ImageRequest(f"thing {index}", index) for index in range(4)]
    control = StyleAligned(StyleAlignedSettings())
    together = latents_of(sdxl, requests, PARAMS, control)
    plain = latents_of(sdxl, requests, PARAMS)
    assert (together[0] - plain[0]).abs().max() < 1e-9
    assert all((together[index] - plain[index]).abs().max() > 1e-4 for index in (1, 2, 3))
    for batch in (1, 2, 3):
        params = SamplingParams(4, 4.0, 32, 32, sampler="ddim", batch=batch)
        assert [request for request, _ in draw(sdxl, requests, params, control)] == requests
        apart = latents_of(sdxl, [requests[0], requests[3]], params, control)
        assert (apart[1] - together[3]).abs().max() < 1e-9


@pytest.mark.parametrize("sampler", ["ddim", "dpm++", "euler"])
@pytest.mark.parametrize("guidance_scale", [1.0, 4.0])
def test_a_given_reference_is_looked_at(base: LatentDiffusion, sampler: str, guidance_scale: float) -> None:
    params = SamplingParams(4, guidance_scale, 32, 32, sampler=sampler)
    request = ImageRequest("a fox", 7)
    control = StyleAligned(StyleAlignedSettings())
    first, again, second = (
        latents_of(base, [request], params, control, reference=Reference(picture(seed), "a painting"))
        for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert torch.isfinite(first).all()
    assert (first - second).abs().max() > 1e-4
    assert (first - latents_of(base, [request], params)).abs().max() > 1e-4


def test_a_given_reference_with_a_start_picture(sdxl: LatentDiffusion) -> None:
    params = SamplingParams(6, 4.0, 32, 32, strength=0.5)
    control, reference = StyleAligned(StyleAlignedSettings()), Reference(picture(0), "a painting")
    drawn = latents_of(sdxl, [ImageRequest("a fox", 7, picture(1))], params, control, reference=reference)
    assert torch.isfinite(drawn).all()


def test_inverted_reference_reaches_the_network_at_its_own_noise_level(sdxl: LatentDiffusion) -> None:
    """At the last step the recorded latents are nearly the picture's, at the first mostly noise."""
    shown: list[torch.Tensor] = []

    class Spy(StyleAligned):
        may_join_norms = False

        def touches(self, layer, context):
            return False

    predict = sdxl.predict
    sdxl.predict = lambda x_t, *rest: shown.append(x_t) or predict(x_t, *rest)
    reference = Reference(picture(0), "a painting", guidance_scale=1.0, offset=0.0)
    latents_of(
        sdxl,
        [ImageRequest("a fox", 7)],
        SamplingParams(10, 1.0, 32, 32),
        Spy(StyleAlignedSettings()),
        reference=reference,
    )
    del sdxl.predict
    x_0, _ = sdxl.encode_images(to_tensor(picture(0))[None])
    inversion, drawing = shown[:10], shown[10:]
    assert torch.equal(inversion[0], x_0)
    assert torch.equal(drawing[-1][1:], inversion[1])  # what the last step looks at is the first that was inverted
    assert all(len(x_t) == 2 for x_t in drawing)


@pytest.mark.parametrize("kind", ["exception", "break"])
def test_nothing_is_left_over(sdxl: LatentDiffusion, kind: str) -> None:
    before = dict(sdxl.denoiser.attn_processors)
    requests = [ImageRequest(f"thing {index}", index) for index in range(3)]
    control = StyleAligned(StyleAlignedSettings())
    if kind == "exception":
        with pytest.raises(RuntimeError, match="middle"), controlled(sdxl, control):
            raise RuntimeError("in the middle")
    else:
        for _ in draw(sdxl, requests, SamplingParams(2, 1.0, 32, 32, batch=2), control):
            assert all(sdxl.denoiser.attn_processors[name] is each for name, each in before.items())
            break
    assert all(sdxl.denoiser.attn_processors[name] is each for name, each in before.items())
