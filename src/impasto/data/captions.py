"""Captions beside pictures: `fox.txt` belongs to `fox.png`; other tools write `fox.caption`, or a `metadata.jsonl`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from impasto.core.errors import DataError
from impasto.core.files import is_file, reason_of
from impasto.models.prompt_windows import longest_start

SUFFIXES = (".txt", ".caption")
"""What caption files end in; the first that there is counts."""
METADATA = "metadata.jsonl"
_CAPTION_KEYS = ("text", "caption", "prompt")
_MAX_CHARACTERS = 2000


def caption_of(picture: Path) -> str | None:
    """Return the caption beside `picture` as one line, or None when there is none.

    NAME.txt comes first, then NAME.caption, then the picture's line in the folder's metadata.jsonl.

    Raises:
        DataError: The caption is not text or is longer than any prompt.
    """
    beside = found_beside(picture)
    if beside is None:
        beside = picture.with_name(METADATA)
        words = _line_in(beside, picture.name) if is_file(beside) else ""
    else:
        words = _text_of(beside)
    words = " ".join(words.split())
    if len(words) > _MAX_CHARACTERS:
        raise DataError(f"caption {beside} has {len(words)} characters, at most {_MAX_CHARACTERS} are read: shorten it")
    return words or None


def found_beside(picture: Path) -> Path | None:
    """Return the file with the caption of `picture` alone, unread, or None where there is none."""
    return next((path for path in map(picture.with_suffix, SUFFIXES) if is_file(path)), None)


def caption_file(picture: Path) -> Path:
    """Return where the caption of `picture` is written."""
    return picture.with_suffix(SUFFIXES[0])


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"caption {path} is not UTF-8 text: save it again as UTF-8") from error
    except OSError as error:
        raise DataError(f"caption {path} cannot be read: {reason_of(error).lower()}") from error


def _line_in(metadata: Path, name: str) -> str:
    """Return what a metadata.jsonl says of a picture, as Hugging Face's data sets and trainers write it; or nothing."""
    for number, line in enumerate(_text_of(metadata).splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{metadata} line {number} is not JSON: correct or remove it") from error
        if isinstance(row, dict) and row.get("file_name") == name:
            return next((row[key] for key in _CAPTION_KEYS if isinstance(row.get(key), str)), "")
    return ""


def words_lead(concepts: Mapping[str, str], *, captions: bool) -> bool:
    """Return whether the words of a style come first in prompts, "[V] style, [W] style, {prompt}".

    Those of a divided style do, as with the authors of StyleForge (arXiv:2404.05256), unless it was learnt with
    captions: words come behind what a prompt shows then, where training had them.

    Args:
        concepts: Words of each part of a divided style; empty for others.
        captions: Whether style pictures were shown with "{caption}, {words}".
    """
    return bool(concepts) and not captions


def called_prompt(prompt: str, style_words: str, *, lead: bool) -> str:
    """Return a prompt that calls a style.

    Args:
        prompt: What to show.
        style_words: What the style is called, e.g. "zwx style".
        lead: Whether the words come first.
    """
    return f"{style_words}, {prompt}" if lead and prompt else styled_prompt(prompt, style_words)


def styled_prompt(caption: str | None, style_words: str) -> str:
    """Return "{caption}, {style_words}", or the style words alone.

    Words that begin with "in" need no comma: "a fox in [v] style", but "a fox, zwx style".
    """
    if not caption:
        return style_words
    return f"{caption} {style_words}" if style_words.startswith("in ") else f"{caption}, {style_words}"


def shortened_caption(caption: str, style_words: str, fits: Callable[[str], bool]) -> str:
    """Return as many words of a caption, from its beginning, as fit beside the words of the style.

    Args:
        caption: On one line.
        style_words: Kept whole.
        fits: Whether a text encoder reads all of a text at once.
    """
    if fits(styled_prompt(caption, style_words)):
        return caption
    words = caption.split()

    def start(length: int) -> str:
        return " ".join(words[:length]).rstrip(" ,;:.")

    return start(longest_start(len(words), lambda length: fits(styled_prompt(start(length), style_words))))
