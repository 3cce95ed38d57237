"""Methods by what a person wants of them; the others are one click further."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Purpose:
    """One wish.

    Attributes:
        method: What does it.
        title: The wish, in the words of whoever has it.
        about: What happens, in a sentence.
        settings: Options that go with it.
    """

    method: str
    title: str
    about: str
    settings: tuple[tuple[str, str], ...] = ()

    def as_json(self) -> dict[str, object]:
        """Return it for the page."""
        return {**asdict(self), "settings": dict(self.settings)}


PURPOSES = (
    Purpose(
        "styleforge",
        "A style from 15 to 20 pictures",
        "Learns how they are drawn, and leaves alone what they show.",
    ),
    Purpose(
        "b_lora",
        "Style and content of one picture",
        "Learns both apart, to put one into the other later.",
    ),
    Purpose(
        "multi_styleforge",
        "People and backgrounds apart",
        "Two parts of one style, each with words of its own.",
    ),
)
