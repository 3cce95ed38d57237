"""What pictures take of memory: one at a time, whatever their shape, and counted in the plan."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from impasto.core.errors import DataError
from impasto.data.images import check_picture, read_picture
from impasto.training.resources.memory_estimate import MemoryCosts, Setting, expected_bytes

MIB = 2**20
PEAK = """
import resource, sys
from pathlib import Path
from PIL import Image
import impasto.data.images as images
from impasto.data.encode import encode_examples
Image.new("RGB", (4, 4)).resize((9, 9))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
{code}
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def peak_mib(code: str, *arguments: Path) -> int:
    """Return by how many MiB a process of its own grows at the most while it runs `code`."""
    command = [sys.executable, "-c", PEAK.format(code=code), *map(str, arguments)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


READ_ALL = """
import torch
class Base:
    def encode_images(self, images): return images, images
    def reads_whole(self, prompt): return True
checked = [images.check_picture(path) for path in sorted(Path(sys.argv[1]).iterdir())]
examples = list(encode_examples(Base(), checked, cuts=lambda _: [(32, 32)], words="x", captions={},
    with_flips=False))
assert len(examples) == 8
"""


def test_large_pictures_are_never_in_memory_together(tmp_path: Path) -> None:
    """Eight pictures of 12 megapixels are 366 MiB at four bytes a pixel; one, converted, is a quarter of that."""
    for index in range(8):
        Image.new("RGB", (4000, 3000), (index, 20, 30)).save(tmp_path / f"{index}.bmp")
    each = check_picture(tmp_path / "0.bmp").decoded_bytes / MIB
    assert peak_mib(READ_ALL, tmp_path) < 1.5 * each < 8 * 4 * 12_000_000 / MIB / 2


@pytest.mark.parametrize("size", [(80, 8000), (8000, 80), (6400, 64)])
def test_shape_does_not_matter_to_memory(size: tuple[int, int]) -> None:
    """Resized as a whole, these are 1024 x 102400 pixels, 400 MiB."""
    code = f'cut, _ = images.fit_square(Image.new("RGB", {size}), 1024)\nassert cut.size == (1024, 1024)'
    assert peak_mib(code) < 100


COSTS = MemoryCosts(10**4, 10**6, 0, 0, 0, 10**5, 2, 1, 1, "cpu")
SETTING = Setting(1, checkpointing=False, optimizer="adamw", frozen_bytes=4)


def test_reading_counts_in_the_plan_where_it_is_the_most() -> None:
    small, large = (expected_bytes(replace(COSTS, reading=value), SETTING) for value in (0, 192 * MIB))
    assert large - small > 150 * MIB
    heavy = replace(COSTS, kept_per_row=10**9)
    assert expected_bytes(replace(heavy, reading=192 * MIB), SETTING) == expected_bytes(heavy, SETTING)


def test_picture_that_was_changed_after_it_was_checked(tmp_path: Path) -> None:
    Image.new("RGB", (8, 6), "red").save(tmp_path / "fox.png")
    checked = check_picture(tmp_path / "fox.png")
    assert (checked.height, checked.width) == (6, 8)
    assert checked.read().tobytes() == read_picture(tmp_path / "fox.png").image.tobytes()
    Image.new("RGB", (8, 6), "blue").save(tmp_path / "fox.png")
    with pytest.raises(DataError, match=r"fox\.png was changed or removed since it was checked"):
        checked.read()
    (tmp_path / "fox.png").unlink()
    with pytest.raises(DataError, match=r"fox\.png was changed or removed"):
        checked.read()
