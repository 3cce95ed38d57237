"""Captions beside pictures."""

from pathlib import Path

import pytest

from impasto.core.errors import DataError
from impasto.data.captions import caption_of, styled_prompt


@pytest.mark.parametrize(
    ("content", "caption"),
    [
        (b"a fox", "a fox"),
        (b"a fox\n", "a fox"),
        (b"  a fox\r\n on a\thill \n\n", "a fox on a hill"),
        ("une forêt".encode(), "une forêt"),
        (b"\xef\xbb\xbfa fox", "a fox"),  # as Windows editors begin UTF-8 files
        (b"", None),
        (b" \n", None),
    ],
)
def test_caption_is_one_line(tmp_path: Path, content: bytes, caption: str | None) -> None:
    (tmp_path / "fox.txt").write_bytes(content)
    assert caption_of(tmp_path / "fox.png") == caption


def test_missing_caption(tmp_path: Path) -> None:
    assert caption_of(tmp_path / "fox.png") is None
    (tmp_path / "fox.txt").mkdir()
    assert caption_of(tmp_path / "fox.png") is None


def test_caption_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "fox.txt").write_bytes("forêt".encode("latin-1"))
    with pytest.raises(DataError, match=r"caption .*fox\.txt is not UTF-8 text: save it again as UTF-8"):
        caption_of(tmp_path / "fox.png")


def test_caption_longer_than_any_prompt(tmp_path: Path) -> None:
    (tmp_path / "fox.txt").write_text("x" * 2000)
    assert caption_of(tmp_path / "fox.png") == "x" * 2000
    (tmp_path / "fox.txt").write_text("x" * 2001)
    with pytest.raises(DataError, match=r"caption .*fox\.txt has 2001 characters, at most 2000 are read: shorten it"):
        caption_of(tmp_path / "fox.png")


def test_styled_prompt() -> None:
    assert styled_prompt("a fox", "zwx style") == "a fox, zwx style"
    assert styled_prompt(None, "zwx style") == "zwx style"
    assert styled_prompt("", "zwx style") == "zwx style"
