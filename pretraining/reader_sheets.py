"""Sheets of pictures for a reader who gets them alone: numbered, without words; what they show goes into a key.

The first 24 evaluation prompts by hash are drawn, once, whatever comes out. Twelve renders are mixed in as a control,
at places that the hash decides too. Of a style that was learnt: 24 held-out subjects, then for each the artist's own
drawing above two rows, before and after, A and B by hash.

Run: `python -m pretraining.reader_sheets` for what plain pocket draws
     `python -m pretraining.reader_sheets --pack openmoji --style openmoji.safetensors` for a style
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from impasto.data.held_out import HeldOut, read_held_out
from impasto.data.packs import find_pack
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import open_base
from impasto.style.attach import attached
from impasto.style.file import load_style
from pretraining.evaluate_prompts import PER_KIND, PLAIN_PER_SUBJECT, Asked, Row, plain_prompts, styled_prompts
from pretraining.fresh import FRESH, read_fresh
from pretraining.measures import draw_prompts
from pretraining.reader_score import PROMPTS, READER

DRAWN, CONTROL, SEED = 24, 12, 0
COLUMNS, ROWS = 4, 3
"""Of a sheet on which single pictures are named."""
PAIRS = 6
"""Columns of a sheet on which two rows are compared."""
SIDE, MARGIN = 224, 30
"""Pixels of a picture on a sheet, and above it, for its number."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture on a sheet: what it shows, and whether it was drawn ("drawn") or is real ("control")."""

    subject: str
    kind: str
    prompt: str
    picture: Image.Image

    def facts(self) -> dict[str, str]:
        """Return what the key says of it."""
        return {"subject": self.subject, "kind": self.kind, "prompt": self.prompt}


def digest(text: str) -> bytes:
    """Return the hash that decides order and choice."""
    return hashlib.sha256(f"reader {SEED}\n{text}".encode()).digest()


def by_hash(items: Iterable[Item], text: Callable[[Item], str]) -> list[Item]:
    """Return the items in the order of the hashes of their texts."""
    return sorted(items, key=lambda item: digest(text(item)))


