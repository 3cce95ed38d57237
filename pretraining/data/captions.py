"""What a planned picture is called: "a small fox on the left, on a blue to pink gradient, pixel art style".

As in the v0 grammar, parts are left out now and then, and now and then the style is a random string: a word nobody
knows then means "any hand", which is where the identifier of a new style starts from. Treatments are always named:
no word, and an unknown one, mean a drawing as the hands make it.
"""

from __future__ import annotations

from string import ascii_lowercase

import numpy as np

from pretraining.data.grammar import Grammar, Plan
from pretraining.data.nouns import name_of, noun
from pretraining.data.sets import find_set

SYNONYM, OTHER_NAME = 0.2, 0.25
"""How often a subject that has synonyms, and a treatment, is called by another name."""


def style_words(plan: Plan, rng: np.random.Generator) -> str:
    """Return the phrase for the style: the hand's, or the treatment's, which is now and then added to the hand's."""
    hand = f"{find_set(plan.hand).phrase} style"
    if plan.treatment is None:
        return hand
    other = plan.treatment.also[int(rng.integers(len(plan.treatment.also)))]
    treatment = f"{other if rng.random() < OTHER_NAME else plan.treatment.phrase} style"
    return f"{hand}, {treatment}" if rng.random() < 0.15 else treatment


def subject_words(plan: Plan, grammar: Grammar, rng: np.random.Generator) -> str:
    """Return the words for the subjects, their sizes and their places."""
    named = []
    for index, subject in enumerate(plan.subjects):
        names = grammar.synonyms.get(subject, ())
        is_other = bool(names) and rng.random() < SYNONYM
        words = names[int(rng.integers(len(names)))] if is_other else name_of(subject)
        named.append(noun(words, plan.spots[index].size if plan.spots else ""))
    if len(named) == 1:
        return f"{named[0]} {plan.spots[0].place}".strip() if plan.spots else named[0]
    drawn = rng.random()
    if drawn < 0.35:
        return " and ".join(f"{each} {spot.place}" for each, spot in zip(named, plan.spots, strict=True))
    return " and ".join(named) + (" side by side" if drawn < 0.5 else "")


def ground_words(plan: Plan) -> str:
    """Return the words for the ground; none where a treatment leaves nothing of its colour."""
    is_lost = plan.treatment is not None and not plan.treatment.coloured and plan.ground.kind != "scene"
    return "" if is_lost else plan.ground.words


def caption(plan: Plan, grammar: Grammar, rng: np.random.Generator) -> str:
    """Return the caption, with parts left out now and then."""
    drawn = rng.random()
    style = style_words(plan, rng)
    if drawn < 0.03:
        return style
    where = "" if 0.03 <= drawn < 0.1 else ground_words(plan)
    is_named = plan.treatment is not None
    if 0.1 <= drawn < 0.18 and not is_named:
        style = f"{''.join(rng.choice(list(ascii_lowercase), 3))} style"
    what = subject_words(plan, grammar, rng)
    link = ", " if any(spot.place and what.endswith(spot.place) for spot in plan.spots) else " "
    placed = f"{what}{link}{where}" if where else what
    return placed if 0.18 <= drawn < 0.28 and not is_named else f"{placed}, {style}"
