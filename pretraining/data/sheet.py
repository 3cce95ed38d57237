"""A labelled sheet of what the full grammar makes: a row for each treatment and hand, and a row for each part of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from textwrap import wrap

import numpy as np
from PIL import Image, ImageDraw

from pretraining.data.captions import ground_words, subject_words
from pretraining.data.grammar import Grammar, Plan
from pretraining.data.render import SIZE
from pretraining.data.sets import TRAINED
from pretraining.data.treatments import load_treatments

ACROSS, LABEL, MARGIN = 8, 54, 110
TRIES = 4000


def is_in_style(plan: Plan, treatment: str | None, hand: str | None) -> bool:
    """Return whether the plan has this treatment, or none for None, and this hand, or any for None."""
    phrase = plan.treatment.phrase if plan.treatment else None
    return phrase == treatment and hand in (None, plan.hand)


def sorts() -> dict[str, Callable[[Plan], bool]]:
    """Return what each row shows, and which plans belong into it."""
    by_treatment = {name: partial(is_in_style, treatment=name, hand=None) for name in load_treatments()}
    by_hand = {hand.phrase: partial(is_in_style, treatment=None, hand=hand.name) for hand in TRAINED}
    parts: dict[str, Callable[[Plan], bool]] = {
        "gradient": lambda plan: plan.ground.kind == "gradient" and plan.treatment is None,
        "scene": lambda plan: plan.ground.kind == "scene" and plan.treatment is None,
        "two subjects": lambda plan: len(plan.subjects) == 2,
        "small or large": lambda plan: len(plan.spots) == 1 and bool(plan.spots[0].size),
        "left or right": lambda plan: len(plan.spots) == 1 and bool(plan.spots[0].place),
        "scene alone": lambda plan: plan.ground.kind == "full",
    }
    return {**by_treatment, **by_hand, **parts}


def draw_plan(grammar: Grammar, is_wanted: Callable[[Plan], bool], rng: np.random.Generator) -> Plan | None:
    """Return the first plan of the wanted sort for pairs drawn at random, or None when there is none to be found."""
    for _ in range(TRIES):
        hand, subject = grammar.pairs[int(rng.integers(len(grammar.pairs)))]
        if is_wanted(plan := grammar.plan(hand, subject, rng)):
            return plan
    return None


def write_sheet(grammar: Grammar, path: Path, seed: int) -> None:
    """Write the sheet as a PNG; below each picture are the words for its subjects and its ground."""
    wanted = sorts()
    height = SIZE + LABEL
    sheet = Image.new("RGB", (MARGIN + ACROSS * (SIZE + 4), len(wanted) * height), (40, 40, 44))
    pen = ImageDraw.Draw(sheet)
    for row, (name, is_wanted) in enumerate(wanted.items()):
        rng = np.random.default_rng((seed, row))
        pen.multiline_text((4, row * height + 4), "\n".join(wrap(name, 16)), fill="white")
        for column in range(ACROSS):
            if (plan := draw_plan(grammar, is_wanted, rng)) is None:
                break
            corner = (MARGIN + column * (SIZE + 4), row * height)
            sheet.paste(Image.fromarray(grammar.render(plan, rng)), corner)
            words = f"{subject_words(plan, grammar, rng)} {ground_words(plan)}"
            pen.multiline_text((corner[0], corner[1] + SIZE + 1), "\n".join(wrap(words, 22)[:4]), fill="white")
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)
