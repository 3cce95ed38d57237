"""The two walks of ARCHITECTURE.md: short, never back, and what a real run does."""

from pathlib import Path

import pytest
from tools.walks import Stop, first_disagreement, traced, walks_written

from impasto.cli.main import main

WALKS = walks_written()
PICTURE, PROMPT = WALKS.values()


@pytest.mark.parametrize("title", WALKS)
def test_a_walk_is_short_and_never_leads_back(title: str) -> None:
    rooms = [stop.room for stop in WALKS[title]]
    assert 7 <= len(rooms) <= 12
    assert len(set(rooms)) == len(rooms)


def test_real_runs_agree_with_what_is_written(
    tiny_folders: dict[str, Path], style_images: Path, aux_images: Path, tmp_path: Path
) -> None:
    style, base = tmp_path / "style.safetensors", ("--base", str(tiny_folders["sdxl"]))
    pictures = ("--style-images", str(style_images), "--aux-images", str(aux_images), "--out", str(style))
    few = ("--steps", "1", "--sample-every", "0", "--run-dir", str(tmp_path / "run"), "--learn", "lora", "--rank", "2")
    trained = traced(lambda: main(["train", "styleforge", *base, *pictures, *few]))
    assert first_disagreement(PICTURE, trained) is None
    size = ("--steps", "2", "--height", "32", "--width", "32", "--out", str(tmp_path / "out"))
    drawn = traced(lambda: main(["generate", *base, "--style", str(style), "--prompt", "a fox", *size]))
    assert first_disagreement(PROMPT, drawn) is None
    assert first_disagreement(PROMPT[::-1], drawn) is not None
    assert first_disagreement([*PICTURE, Stop("nowhere.py", "run")], trained) == Stop("nowhere.py", "run")
