"""The embedded base: it is what it says, draws what the stock pipeline draws, and obeys backgrounds."""

import json
import re
import runpy
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from PIL import Image

from impasto.core.events import Event
from impasto.core.rng import generator
from impasto.data.held_out import read_held_out
from impasto.data.images import fit_square, read_picture, to_tensor
from impasto.data.packs import find_pack
from impasto.demo.demo import BeforeAfter, DemoOptions, demo, measured
from impasto.features.pocket import PocketFeatures
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import open_base
from impasto.models.preview import latent_colours
from impasto.models.source import find_base

pytestmark = pytest.mark.slow
FOLDER = Path(find_base("pocket").location)
BACKGROUND_COLOURS = {"green": (46, 160, 87), "blue": (45, 110, 220), "white": (255, 255, 255), "red": (214, 48, 49)}


@pytest.fixture(scope="module")
def pocket() -> LatentDiffusion:
    return open_base("pocket", device="cpu")


def test_files_are_small_safetensors_with_a_card() -> None:
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 60_000_000
    assert {path.suffix for path in files} <= {".json", ".safetensors", ".md", ".txt"}
    card = (FOLDER / "README.md").read_text("utf-8")
    measured = json.loads((FOLDER / "measured.json").read_text("utf-8"))
    assert f"| {measured['named_background_right']:g} |" in card
    assert "Never trained on OpenMoji" in card


def test_equals_the_stock_pipeline(pocket: LatentDiffusion, monkeypatch: pytest.MonkeyPatch) -> None:
    stock = StableDiffusionXLPipeline.from_pretrained(FOLDER)
    stock.set_progress_bar_config(disable=True)
    prompts = ["a fox on a green background, twemoji style", "a castle"]
    expected = stock(
        prompts,
        height=128,
        width=128,
        num_inference_steps=8,
        guidance_scale=5.0,
        generator=[generator(1), generator(2)],
        output_type="latent",
    ).images
    seen: list[torch.Tensor] = []
    decode = pocket.decode
    monkeypatch.setattr(pocket, "decode", lambda latents: seen.append(latents) or decode(latents))
    requests = [ImageRequest(prompt, 1 + index) for index, prompt in enumerate(prompts)]
    list(draw(pocket, requests, SamplingParams(8, 5.0, 128, 128, sampler="base")))
    assert (seen[0] - expected).abs().max() < 1e-4


def test_default_sampler_is_the_one_that_ships(pocket: LatentDiffusion) -> None:
    request = [ImageRequest("an owl on a white background", 3)]
    drawn = [
        next(draw(pocket, request, SamplingParams(6, 4.0, 128, 128, sampler=sampler)))[1]
        for sampler in ("base", "dpm++")
    ]
    assert np.array_equal(np.asarray(drawn[0]), np.asarray(drawn[1]))


def border_colour(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image, dtype=float)
    return np.median(np.concatenate([pixels[:3].reshape(-1, 3), pixels[:, :3].reshape(-1, 3)]), axis=0)


def test_named_backgrounds_are_obeyed(pocket: LatentDiffusion) -> None:
    requests = [
        ImageRequest(f"a fox on a {background} background, twemoji style", 5) for background in BACKGROUND_COLOURS
    ]
    for (_, image), (name, colour) in zip(
        draw(pocket, requests, SamplingParams(20, 5.0, 128, 128)), BACKGROUND_COLOURS.items(), strict=True
    ):
        distances = {
            other: float(np.abs(border_colour(image) - value).sum()) for other, value in BACKGROUND_COLOURS.items()
        }
        assert min(distances, key=distances.__getitem__) == name, (name, colour, distances)


def test_previews_look_like_what_is_encoded(pocket: LatentDiffusion) -> None:
    files = sorted((FOLDER.parent / "packs" / "openmoji" / "held_out").glob("*.png"))[::4]
    drawings = torch.stack([to_tensor(fit_square(read_picture(path).image, 128)[0]) for path in files])
    latents, _ = pocket.encode_images(drawings)
    shown = latent_colours(pocket)(latents).flatten(1)
    small = torch.nn.functional.avg_pool2d(drawings, pocket.factor).flatten(1)
    pairs = torch.stack([torch.corrcoef(torch.stack([a, b]))[0, 1] for a, b in zip(shown, small, strict=True)])
    assert len(pairs) >= 16
    assert pairs.mean() > 0.85  # 0.885; no linear map comes above 0.91
    assert pairs.min() > 0.6


def test_features_tell_subjects_apart() -> None:
    folder = FOLDER.parent / "packs" / "openmoji" / "held_out"
    pictures = [Image.open(folder / f"{name}.png") for name in ("red-apple", "ghost", "volcano")]
    features = PocketFeatures().extract(pictures)
    assert features.shape == (3, PocketFeatures.dimension)
    torch.testing.assert_close(features.norm(dim=1), torch.ones(3))
    flipped = PocketFeatures().extract([picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for picture in pictures])
    assert (features @ flipped.T).argmax(dim=1).tolist() == [0, 1, 2]


def test_demo_writes_its_page(tmp_path: Path) -> None:
    options = DemoOptions(out=tmp_path / "demo", steps=2, num_images=3)
    with closing(demo(options)) as stream:
        events: list[Event] = list(stream)
    assert events
    page = (options.out / "index.html").read_text("utf-8")
    assert page.count("<figure>") == 3
    for source in re.findall(r'src="([^"]+)"', page):
        assert (options.out / source).is_file()
    assert (options.out / "grid.png").is_file()
    assert (options.out / "openmoji.safetensors").is_file()
    assert len(list((options.out / "runs").glob("*/samples/step-000000.png"))) == 1


def test_the_demonstration_measures_what_it_drew() -> None:
    """Pictures that are the artist's own are nearer to the artist's own than any others."""
    subjects = read_held_out(find_pack("openmoji"), demo_only=False)[:12]
    others = [each.picture for each in read_held_out(find_pack("fluent-emoji-high-contrast"), demo_only=False)[:12]]
    drawn = [BeforeAfter(each, each.caption, other, each.picture) for each, other in zip(subjects, others, strict=True)]
    before, after, change = measured(drawn)
    assert after.value < 0.1 < before.value
    assert change.value == pytest.approx(after.value - before.value)
    assert [each.better for each in (before, after, change)] == ["lower"] * 3


def test_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["learn_and_draw.py", "2"])
    runpy.run_path(str(Path(__file__).parents[2] / "examples" / "learn_and_draw.py"))
    assert len(list(tmp_path.glob("lion-*.png"))) == 4
