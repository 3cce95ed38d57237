"""Each distinct prompt of a drawing is encoded once, by itself, and the pictures stay what they were."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from image_prompts import double, latents_of
from impasto.controls.style_aligned import StyleAligned, StyleAlignedSettings
from impasto.diffusion.branches import TEXT, UNCONDITIONAL
from impasto.generation import prompts as draw_words
from impasto.generation.auxiliary_branches import Reference
from impasto.generation.draw import draw
from impasto.generation.prompts import Words
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.models.conditioning import Conditioning
from impasto.models.latent_diffusion import LatentDiffusion

FOUR_AND_TWO = [ImageRequest("a fox", seed) for seed in range(4)] + [ImageRequest("a hut", seed) for seed in range(2)]
BLOCK = "up_blocks.0.attentions.0"


def params(**changes) -> SamplingParams:
    return SamplingParams(**{"steps": 2, "guidance_scale": 3.0, "height": 32, "width": 32, "batch": 2} | changes)


@pytest.fixture
def asked(base: LatentDiffusion, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What the text encoders of `base` were asked, call by call."""
    calls: list[list[str]] = []
    encode = base.encode_prompts

    def counting(prompts) -> Conditioning:
        calls.append(list(prompts))
        return encode(prompts)

    monkeypatch.setattr(base, "encode_prompts", counting)
    return calls


def test_four_seeds_of_a_prompt_encode_one_row(base: LatentDiffusion, asked: list[list[str]]) -> None:
    list(draw(base, FOUR_AND_TWO, params(negative_prompt="blurry")))
    assert sorted(asked) == [["a fox"], ["a hut"], ["blurry"]]


def test_a_reference_is_encoded_once_however_many_batches_look_at_it(
    base: LatentDiffusion, asked: list[list[str]]
) -> None:
    reference = Reference(Image.new("RGB", (32, 32), (200, 90, 10)), "a lake")
    list(draw(base, FOUR_AND_TWO, params(), StyleAligned(StyleAlignedSettings()), reference=reference))
    assert sorted(asked) == [[""], ["a fox"], ["a hut"], ["a lake"]]


def test_words_of_single_blocks_are_shared_with_whole_prompts(base: LatentDiffusion, asked: list[list[str]]) -> None:
    requests = [ImageRequest("a fox", 0, per_block={BLOCK: "a hut"}), ImageRequest("a hut", 1)]
    told = Words(base, SamplingParams(1, 1.0, 32, 32)).branches(requests)[TEXT]
    assert sorted(asked) == [[""], ["a fox"], ["a hut"]]
    assert torch.equal(told.per_block[BLOCK][0], told.states[1])
    assert torch.equal(told.per_block[BLOCK][1], told.states[1])


def test_what_a_prompt_becomes_does_not_depend_on_its_batch_in_any_bit(base: LatentDiffusion) -> None:
    words = Words(base, SamplingParams(1, 1.0, 32, 32))
    alone, among = words.branches(FOUR_AND_TWO[:1]), words.branches(FOUR_AND_TWO)
    for branch in (TEXT, UNCONDITIONAL):
        assert torch.equal(alone[branch].states[0], among[branch].states[3])
        assert len(among[branch]) == 6
    pooled = among[TEXT].pooled
    assert pooled is None or torch.equal(alone[TEXT].pooled[0], pooled[3])


@torch.no_grad()
def test_pictures_are_those_of_encoding_every_batch_anew(
    base: LatentDiffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the encoders were asked before is asked here again; in float64, since together they round otherwise."""
    double(base)
    found = latents_of(base, FOUR_AND_TWO, params()), [image for _, image in draw(base, FOUR_AND_TWO, params())]

    class Anew(Words):
        def branches(self, requests):
            nothing = base.encode_nothing(len(requests), None)
            text = base.encode_prompts([request.prompt for request in requests])
            return dict.fromkeys(super().branches(requests), text) | {UNCONDITIONAL: nothing}

    monkeypatch.setattr("impasto.generation.draw.Words", Anew)
    torch.testing.assert_close(latents_of(base, FOUR_AND_TWO, params()), found[0], rtol=1e-9, atol=1e-9)
    for (_, expected), image in zip(draw(base, FOUR_AND_TWO, params()), found[1], strict=True):
        assert np.array_equal(np.asarray(expected), np.asarray(image))


def test_only_the_last_prompts_are_kept(
    base: LatentDiffusion, asked: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draw_words, "KEPT", 2)
    words = Words(base, SamplingParams(1, 1.0, 32, 32))
    for prompt in ("a", "b", "a", "c", "a", "b"):
        words.prompt(prompt)
    assert asked == [["a"], ["b"], ["c"], ["b"]]


def test_prompts_are_padded_to_the_length_of_the_encoder_in_training_as_in_drawing(base: LatentDiffusion) -> None:
    """Another way than the official script of StyleForge, which trains on prompts without padding: docs/papers.md."""
    longest = base.tokenizers()["text_encoder"].model_max_length
    assert {base.encode_prompts([prompt]).states.shape[1] for prompt in ("", "a", "a fox on a hill")} == {longest}
    papers = " ".join((Path(__file__).parents[2] / "docs" / "papers.md").read_text("utf-8").split())
    assert "Prompts are padded to the encoder's length" in papers
    assert "The autoencoder's noise is drawn anew every step in both" in papers
