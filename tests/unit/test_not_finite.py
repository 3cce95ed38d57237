"""Numbers that overflow: computed again in float32, or stopped with the reason; never a black picture."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from PIL import Image

from impasto.core.errors import NotFinite
from impasto.core.finite import require_finite
from impasto.data.images import to_tensor
from impasto.evaluation.feature_sets import Named, extractor_of, measure_all
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.metrics import gram
from impasto.metrics._protocol import FeatureSets, Measurement
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import open_base

PARAMS = SamplingParams(2, 5.0, 32, 32)
HUGE = 3e38


@pytest.fixture
def half(tiny_folders: dict[str, Path]) -> LatentDiffusion:
    """A base whose autoencoder overflows in half precision: its weights fit, what they make of a picture does not."""
    base = open_base(str(tiny_folders["sd15"]), device="cpu", precision="fp16")
    with torch.no_grad():
        for layer in (base.vae.decoder.conv_in, base.vae.encoder.conv_in):
            layer.weight.fill_(3e4)
    return base


def in_float32(base: LatentDiffusion, latents: torch.Tensor) -> torch.Tensor:
    base.vae.to(torch.float32)
    with torch.no_grad():
        return base.vae.decode(latents.float() / base.vae.config.scaling_factor).sample.clamp(-1, 1)


def test_decoding_that_overflows_is_done_again_in_float32(half: LatentDiffusion) -> None:
    latents = torch.ones(1, 4, 16, 16, dtype=torch.float16)
    with torch.no_grad():
        assert not half.vae.decode(latents / half.vae.config.scaling_factor).sample.isfinite().all()
    decoded = half.decode(latents)
    assert decoded.isfinite().all()
    assert torch.equal(decoded, in_float32(half, latents))
    assert half.vae.dtype is torch.float32
    assert half.dtype is torch.float16  # the network goes on as it was
    assert torch.equal(half.decode(latents), decoded)


def test_encoding_that_overflows_is_done_again_in_float32(half: LatentDiffusion) -> None:
    picture = to_tensor(Image.new("RGB", (32, 32), "white"))[None]
    mean, std = half.encode_images(picture)
    assert mean.isfinite().all()
    assert std.isfinite().all()
    assert half.vae.dtype is torch.float32


def test_half_precision_that_suffices_stays(tiny_folders: dict[str, Path]) -> None:
    base = open_base(str(tiny_folders["sd15"]), device="cpu", precision="fp16")
    assert base.decode(torch.zeros(1, 4, 16, 16)).isfinite().all()
    assert base.vae.dtype is torch.float16


def test_damaged_autoencoder_stops_with_the_reason(sdxl: LatentDiffusion) -> None:
    with torch.no_grad():
        sdxl.vae.decoder.conv_out.bias.fill_(float("nan"))
    with pytest.raises(NotFinite, match="what the autoencoder makes of a picture is not finite"):
        list(draw(sdxl, [ImageRequest("a fox", 0)], PARAMS))


@pytest.mark.parametrize("value", [HUGE, float("nan"), float("inf")])
def test_network_that_overflows_names_prompt_and_seed(base: LatentDiffusion, value: float) -> None:
    with torch.no_grad():
        base.denoiser.conv_out.weight.fill_(value)
    with pytest.raises(NotFinite, match=r"the picture of 'a fox' with seed 7 is not finite .*: lower the scales"):
        list(draw(base, [ImageRequest("a fox", 7)], PARAMS))


def test_words_that_overflow_name_the_prompt(base: LatentDiffusion) -> None:
    with torch.no_grad():
        base.pipe.text_encoder.get_input_embeddings().weight[ord("f") % 100 :] = float("inf")
    with pytest.raises(NotFinite, match=r"the encoded prompt 'a fox' is not finite"):
        list(draw(base, [ImageRequest("a fox", 0)], PARAMS))


class Broken:
    """An extractor with a feature that is no number."""

    has_unit_length = True

    def extract(self, pictures: Sequence[Image.Image]) -> torch.Tensor:
        return torch.full((len(pictures), 3), float("nan"))


def test_features_that_are_not_finite_are_not_measured() -> None:
    pictures = [Named(str(index), Image.new("RGB", (8, 8))) for index in range(12)]
    with pytest.raises(NotFinite, match="a feature of the pictures from 0 on is not finite"):
        extractor_of(Broken(), pictures, [])


def test_sets_that_are_not_finite_are_not_measured() -> None:
    sets = FeatureSets(drawn=torch.eye(12), prompts=tuple(map(str, range(12))), real=torch.full((12, 12), float("inf")))
    with pytest.raises(NotFinite, match="a feature is not finite"):
        measure_all(sets)


def test_metrics_that_are_not_finite_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(_: FeatureSets) -> list[Measurement]:
        return [Measurement("odd", float("nan"), 0.0, (12,), "lower")]

    monkeypatch.setattr(gram, "measure", measure)
    with pytest.raises(NotFinite, match=r"metric 'odd' is not finite"):
        measure_all(FeatureSets(drawn=torch.eye(12), prompts=tuple(map(str, range(12)))))


def test_finite_values_pass() -> None:
    values = torch.tensor([1e38, -1.0])
    assert require_finite(values, "it", "mend it") is values
