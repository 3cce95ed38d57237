"""The two controls that StyleStudio is compared with."""

import pytest
import torch
from PIL import Image

from image_prompts import double, image, latents_of, projections
from impasto.controls.instant_style import InstantStyle, InstantStyleSettings
from impasto.controls.style_aligned import StyleAligned, StyleAlignedSettings
from impasto.core.errors import ConfigError
from impasto.core.rng import generator
from impasto.data.images import to_image, to_tensor
from impasto.diffusion.branches import side_by_side
from impasto.diffusion.step import Step
from impasto.generation.auxiliary_branches import Reference
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.image_prompts.content_subtraction import without_content
from impasto.models.attention_layers import AttentionLayer, attention_layers_of
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


def test_sites_know_their_roles(sdxl: LatentDiffusion) -> None:
    layers = attention_layers_of(sdxl.unet, sdxl.roles)
    assert [f"{name}.processor" for name in layers] == list(sdxl.unet.attn_processors)
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
    torch.testing.assert_close(without_content(vectors, words, 0.5), vectors - 0.5 * words)
    for wrong in (torch.zeros((2, 6)), torch.zeros((2, 257, 8))):
        with pytest.raises(ConfigError, match="cannot be taken off"):
            without_content(wrong, words)
    with pytest.raises(ConfigError, match="the words are nothing"):
        without_content(vectors, None)  # SD 1.5 pools none


def test_shared_attention_by_hand() -> None:
    """Attention(AdaIN(Q, Q_r), [K_r; AdaIN(K, K_r)], [V_r; V]) with explicit maps; the reference is left alone."""
    q, k, v = heads(0), heads(1), heads(2)
    out = StyleAligned(StyleAlignedSettings()).attend(SELF, seen(3), q, k, v)

    def like(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        spread = (x.var(-2, keepdim=True, unbiased=False) + 1e-6).sqrt()
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
        def touches(self, layer, context):
            return False

    predict = sdxl.predict
    sdxl.predict = lambda x_t, *rest: shown.append(x_t) or predict(x_t, *rest)
    reference = Reference(picture(0), "a painting")
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
    before = dict(sdxl.unet.attn_processors)
    requests = [ImageRequest(f"thing {index}", index) for index in range(3)]
    control = StyleAligned(StyleAlignedSettings())
    if kind == "exception":
        with pytest.raises(RuntimeError, match="middle"), controlled(sdxl, control):
            raise RuntimeError("in the middle")
    else:
        for _ in draw(sdxl, requests, SamplingParams(2, 1.0, 32, 32, batch=2), control):
            assert all(sdxl.unet.attn_processors[name] is each for name, each in before.items())
            break
    assert all(sdxl.unet.attn_processors[name] is each for name, each in before.items())
