"""Build the sample style packs: drawings by an unseen hand to learn a style from, auxiliary ones, and some held out.

Every picture is one drawing, centred on a plain ground, with a caption that names subject and ground but no style. A
pack folder is a product of this file alone and is replaced as a whole; the same run writes the same bytes again.

Run: `python -m pretraining.data.packs`
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from pretraining.data.compose import COLOURS, centred, clashes
from pretraining.data.fetch import read_icons
from pretraining.data.picture import Picture
from pretraining.data.render import render_svg, svg_of
from pretraining.data.sets import TRAINED, EmojiSet, find_set
from pretraining.data.subjects import PEOPLE, V0, spoken, with_article

PACKS = Path("src/impasto/pocket/packs")
TITLES = {
    "openmoji": "OpenMoji",
    "emojione-v1": "Emoji One, first version",
    "fluent-emoji-high-contrast": "High contrast",
}
"""Titles of the packs, by the hand that draws them."""
IDENTIFIER = "zwx"
SIDE = 116

_STYLE = """
face-with-tears-of-joy clown-face cowboy-hat-face girl ogre princess police-officer thinking-face old-man robot
fox turtle butterfly hamburger rocket wrapped-gift desert-island house-with-garden castle sunrise-over-mountains
"""
STYLE: tuple[str, ...] = tuple(_STYLE.split())
"""What the style pictures show: ten people and faces, then ten animals, objects and places."""

_AUXILIARY = """
winking-face nerd-face angry-face smiling-face-with-halo face-with-medical-mask baby prince man guard skull
wolf cat-face tropical-fish watermelon guitar hospital mount-fuji airplane classical-building palm-tree
"""
AUXILIARY: tuple[str, ...] = tuple(_AUXILIARY.split())
"""What the auxiliary pictures show: ten people and faces, then ten others. Disjoint from `STYLE` and `DEMO`."""

_DEMO = """
grinning-face smiling-face-with-sunglasses crying-face ghost alien old-woman santa-claus construction-worker
lion dog-face octopus penguin red-apple mushroom automobile umbrella
volcano desert houses church tokyo-tower ferris-wheel circus-tent rainbow
"""
DEMO: tuple[str, ...] = tuple(_DEMO.split())
"""Held-out subjects that make a good demonstration: eight people and faces, eight things, eight places."""

CYCLE: tuple[str, ...] = (
    *("white", "sky blue", "pink", "white", "green", "beige", "orange"),
    *("white", "teal", "yellow", "white", "red", "gray", "blue"),
)
"""Grounds in the order they are dealt out. OpenMoji outlines are black, so the dark grounds are not among them."""

LICENCES: dict[str, tuple[str, str]] = {
    "Apache-2.0": ("Apache License 2.0", "https://www.apache.org/licenses/LICENSE-2.0"),
    "CC-BY-4.0": ("CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/"),
    "CC-BY-SA-4.0": ("CC BY-SA 4.0", "https://creativecommons.org/licenses/by-sa/4.0/"),
    "MIT": ("MIT License", "https://github.com/microsoft/fluentui-emoji/blob/main/LICENSE"),
}
"""Title and address of each licence, by SPDX identifier."""

_EMOJIONE = "Emojitwo (https://github.com/EmojiTwo/emojitwo), originally released as Emojione 2.2 by Ranks.com"
CREDITS: dict[str, str] = {
    "noto": "Noto Emoji by Google Inc (https://github.com/googlefonts/noto-emoji)",
    "noto-v1": "Noto Emoji, first version, by Google Inc (https://github.com/googlefonts/noto-emoji)",
    "twemoji": "Twemoji by Twitter, Inc and other contributors (https://github.com/jdecked/twemoji)",
    "emojione": _EMOJIONE,
    "emojione-monotone": _EMOJIONE,
    "fluent-emoji": "Fluent Emoji by Microsoft Corporation (https://github.com/microsoft/fluentui-emoji)",
    "fluent-emoji-flat": "Fluent Emoji by Microsoft Corporation (https://github.com/microsoft/fluentui-emoji)",
    "openmoji": "OpenMoji (https://openmoji.org/), the open-source emoji and icon project",
    "emojione-v1": "Emoji One, first version, by Ranks.com (https://github.com/EmojiTwo/emojitwo)",
    "fluent-emoji-high-contrast": "Fluent Emoji by Microsoft Corporation (https://github.com/microsoft/fluentui-emoji)",
}
"""Whom to credit for the drawings of each hand."""


def draw(hand: EmojiSet, subjects: Iterable[str]) -> dict[str, Picture]:
    """Return the RGBA drawings of `subjects` by `hand`, in the order given; what the hand never drew is left out."""
    icons = read_icons(hand)
    return {slug: render_svg(svg) for slug in subjects if (svg := svg_of(icons, slug)) is not None}


def ground_for(drawing: Picture, place: int) -> str:
    """Return the ground at `place` of the endless `CYCLE`, or the first one after it that the drawing stands out on."""
    turned = [CYCLE[(place + step) % len(CYCLE)] for step in range(len(CYCLE))]
    return next((ground for ground in turned if not clashes(drawing, COLOURS[ground])), turned[0])


def style_subjects(drawn: Iterable[str]) -> list[str]:
    """Return what the style pictures show: `STYLE`, with others in the place of what the hand never drew."""
    known = set(drawn)
    others = [slug for slug in V0 if slug not in {*STYLE, *AUXILIARY, *DEMO}]
    return [slug for slug in (*STYLE, *others) if slug in known][: len(STYLE)]


def write_pictures(folder: Path, drawings: dict[str, Picture]) -> int:
    """Write NAME.png and NAME.txt for every drawing and return how many there are."""
    folder.mkdir(parents=True)
    for place, (slug, drawing) in enumerate(drawings.items()):
        ground = ground_for(drawing, place)
        picture = centred(drawing, COLOURS[ground], SIDE)
        Image.fromarray(picture).save(folder / f"{slug}.png", optimize=True)
        caption = f"{with_article(spoken(slug))} on {with_article(ground)} background"
        (folder / f"{slug}.txt").write_text(f"{caption}\n", "utf-8")
    return len(drawings)


def attribution(hand: EmojiSet) -> str:
    """Return one line that credits the drawings of `hand` and says what was changed."""
    title, address = LICENCES[hand.licence]
    changes = "changes: rendered at 128x128 on plain grounds"
    return f"Drawings: {CREDITS[hand.name]}; licence {title} ({address}); {changes}"


def described(hand: EmojiSet) -> dict[str, object]:
    """Return the hand, its licence and its source as `pack.json` holds them."""
    return {
        "hand": hand.name,
        "licence": hand.licence,
        "licence_url": LICENCES[hand.licence][1],
        "attribution": attribution(hand),
        "source": {"package": f"@iconify-json/{hand.name}", "version": hand.version},
    }


def write_description(folder: Path, hand: EmojiSet, auxiliary: EmojiSet, counts: dict[str, int]) -> None:
    """Write `pack.json` and `ATTRIBUTION.md`."""
    demo = [slug for slug in DEMO if (folder / "held_out" / f"{slug}.png").exists()]
    people = [slug for slug in PEOPLE if list(folder.glob(f"*/{slug}.png"))]
    pack = {
        "name": hand.name,
        "title": TITLES[hand.name],
        **described(hand),
        "identifier": IDENTIFIER,
        "auxiliary": described(auxiliary),
        "demo": demo,
        "people": people,
        "counts": {**counts, "demo": len(demo)},
    }
    (folder / "pack.json").write_text(json.dumps(pack, indent=2) + "\n", "utf-8")
    attributed = (
        "# Attribution\n\n"
        f"- `style/` and `held_out/`: {attribution(hand)}.\n"
        f"- `auxiliary/`: {attribution(auxiliary)}.\n\n"
        "The pictures keep these licences; the Apache-2.0 licence of the code does not extend to them.\n"
        "Neither project endorses this one.\n"
    )
    (folder / "ATTRIBUTION.md").write_text(attributed, "utf-8")


def swap(staging: Path, target: Path) -> None:
    """Put the folder `staging` in the place of `target`; when that fails, `target` is as it was."""
    former = target.with_name(f".{target.name}.{os.getpid()}.former")
    if target.exists():
        target.rename(former)
    try:
        staging.rename(target)
    except OSError:
        if former.exists():
            former.rename(target)
        raise
    shutil.rmtree(former, ignore_errors=True)


def build_pack(target: Path, hand_name: str, aux_hand: str) -> tuple[dict[str, int], dict[str, list[str]]]:
    """Build the pack at `target`.

    Args:
        target: Folder of the pack; replaced as a whole.
        hand_name: Name of the set that drew the style pictures.
        aux_hand: Name of the set that drew the auxiliary pictures.

    Returns:
        How many pictures each folder has, and the subjects that each hand lacks.
    """
    hand, auxiliary = find_set(hand_name), find_set(aux_hand)
    drawn, drawn_aux = draw(hand, (*STYLE, *(slug for slug in V0 if slug not in STYLE))), draw(auxiliary, AUXILIARY)
    style = style_subjects(drawn)
    folders = {
        "style": {slug: drawn[slug] for slug in style},
        "auxiliary": drawn_aux,
        "held_out": {slug: drawing for slug, drawing in drawn.items() if slug not in style},
    }
    staging = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        counts = {name: write_pictures(staging / name, drawings) for name, drawings in folders.items()}
        write_description(staging, hand, auxiliary, counts)
        swap(staging, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    missing = {
        hand.name: [slug for slug in V0 if slug not in drawn],
        auxiliary.name: [slug for slug in AUXILIARY if slug not in drawn_aux],
    }
    return counts, missing


def main() -> None:
    """Build the packs and say what is in them and what could not be drawn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--aux-hand", choices=[each.name for each in TRAINED], default="twemoji")
    parser.add_argument("--packs", nargs="+", choices=list(TITLES), default=list(TITLES))
    chosen = parser.parse_args()
    for pack in chosen.packs:
        counts, missing = build_pack(PACKS / pack, pack, chosen.aux_hand)
        print(f"{pack}: {', '.join(f'{count} {name}' for name, count in counts.items())}")
        for hand, slugs in missing.items():
            print(f"  {hand} lacks: {', '.join(slugs) or 'nothing'}")


if __name__ == "__main__":
    main()
