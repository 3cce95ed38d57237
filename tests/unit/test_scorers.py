"""Scorers place pictures and captions in one space; a checkpoint that is not there is told in one line."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import CLIPConfig, CLIPModel, CLIPVisionConfig

import tiny
from impasto.core.errors import ResourceError
from impasto.features import clip, pocket
from impasto.features._protocol import Scorer
from impasto.models.open import open_base


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    text = tiny.text_config(16, eos_token_id=513)
    vision = CLIPVisionConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=16, patch_size=8
    )
    tiny.seeded()
    config = CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=12)
    CLIPModel(config).save_pretrained(folder)
    tiny.tokenizer().save_pretrained(folder)
    return folder


def check(scorer: Scorer, dimension: int) -> None:
    pictures = scorer.extract([Image.new("RGB", (40, 36), colour) for colour in ("red", "blue", "red")])
    captions = scorer.text(["a fox", "an owl"])
    assert pictures.shape == (3, dimension)
    assert captions.shape == (2, dimension)
    assert torch.allclose(torch.cat([pictures, captions]).norm(dim=1), torch.ones(5), atol=1e-5)
    assert torch.allclose(pictures[0], pictures[2], atol=1e-6)
    assert not torch.allclose(pictures[0], pictures[1], atol=1e-4)
    assert not torch.allclose(captions[0], captions[1], atol=1e-4)


def test_clip(checkpoint: Path) -> None:
    features = clip.CLIPFeatures(str(checkpoint), torch.device("cpu"))
    check(features, 12)
    many = [f"thing {index}" for index in range(5)]
    assert torch.allclose(features.text(many, batch=2), features.text(many), atol=1e-6)


def test_pocket() -> None:
    check(pocket.PocketFeatures(), pocket.PocketFeatures.dimension)


def test_text_of_pocket_is_the_pooled_embedding_that_the_base_is_given() -> None:
    captions = ["a fox on a green background, twemoji style", "a castle"]
    with torch.no_grad():
        pooled = open_base("pocket", device="cpu").encode_prompts(captions).pooled
    assert pooled is not None
    assert torch.allclose(
        pocket.PocketFeatures().text(captions), torch.nn.functional.normalize(pooled, dim=-1), atol=1e-5
    )


@pytest.mark.parametrize("name", ["nobody/nothing", "nowhere", "empty"])
def test_checkpoint_that_cannot_be_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ResourceError, match=rf"^scorer {name} could not be loaded \([^\n]+\): check the name[^\n]+$"):
        clip.CLIPFeatures(name, torch.device("cpu"))
