"""Which subject a prompt asks for, and whether a drawn picture shows it: for pocket, whose judge names subjects."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

from PIL import Image

from impasto.captioning.pocket_vocabulary import spoken
from impasto.features._pocket_judge import PocketJudge

_WORD = re.compile(r"[^\W\d_]+")
_AMONG = 3
"""A subject counts as shown if it is among the first so many that the judge names of a hundred."""


class SubjectsShown:
    """Tells in how many pictures the subject that was asked for is recognised."""

    @cached_property
    def _judge(self) -> PocketJudge:
        return PocketJudge()

    def asked(self, prompts: Sequence[str]) -> list[str | None]:
        """Return the subject that each prompt names, the longest of those that the judge knows; None without one."""
        known = sorted(self._judge.subjects, key=len, reverse=True)
        read = [f" {' '.join(_WORD.findall(prompt.lower()))} " for prompt in prompts]
        return [next((each for each in known if f" {spoken(each)} " in words), None) for words in read]

    def count(self, prompts: Sequence[str], pictures: Sequence[Image.Image]) -> tuple[int, int]:
        """Return in how many pictures the subject is recognised, and how many prompts name one."""
        asked = self.asked(prompts)
        first = self._judge.shares(pictures).topk(_AMONG, dim=1).indices.tolist()
        named = [{self._judge.subjects[place] for place in places} for places in first]
        kept = sum(subject in shown for subject, shown in zip(asked, named, strict=True))
        return kept, sum(subject is not None for subject in asked)
