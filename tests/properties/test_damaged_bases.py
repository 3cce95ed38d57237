"""Any damage to a base: it is refused in one line that names it, or it draws what the sound one draws; no traceback."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from impasto.core.errors import ImpastoError
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.models.open import open_base

FILES = [
    *("model_index.json", "scheduler/scheduler_config.json", "unet/config.json", "vae/config.json"),
    *(
        "text_encoder/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
    ),
    *("text_encoder/model.safetensors", "tokenizer/tokenizer.json", "tokenizer/tokenizer_config.json"),
]
CONTENTS = {
    "gone": None,
    "empty": b"",
    "null": b"null",
    "list": b"[]",
    "object": b"{}",
    "text": b"not what it was",
    "binary": bytes(range(256)),
    "a pickle": b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00N.",
}
VALUES = [None, "x", -1, 0, 1.5, 10**9, float("nan"), [], {}, True, [1, "x"]]
CONFIGS = [name for name in FILES if name.endswith("config.json") and "tokenizer" not in name]


def pixels(folder: Path) -> bytes | None:
    """Return what a base draws, or None where it is refused."""
    try:
        base = open_base(str(folder), device="cpu")
        ((_, picture),) = draw(base, [ImageRequest("a fox", 0)], SamplingParams(2, 5.0, 32, 32))
    except ImpastoError as error:
        refusal = str(error)
    else:
        return picture.tobytes()
    assert refusal
    assert "\n" not in refusal
    assert len(refusal) < 1000, refusal
    return None


@pytest.fixture(scope="module")
def sound(tiny_folders: dict[str, Path]) -> dict[str, bytes]:
    found = {family: pixels(tiny_folders[family]) for family in ("sd15", "sdxl")}
    assert all(found.values())
    return {family: each or b"" for family, each in found.items()}


def copy(tiny_folders: dict[str, Path], family: str, folder: Path) -> Path:
    return Path(shutil.copytree(tiny_folders[family], folder / "base"))


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
@pytest.mark.parametrize("file", FILES)
def test_damaged_files(
    tiny_folders: dict[str, Path], sound: dict[str, bytes], tmp_path: Path, family: str, file: str
) -> None:
    base = copy(tiny_folders, family, tmp_path)
    whole = (base / file).read_bytes()
    half = whole[: len(whole) // 2]
    for content in (*CONTENTS.values(), half, whole[:-1] + b"\xff", b"\xff" + whole[1:]):
        (base / file).unlink(missing_ok=True)
        if content is not None:
            (base / file).write_bytes(content)
        drawn = pixels(base)
        may_differ = content == whole[:-1] + b"\xff" and file.endswith(".safetensors")  # another weight, and sound
        assert drawn is None or drawn == sound[family] or may_differ, content[:20] if content else content


@pytest.mark.parametrize("seed", range(60))
def test_wrong_settings(tiny_folders: dict[str, Path], tmp_path: Path, seed: int) -> None:
    """One or two settings with a value of any kind; what is plausible is another base, and all else is refused."""
    rng = np.random.default_rng(seed)
    base = copy(tiny_folders, ("sd15", "sdxl")[seed % 2], tmp_path)
    for _ in range(int(rng.integers(1, 3))):
        path = base / CONFIGS[int(rng.integers(len(CONFIGS)))]
        config = json.loads(path.read_text())
        key = sorted(config)[int(rng.integers(len(config)))]
        config[key] = VALUES[int(rng.integers(len(VALUES)))]
        path.write_text(json.dumps(config))
    pixels(base)


@pytest.mark.parametrize("part", ["scheduler", "vae", "unet"])
def test_settings_of_another_kind_are_always_refused(tiny_folders: dict[str, Path], tmp_path: Path, part: str) -> None:
    base = copy(tiny_folders, "sdxl", tmp_path)
    path = base / part / ("scheduler_config.json" if part == "scheduler" else "config.json")
    sound = json.loads(path.read_text())
    numbers = [key for key, value in sound.items() if isinstance(value, (int, float))]
    assert len(numbers) > 3
    for key in numbers:
        path.write_text(json.dumps(sound | {key: "x"}))
        with pytest.raises(ImpastoError, match=rf"{part} says {re.escape(key)} = 'x': needs"):
            open_base(str(base), device="cpu")
