"""The full grammar: one or two subjects by one hand, somewhere on a ground, all of it in a treatment or in none.

A composition is first planned, which is cheap, and then rendered. Both take their numbers from one generator.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from PIL import Image

from pretraining.data.compose import GROUNDS
from pretraining.data.grounds import SCENES, Ground, clashes, faded, gradient, is_full, plain, scene
from pretraining.data.layouts import Spot, draw_layout, middle, placed
from pretraining.data.library import Library
from pretraining.data.render import Picture
from pretraining.data.sets import TRAINED, find_set
from pretraining.data.split import is_held_out
from pretraining.data.treatments import Treatment, load_treatments

TREATED = 0.55
"""Share of compositions with a treatment, among those by hands that draw in colour."""

UNTREATED_HANDS = ("emojione-monotone",)
"""Hands whose drawings are ink only: there is nothing in them for a treatment to work on."""

PALE = ("white", "beige", "sky blue", "pink")
"""Grounds below a treatment that loses colours: paper, as far as the drawing stands out on it."""

FADED = {False: 0.5, True: 0.25}
"""How much paler a scene is below a treatment that loses or keeps colours: lines and tiles would merge otherwise."""

FAVOURED = 1 / 3
"""Share of simple compositions by hands that draw in colour that the favoured treatment is given to."""

TRIES = 12
"""How many grounds are drawn at most until the drawing stands out."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be in a picture; without spots the only subject fills it, and `ground` is its drawing."""

    hand: str
    subjects: tuple[str, ...]
    spots: tuple[Spot, ...]
    ground: Ground
    treatment: Treatment | None


def styles() -> list[str]:
    """Return the phrases of all hands, then of all treatments."""
    return [*(hand.phrase for hand in TRAINED), *load_treatments()]


def is_seen(subject: str, hand: str, treatment: Treatment | None) -> bool:
    """Return whether `subject` may be shown by `hand` and in `treatment`."""
    phrases = [find_set(hand).phrase, *([treatment.phrase] if treatment else [])]
    return not any(is_held_out(subject, phrase) for phrase in phrases)


