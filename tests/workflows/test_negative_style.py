"""`impasto negative-style`: the edges of a reference drawn by a ControlNet, equal to the stock pipeline."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLControlNetPipeline
from PIL import Image

from image_prompts import latents_of
from impasto.cli.main import main
from impasto.core.rng import generator
from impasto.data.edges import canny_edges
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.models.controlnet import Structure, open_controlnet
from impasto.models.latent_diffusion import LatentDiffusion
from small_controlnet import network_for


@pytest.fixture(scope="module")
def folder(tiny_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base that brings a ControlNet, one for another family, and references."""
    from impasto.models.open import open_base

    root = tmp_path_factory.mktemp("negative")
    shutil.copytree(tiny_folders["sdxl"], root / "base")
    network_for(open_base(str(root / "base"), device="cpu").denoiser).save_pretrained(root / "base" / "controlnet")
    network_for(open_base(str(tiny_folders["sd15"]), device="cpu").denoiser).save_pretrained(root / "foreign")
    drawing = np.full((40, 60, 3), 240, np.uint8)
    drawing[10:30, 15:40] = (200, 30, 30)
    Image.fromarray(drawing).save(root / "drawing.png")
    Image.new("RGB", (40, 40), (9, 9, 9)).save(root / "flat.png")
    return root


def test_draws_along_edges(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    given = [str(folder / "drawing.png"), "--base", str(folder / "base"), "--steps", "2"]
    assert main(["negative-style", *given, "--prompt", "a box", "--out", "n.png"]) == 0
    out = capsys.readouterr().out
    assert "60x40, padded to a square by its mirror image" in out
    assert re.search(r"ControlNet\s+\S+controlnet x 0.5", out)
    facts = json.loads(Path("n.json").read_text())
    assert (facts["prompt"], facts["edges"], facts["edges_in"]) == ("a box", [100, 200], "grey")
    plain = ["generate", "--base", str(folder / "base"), "--steps", "2", "--prompt", "a box", "--out", "p.png"]
    assert main(plain) == 0
    assert Path("n.png").read_bytes() != Path("p.png").read_bytes()


def test_equals_the_stock_pipeline(folder: Path, tiny_folders: dict[str, Path]) -> None:
    from impasto.models.open import open_base

    base: LatentDiffusion = open_base(str(tiny_folders["sdxl"]), device="cpu")
    network = open_controlnet(str(folder / "base" / "controlnet"), base)
    with Image.open(folder / "drawing.png") as picture:
        lines = canny_edges(picture.resize((32, 32)))
    params = SamplingParams(4, 4.0, 32, 32, sampler="base")
    drawn = latents_of(base, [ImageRequest("a fox", 11)], params, hook=Structure(network, lines, 0.5))
    stock = StableDiffusionXLControlNetPipeline.from_pipe(base.pipe, controlnet=network)
    stock.set_progress_bar_config(disable=True)
    expected = stock(
        "a fox",
        image=lines[None],
        height=32,
        width=32,
        num_inference_steps=4,
        guidance_scale=4.0,
        controlnet_conditioning_scale=0.5,
        generator=generator(11),
        output_type="latent",
    ).images
    assert (drawn - expected).abs().max() < 1e-4


def test_sd15_has_no_pooled_words(folder: Path, tiny_folders: dict[str, Path]) -> None:
    from impasto.models.open import open_base

    base = open_base(str(tiny_folders["sd15"]), device="cpu")
    hook = Structure(open_controlnet(str(folder / "foreign"), base), torch.ones(3, 32, 32), 0.5)
    assert latents_of(base, [ImageRequest("a fox", 1)], SamplingParams(1, 1.0, 32, 32), hook=hook).isfinite().all()


BAD = {
    "no words": (["drawing.png"], "--prompt is missing"),
    "auto": (["drawing.png", "--prompt", "auto"], "--prompt auto is for pocket"),
    "no edges": (["flat.png", "--prompt", "x"], "--edges 100 200 finds none in"),
    "foreign": (["drawing.png", "--prompt", "x", "--controlnet", "foreign"], "use one that was made for its family"),
    "not there": (
        ["drawing.png", "--prompt", "x", "--controlnet", "nowhere"],
        "ControlNet nowhere is no folder",
    ),
    "thresholds": (["drawing.png", "--prompt", "x", "--edges", "200", "100"], "edge thresholds 200 and 100"),
    "unreadable": (["none.png", "--prompt", "x"], "picture none.png does not exist"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(folder)
    arguments, words = BAD[name]
    assert main(["negative-style", *arguments, "--base", "base", "--steps", "1"]) == 2
    told = capsys.readouterr().err
    assert re.fullmatch(r"impasto: [^\n]+\n", told), told
    assert words in told
    assert not (folder / "negative.png").exists()


def test_a_base_without_one_says_so(tiny_folders: dict[str, Path], folder: Path, capsys) -> None:
    given = [str(folder / "drawing.png"), "--base", str(tiny_folders["sdxl"]), "--prompt", "x"]
    assert main(["negative-style", *given]) == 2
    assert "has no ControlNet of its own" in capsys.readouterr().err


def test_pockets_towers_name_more_than_chance_of_what_a_hand_that_they_know_drew() -> None:
    from impasto.features._pocket_subjects import SUBJECTS, SubjectJudge
    from impasto.features.pocket import PocketFeatures
    from impasto.models.source import find_base

    folder = Path(find_base("pocket").location).parent / "packs" / "openmoji" / "auxiliary"  # drawn by Twemoji
    paths = [path for path in sorted(folder.glob("*.png")) if path.stem.replace("-", " ") in SUBJECTS]
    judge = SubjectJudge(PocketFeatures())
    named = []
    for path in paths:
        with Image.open(path) as picture:
            named.append(SUBJECTS[judge.found([picture.convert("RGB")])[0]])
    by_chance = len(named) / len(SUBJECTS)
    assert sum(name == path.stem.replace("-", " ") for name, path in zip(named, paths, strict=True)) > 3 * by_chance
    assert len(set(named)) > 1


def test_the_authors_settings_are_defaults_on_their_bases(folder: Path, tiny_folders: dict[str, Path], capsys) -> None:
    def planned(base: str, *more: str) -> str:
        given = [str(folder / "drawing.png"), "--base", base, "--prompt", "a box", "--dry-run"]
        assert main(["negative-style", *given, *more]) == 0
        return capsys.readouterr().out

    of_authors = planned(str(folder / "base"))
    assert "50 steps" in of_authors
    assert "octane render, render, drawing, anime" in " ".join(of_authors.split())
    assert re.search(r"guidance\s+7\b", of_authors)
    assert "20 steps" in planned(str(folder / "base"), "--steps", "20")
    assert "octane" not in planned("pocket")
