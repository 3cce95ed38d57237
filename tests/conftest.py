"""Fixtures shared by all tests: tiny bases on disk and loaded, and folders of small pictures."""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import pytest
import torch
from PIL import Image

import shapes  # noqa: F401 - before what it looks at
import tiny
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import open_base

torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests keep encoded pictures in a folder of their own, never in the user's."""
    os.environ["IMPASTO_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def tiny_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Diffusers folders of the tiny bases, by family."""
    root = tmp_path_factory.mktemp("bases")
    tiny.seeded()
    sd15 = tiny.save(tiny.sd15(), root / "sd15")
    roles = {"content": ["up_blocks.0.attentions.0"], "style": ["up_blocks.0.attentions.1"]}
    (sd15 / "roles.json").write_text(json.dumps({"roles": roles}))  # what SD 1.5 does not know, a folder may state
    return {
        "sd15": sd15,
        "sdxl": tiny.save(tiny.sdxl(), root / "sdxl"),
        "sdxl-v": tiny.save(tiny.sdxl(prediction="v_prediction", zeros=False), root / "sdxl-v"),
    }


@pytest.fixture(params=["sd15", "sdxl", "sdxl-v"])
def base(request: pytest.FixtureRequest, tiny_folders: dict[str, Path]) -> LatentDiffusion:
    """Every tiny base in turn, freshly loaded."""
    return open_base(str(tiny_folders[request.param]), device="cpu")


@pytest.fixture
def sdxl(tiny_folders: dict[str, Path]) -> LatentDiffusion:
    """The tiny SDXL base, freshly loaded."""
    return open_base(str(tiny_folders["sdxl"]), device="cpu")


def write_pictures(folder: Path, count: int, *, seed: int = 0, captions: bool = False) -> Path:
    """Fill a folder with small random pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for index in range(count):
        blocks = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(blocks).resize((40, 36), Image.Resampling.NEAREST).save(folder / f"{index}.png")
        if captions:
            (folder / f"{index}.txt").write_text(f"a block picture {index}\n")
    return folder


@pytest.fixture
def style_images(tmp_path: Path) -> Path:
    """Four style pictures."""
    return write_pictures(tmp_path / "style-pictures", 4, seed=1, captions=True)


@pytest.fixture
def aux_images(tmp_path: Path) -> Path:
    """Four auxiliary pictures."""
    return write_pictures(tmp_path / "aux-pictures", 4, seed=2)