@dataclass(frozen=True)
class Grammar:
    """All that compositions are drawn from.

    Attributes:
        library: The drawings.
        synonyms: Other names of a subject.
        plain: Share of compositions that are as simple as can be: they teach subjects soonest.
        favoured: Phrase of a treatment that simple compositions are shown in too; none if empty.
    """

    library: Library
    synonyms: dict[str, tuple[str, ...]] = field(default_factory=dict)
    plain: float = 0.0
    favoured: str = ""

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """Every (hand, subject) that may be shown."""
        return [(hand, subject) for hand, subject in self.library.rows if is_seen(subject, hand, None)]

    @cached_property
    def by_hand(self) -> dict[str, list[str]]:
        """The subjects that may be shown, by hand."""
        return {each.name: [subject for hand, subject in self.pairs if hand == each.name] for each in TRAINED}

    @cached_property
    def scenes(self) -> dict[str, list[str]]:
        """The scenes that a hand drew without gaps and that may be shown."""
        return {
            hand: [each for each in SCENES if each in subjects and is_full(self.library.drawing(hand, each))]
            for hand, subjects in self.by_hand.items()
        }

    def plan(self, hand: str, subject: str, rng: np.random.Generator) -> Plan:
        """Draw treatment, layout, second subject and ground for `subject` by `hand`."""
        if self.plain and rng.random() < self.plain:
            return self.plain_plan(hand, subject, rng)
        treatment = self.draw_treatment(hand, subject, rng)
        scenes = [each for each in self.scenes[hand] if is_seen(each, hand, treatment)]
        if subject in self.scenes[hand] and rng.random() < 0.6:
            own = scene(subject, self.library.drawing(hand, subject), rng)
            return Plan(hand, (subject,), (), Ground("full", "", own.picture), treatment)
        on_scene = bool(scenes) and subject not in SCENES and rng.random() < 0.28
        is_coarse = treatment is not None and treatment.coloured  # tiles, dabs and dots are too large for small things
        spots = draw_layout(rng, on_scene=on_scene, may_be_small=not is_coarse)
        subjects = (subject, *(self.partner(hand, subject, treatment, rng) for _ in spots[1:]))
        offered = self.offered_grounds(hand, scenes if on_scene else [], treatment, rng)
        inked = [placed(self.library.drawing(hand, each), spot) for each, spot in zip(subjects, spots, strict=True)]
        ground = next(offered)
        for _ in range(TRIES):
            if not any(clashes(np.asarray(drawing), ground.picture, nearness=90) for drawing in inked):
                break
            ground = next(offered)
        return Plan(hand, subjects, spots, ground, treatment)

    def plain_plan(self, hand: str, subject: str, rng: np.random.Generator) -> Plan:
        """Return one subject in the middle of a ground of one colour that it stands out on."""
        spot = middle(rng)
        inked, names = np.asarray(placed(self.library.drawing(hand, subject), spot)), list(GROUNDS)
        for _ in range(TRIES):
            ground = plain("white" if rng.random() < 0.15 else names[int(rng.integers(len(names)))])
            if not clashes(inked, ground.picture, nearness=90):
                break
        return Plan(hand, (subject,), (spot,), ground, self.draw_favoured(hand, subject, rng))

    def draw_favoured(self, hand: str, subject: str, rng: np.random.Generator) -> Treatment | None:
        """Return the favoured treatment now and then, if there is one and `subject` may be shown in it."""
        if not self.favoured or hand in UNTREATED_HANDS or rng.random() >= FAVOURED:
            return None
        favoured = load_treatments()[self.favoured]
        return favoured if is_seen(subject, hand, favoured) else None

    def draw_treatment(self, hand: str, subject: str, rng: np.random.Generator) -> Treatment | None:
        """Return a treatment that `subject` may be shown in, or None."""
        if hand in UNTREATED_HANDS or rng.random() >= TREATED:
            return None
        allowed = [each for each in load_treatments().values() if is_seen(subject, hand, each)]
        return allowed[int(rng.integers(len(allowed)))]

    def partner(self, hand: str, subject: str, treatment: Treatment | None, rng: np.random.Generator) -> str:
        """Return another subject by the same hand that may be shown in the same treatment, scenes excepted."""
        others = self.by_hand[hand]
        for place in rng.permutation(len(others)):
            other = others[int(place)]
            if other != subject and other not in SCENES and is_seen(other, hand, treatment):
                return other
        raise ValueError(f"{hand} has no subject to go with {subject}")

    def offered_grounds(
        self, hand: str, scenes: list[str], treatment: Treatment | None, rng: np.random.Generator
    ) -> Iterator[Ground]:
        """Yield grounds without end: scenes if there are any, paper for treatments without colour, else colours."""
        names, turn = list(GROUNDS), 0
        while True:
            if scenes:
                chosen = scenes[int(rng.integers(len(scenes)))]
                made = scene(chosen, self.library.drawing(hand, chosen), rng)
                yield faded(made, (255, 255, 255), FADED[treatment.coloured]) if treatment else made
            elif treatment and not treatment.coloured:
                yield plain(PALE[turn % len(PALE)])
            elif rng.random() < 0.3:
                first, last = rng.choice(len(names), 2, replace=False)
                yield gradient(names[first], names[last], downwards=bool(rng.random() < 0.7))
            else:
                yield plain("white" if rng.random() < 0.15 else names[int(rng.integers(len(names)))])
            turn += 1

    def render(self, plan: Plan, rng: np.random.Generator) -> Picture:
        """Return the planned picture, RGB uint8 (SIZE, SIZE, 3)."""
        canvas = Image.fromarray(plan.ground.picture)
        for subject, spot in zip(plan.subjects, plan.spots, strict=False):
            drawing = placed(self.library.drawing(plan.hand, subject), spot)
            canvas.paste(drawing, (0, 0), drawing)
        picture = np.asarray(canvas)
        return plan.treatment.treat(picture, rng) if plan.treatment else picture
