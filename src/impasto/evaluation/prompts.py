"""Which words belong to which picture.

In this order: a file that `--prompts` names, the JSON sidecar beside a picture, the caption beside it. A CSV pairs by
name (`fox.png` or `fox`). A TXT has no names: its lines belong to the pictures in the order of their names, each to
equally many in a row, as `impasto generate` numbers them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from impasto.core.errors import ConfigError, DataError
from impasto.data.captions import caption_of, styled_prompt
from impasto.data.tables import columns_of, rows_of

_COLUMNS = ["name", "prompt"]


@dataclass(frozen=True, slots=True)
class Prompts:
    """The words of each picture, in order.

    Attributes:
        bare: Without style words, or whole if nobody said which these are.
        styled: With style words, or None if nobody said which these are.
    """

    bare: tuple[str, ...]
    styled: tuple[str, ...] | None


def find_prompts(pictures: Sequence[Path], file: Path | None, style_words: str) -> Prompts | None:
    """Return the words of each picture, or None when there are none.

    Raises:
        ConfigError: The style words have no prompts to stand in.
        DataError: Some pictures have words and others none, or the file does not fit the pictures.
    """
    found = _running(pictures) if file is None else _from_file(file, pictures)
    if found is None:
        if style_words:
            raise ConfigError(
                f"--style-words {style_words!r} have no effect: there are no sidecars or captions; name --prompts FILE"
            )
        return None
    if not style_words:
        return Prompts(tuple(found), None)
    bare = tuple(without_style_words(prompt, style_words) for prompt in found)
    return Prompts(bare, tuple(styled_prompt(prompt, style_words) for prompt in bare))


def without_style_words(prompt: str, words: str) -> str:
    """Return the prompt without the style words at its end or beginning.

    Raises:
        DataError: They stand in its middle, or nothing else is in it.
    """
    bare = prompt.removesuffix(words).rstrip(" ,") if prompt.endswith(words) else prompt
    bare = bare.removeprefix(words).lstrip(" ,") if bare.startswith(words) else bare
    if not bare:
        raise DataError(f"prompt {prompt!r} has nothing but style words: there is no subject to measure")
    if words in bare:
        raise DataError(
            f"prompt {prompt!r} has the style words {words!r} in its middle: give it without them, --prompts FILE"
        )
    return bare


def _running(pictures: Sequence[Path]) -> list[str] | None:
    found = [_sidecar_prompt(path) or caption_of(path) for path in pictures]
    without = [path.name for path, prompt in zip(pictures, found, strict=True) if prompt is None]
    if len(without) == len(pictures):
        return None
    if without:
        raise DataError(
            f"{len(without)} of {len(pictures)} pictures have no words, such as {without[0]}: put a sidecar "
            f"{Path(without[0]).stem}.json or a caption {Path(without[0]).stem}.txt beside it, or name --prompts FILE"
        )
    return [prompt for prompt in found if prompt is not None]


def _sidecar_prompt(picture: Path) -> str | None:
    path = picture.with_suffix(".json")
    if not path.is_file():
        return None
    try:
        facts = json.loads(path.read_text("utf-8"))
    except (UnicodeDecodeError, ValueError) as error:
        raise DataError(f"sidecar {path} is not JSON: remove it, or name --prompts FILE") from error
    prompt = facts.get("prompt") if isinstance(facts, dict) else None
    if not isinstance(prompt, str) or not prompt:
        raise DataError(f"sidecar {path} has no prompt: remove it, or name --prompts FILE")
    return prompt


def _from_file(file: Path, pictures: Sequence[Path]) -> list[str]:
    if file.suffix.lower() not in {".csv", ".txt"}:
        raise ConfigError(f"--prompts {file} must end in .csv (columns name and prompt) or .txt (a prompt a line)")
    try:
        text = file.read_bytes().decode("utf-8-sig")  # with its line breaks as they are
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"--prompts {file} cannot be read as UTF-8 text: check the path and save it as UTF-8"
        ) from error
    if file.suffix.lower() == ".csv":
        return _by_name(_rows(text, file), file, pictures)
    return _by_order([line.strip() for line in text.splitlines() if line.strip()], file, pictures)


def _rows(text: str, file: Path) -> dict[str, str]:
    if (columns := columns_of(text)) != _COLUMNS:
        raise DataError(f"--prompts {file} has columns {columns}: the first line must be name,prompt")
    rows: dict[str, str] = {}
    for row in rows_of(text, f"--prompts {file}"):
        name, prompt = row.fields["name"].removesuffix(".png"), row.fields["prompt"]
        if not name or not prompt or name in rows:
            problem = f"names {name} twice" if name in rows else "lacks a name or a prompt"
            raise DataError(f"--prompts {file} line {row.line} {problem}: give each picture one line name,prompt")
        rows[name] = prompt
    return rows


def _by_name(rows: Mapping[str, str], file: Path, pictures: Sequence[Path]) -> list[str]:
    stems = [path.stem for path in pictures]
    missing, unused = [stem for stem in stems if stem not in rows], sorted(set(rows) - set(stems))
    if missing or unused:
        what = f"no line for {missing[0]}.png" if missing else f"a line for {unused[0]}, of which there is no picture"
        raise DataError(f"--prompts {file} has {what}: names are file names, with or without .png")
    return [rows[stem] for stem in stems]


def _by_order(lines: Sequence[str], file: Path, pictures: Sequence[Path]) -> list[str]:
    if not lines or len(pictures) % len(lines):
        raise DataError(
            f"--prompts {file} has {len(lines)} prompts for {len(pictures)} pictures: each must belong to equally many,"
            " in the order of names; use a CSV with columns name and prompt to pair by name"
        )
    each = len(pictures) // len(lines)
    return [line for line in lines for _ in range(each)]