def sheet(cells: Sequence[Sequence[tuple[str, Image.Image]]]) -> Image.Image:
    """Return rows of pictures on white, each below its label."""
    width = max(len(row) for row in cells)
    made = Image.new("RGB", (width * (SIDE + MARGIN), len(cells) * (SIDE + MARGIN) + MARGIN // 2), "white")
    pen, font = ImageDraw.Draw(made), ImageFont.load_default(size=20)
    for y, row in enumerate(cells):
        for x, (label, picture) in enumerate(row):
            left, top = x * (SIDE + MARGIN) + MARGIN // 2, y * (SIDE + MARGIN) + MARGIN
            made.paste(picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC), (left, top))
            pen.text((left, top - 25), label, fill="black", font=font)
    return made


def save_sheet(cells: Sequence[Sequence[tuple[str, Image.Image]]], path: Path) -> None:
    """Write a sheet as PNG in all its colours: with 256 of them shades become steps, which a reader takes for blots."""
    sheet(cells).save(path, quality=90, method=6)


def write_pictures(shown: Sequence[Shown], folder: Path) -> dict[str, dict[str, str]]:
    """Write `pictures-1.webp` and so on; returns the key by number."""
    placed = by_hash(shown, lambda each: f"place\n{each.kind}\n{each.prompt}")
    cells = [(str(number), each.picture) for number, each in enumerate(placed, 1)]
    for first in range(0, len(cells), COLUMNS * ROWS):
        part = cells[first : first + COLUMNS * ROWS]
        lines = [part[start : start + COLUMNS] for start in range(0, len(part), COLUMNS)]
        save_sheet(lines, folder / f"pictures-{first // (COLUMNS * ROWS) + 1}.webp")
    return {str(number): each.facts() for number, each in enumerate(placed, 1)}


def write_rows(
    subjects: Sequence[HeldOut], before: Sequence[Image.Image], after: Sequence[Image.Image], folder: Path
) -> dict[str, str]:
    """Write `rows-1.webp` and so on: the artist's drawing, A and B; returns which of both is after, by number."""
    is_first = [digest(f"rows\n{each.name}")[0] % 2 == 0 for each in subjects]
    for first in range(0, len(subjects), PAIRS):
        numbers = range(first, min(first + PAIRS, len(subjects)))
        lines = [
            [(f"{number + 1}: artist", subjects[number].picture) for number in numbers],
            [("A", (after if is_first[number] else before)[number]) for number in numbers],
            [("B", (before if is_first[number] else after)[number]) for number in numbers],
        ]
        save_sheet(lines, folder / f"rows-{first // PAIRS + 1}.webp")
    return {str(number): "A" if leads else "B" for number, leads in enumerate(is_first, 1)}


def chosen_prompts(rows: Sequence[Row], plain: int, per_kind: int) -> tuple[list[Asked], list[Asked]]:
    """Return the evaluation prompts that are drawn, and those whose renders are shown as a control."""
    rng = np.random.default_rng(SEED)
    asked = [*plain_prompts(rows, rng, plain), *styled_prompts(rows, rng, per_kind)]
    ordered = by_hash(asked, lambda each: each.prompt)
    return ordered[:DRAWN], ordered[DRAWN : DRAWN + CONTROL]


def of_prompts(base: LatentDiffusion, renders: Tensor, drawn: Sequence[Asked], control: Sequence[Asked]) -> list[Shown]:
    """Return what plain pocket draws, and renders."""
    pictures = draw_prompts(base, [each.prompt for each in drawn])
    shown = [Shown(each.subject, "drawn", each.prompt, image) for each, image in zip(drawn, pictures, strict=True)]
    for each in control:
        image = Image.fromarray(renders[each.render].permute(1, 2, 0).numpy())
        shown.append(Shown(each.subject, "control", each.prompt, image))
    return shown


def of_style(base: LatentDiffusion, pack: str, file: Path, folder: Path) -> dict[str, object]:
    """Write the sheets of a style that was learnt on `pack`; returns their key."""
    subjects = read_held_out(find_pack(pack), demo_only=True)[:DRAWN]
    others = [each for each in read_held_out(find_pack(pack), demo_only=False) if each.name not in find_pack(pack).demo]
    style = load_style(file)
    prompts = [f"{each.caption}, {style.card.style_words}" for each in subjects]
    before = draw_prompts(base, prompts)
    with attached(base, [(style, 1.0)]):
        after = draw_prompts(base, prompts)
    shown = [
        Shown(*each) for each in zip((s.name for s in subjects), ["drawn"] * len(subjects), prompts, after, strict=True)
    ]
    control = by_hash(others, lambda each: each.name)[:CONTROL]
    shown += [Shown(each.name, "control", each.caption, each.picture) for each in control]
    return {"pictures": write_pictures(shown, folder), "rows": write_rows(subjects, before, after, folder)}


def main() -> None:
    """Write sheets and key of one folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", default="pocket", help="pocket, or a diffusers folder")
    parser.add_argument("--fresh", type=Path, default=FRESH, help="folder of fresh renders")
    parser.add_argument("--pack", help="the pack that a style was learnt from")
    parser.add_argument("--style", type=Path, help="the style file")
    parser.add_argument("--out", type=Path, default=READER)
    chosen = parser.parse_args()
    if bool(chosen.pack) != bool(chosen.style):
        parser.error("--pack and --style go together")
    folder, base = chosen.out / (chosen.pack or PROMPTS), open_base(chosen.base)
    folder.mkdir(parents=True, exist_ok=True)
    if chosen.pack:
        key = of_style(base, chosen.pack, chosen.style, folder)
    else:
        renders, rows = read_fresh(chosen.fresh)
        drawn, control = chosen_prompts(rows, PLAIN_PER_SUBJECT, PER_KIND)
        key = {"pictures": write_pictures(of_prompts(base, renders, drawn, control), folder)}
    (folder / "key.json").write_text(json.dumps(key, indent=2) + "\n", "utf-8")
    print(f"{folder}: {len(list(folder.glob('*.webp')))} sheets and key.json")


if __name__ == "__main__":
    main()
