"""Take a prompt apart: who is in it and where, so that each clause is followed by the words of its own style.

Done by rule, with lists of words and prepositions: the same prompt always comes apart the same way.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from impasto.data.captions import called_prompt
from impasto.data.subdivision import BACKGROUNDS, PEOPLE

_PEOPLE = frozenset(
    """
    person people man men woman women boy boys girl girls baby babies child children kid kids lady ladies gentleman
    couple family crowd portrait face faces selfie bride groom mother father sister brother friend friends queen king
    prince princess knight soldier sailor warrior wizard witch dancer singer musician painter artist chef cook doctor
    nurse teacher student farmer fisherman worker officer guard astronaut pirate clown santa monk nun grandmother
    grandfather teenager toddler hero heroine player rider driver he she elder samurai ballerina
    """.split()
)
_PLACES = frozenset(
    """
    background landscape landscapes scenery skyline city cityscape town village street streets road alley square market
    house houses home cottage cabin castle palace tower church temple mosque cathedral building buildings hotel hospital
    school museum station bridge harbour harbor port garden gardens park field fields meadow farm forest woods jungle
    desert mountain mountains hill hills valley canyon cliff volcano island beach coast shore sea ocean lake river
    waterfall pond sky clouds sunset sunrise night space moon planet room kitchen bedroom library office cafe restaurant
    bar hall interior window ruins snow rain countryside horizon
    """.split()
)
_PLACE_STARTS = (
    *("in front of", "on top of", "next to", "in", "on", "at", "inside", "outside", "near", "beside", "behind"),
    *("under", "above", "below", "by", "over", "along", "across", "through", "among", "against", "around", "beneath"),
)
_BREAK = re.compile(
    rf"\s*,\s*|\s+(?=(?:{'|'.join(_PLACE_STARTS)})\b)|\s+(?=with\s+(?:\w+\s+){{0,4}}background\b)", re.IGNORECASE
)


def can_decompose(concepts: Collection[str]) -> bool:
    """Return whether a style is divided into people and backgrounds, which clauses are told by."""
    return {PEOPLE, BACKGROUNDS} <= set(concepts)


def called_by_clause(prompt: str, style_words: str, concepts: Mapping[str, str], *, lead: bool) -> str:
    """Return a prompt that calls a style in each clause; without clauses of its parts, as `called_prompt` does."""
    split = decomposed(prompt, concepts) if can_decompose(concepts) else None
    return split or called_prompt(prompt, style_words, lead=lead)


def decomposed(prompt: str, words: Mapping[str, str]) -> str | None:
    """Return the prompt with each clause followed by the words of its concept, or None when no clause is found.

    "an old woman in a garden" becomes "an old woman, zwx style, in a garden, ukj style". Clauses of neither kind stay
    with the clause before them. A prompt without people gets no words for people, and the other way round.

    Args:
        prompt: What to show.
        words: Words of the style by concept, "people" and "backgrounds" among them.
    """
    parts: list[tuple[str, list[str]]] = []
    for clause in filter(None, _BREAK.split(prompt.strip())):
        concept = _concept_of(clause, parts[-1][0] if parts else "")
        if parts and concept in {"", parts[-1][0]}:
            parts[-1][1].append(clause)
        elif parts and not parts[-1][0]:
            parts[-1] = (concept, [*parts[-1][1], clause])
        else:
            parts.append((concept, [clause]))
    if not any(concept for concept, _ in parts):
        return None
    return ", ".join(_spoken(clauses) + (f", {words[concept]}" if concept else "") for concept, clauses in parts)


def _concept_of(clause: str, before: str) -> str:
    """Return the concept of a clause, or nothing; a place that people are at is a place, whoever else is there."""
    said = re.findall(r"[a-z]+", clause.lower())
    starts_as_place = bool(re.match(rf"(?:{'|'.join(_PLACE_STARTS)})\b", clause, re.IGNORECASE))
    has_people, has_place = any(word in _PEOPLE for word in said), any(word in _PLACES for word in said)
    if has_people and not (starts_as_place and has_place and before == PEOPLE):
        return PEOPLE
    return BACKGROUNDS if has_place else ""


def _spoken(clauses: list[str]) -> str:
    """Return clauses as one phrase: those that begin with a preposition need no comma."""
    phrase = clauses[0]
    for clause in clauses[1:]:
        joins = re.match(rf"(?:with|{'|'.join(_PLACE_STARTS)})\b", clause, re.IGNORECASE)
        phrase += f" {clause}" if joins else f", {clause}"
    return phrase
