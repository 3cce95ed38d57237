"""Styles as the user names them: `FILE`, `FILE@ROLE`, `FILE:SCALE` or `FILE@ROLE:SCALE`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from impasto.core.digest import digest_of_file
from impasto.core.errors import ConfigError
from impasto.core.files import is_file, is_folder
from impasto.data.captions import called_prompt
from impasto.data.decompose import called_by_clause, can_decompose
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.roles import Roles
from impasto.style.attach import verify
from impasto.style.embeddings import EMBEDDINGS
from impasto.style.file import Style, load_style
from impasto.style.select import select_role

_CONTENT, _STYLE = "content", "style"


@dataclass(frozen=True, slots=True)
class NamedStyle:
    """A loaded style, its strength and where it came from.

    Attributes:
        path: Its file.
        scale: Its strength: W = W0 + scale · ΔW.
        style: What is attached.
        role: The only role of it that is used, or None for all of it.
    """

    path: Path
    scale: float
    style: Style
    role: str | None = None

    def label(self) -> str:
        """Return how the user would name it."""
        return f"{self.path}{'' if self.role is None else '@' + self.role}"

    def identity(self) -> dict[str, str | float | None]:
        """Return what a picture's sidecar remembers of the style; one that is in no file has no digest."""
        digest = digest_of_file(self.path) if is_file(self.path) else None
        return {
            "file": self.path.name,
            "sha256": digest,
            "scale": self.scale,
            "role": self.role,
            "method": self.style.card.method,
        }

    def called(self) -> str:
        """Return the words that call what is used of it, content or style."""
        return self.style.card.content_words if self.role == _CONTENT else self.words()

    def words(self) -> str:
        """Return what calls it at the end of a prompt; content is called in the prompt's own words instead."""
        if self.role not in {None, _STYLE}:
            return ""
        trained = self.style.card.roles
        return "" if trained and _STYLE not in trained else self.style.card.style_words


def parse_style(given: str) -> tuple[Path, str | None, float]:
    """Return path, role and scale of "FILE", "FILE@ROLE", "FILE:SCALE" or "FILE@ROLE:SCALE".

    A colon or an @ that is part of an existing path is left alone.
    """
    if is_file(Path(given)) or is_folder(Path(given)):
        return Path(given), None, 1.0
    rest, scale = given, 1.0
    before, colon, after = given.rpartition(":")
    if colon and not {"/", "\\"} & set(after):  # the colon of a folder's name has a path behind it
        rest, scale = before, _number(given, before, after)
    path, at, role = rest.rpartition("@")
    if not at or is_file(Path(rest)) or "/" in role or "." in role:
        return Path(rest), None, scale
    return Path(path), role, scale


def _number(given: str, path: str, scale: str) -> float:
    try:
        number = float(scale)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(
            f"--style {given}: {scale!r} is no number; write FILE, FILE:SCALE or FILE@ROLE:SCALE, e.g. {path}:0.8"
        )
    return number


def load_styles(given: Sequence[str]) -> list[NamedStyle]:
    """Return the styles in the order given, whole; see `fit_styles` for their roles."""
    parsed = [parse_style(each) for each in given]
    return [NamedStyle(path, scale, load_style(path), role) for path, role, scale in parsed]


def fit_styles(base: LatentDiffusion, styles: Sequence[NamedStyle]) -> list[NamedStyle]:
    """Return the styles reduced to their roles, after making sure that each belongs to `base`.

    Raises:
        BaseMismatch: A style was trained for another base.
        StyleFileError: A style has nothing for the role asked for.
    """
    fitted = []
    for named in styles:
        verify(base, named.style, str(named.path))
        if named.style.card.kind == EMBEDDINGS and named.scale not in {0.0, 1.0}:
            raise ConfigError(
                f"--style {named.path}:{named.scale:g}: a learnt word has no strength; leave :{named.scale:g} out, or "
                "write 0 to leave its words out of prompts"
            )
        style = named.style
        if named.role is not None:
            roles: Roles = style.card.roles or base.roles
            style = select_role(style, named.role, roles, str(named.path))
        fitted.append(NamedStyle(named.path, named.scale, style, named.role))
    return fitted


def with_style_words(prompt: str, styles: Sequence[NamedStyle], *, decompose: bool = False) -> str:
    """Return the prompt with the words of each attached style, where they are not in it already.

    Words stand at the end, or at the start where `words_lead` says so, or with `decompose` behind each clause.

    Raises:
        ConfigError: `decompose` is asked for, and no style is divided into people and backgrounds.
    """
    if decompose and not any(can_decompose(named.style.card.concepts) for named in styles):
        raise ConfigError(
            "--decompose has no effect: no --style is divided into people and backgrounds, see train multi-styleforge"
        )
    for named in styles:
        words, concepts, lead = named.words(), named.style.card.concepts, named.style.card.words_lead
        if named.scale == 0 or not words or any(each in prompt for each in (concepts.values() or [words])):
            continue
        if decompose:
            prompt = called_by_clause(prompt, words, concepts, lead=lead)
        else:
            prompt = called_prompt(prompt, words, lead=lead)
    return prompt


def _on_words_of(named: NamedStyle) -> str:
    if named.style.card.kind != EMBEDDINGS:
        return "the prompt has to say the words that it was trained with"
    word = named.words()
    return f"prompts end in its word {word!r}; {named.path}:0 leaves it to you, for instance in --negative-prompt"


def notes_on(styles: Sequence[NamedStyle]) -> list[str]:
    """Return notes on styles that are called by the same words, and on those whose words nobody knows."""
    paths: dict[str, list[str]] = {}
    for named in styles:
        if words := named.called():
            paths.setdefault(words, []).append(str(named.path))
    unknown = [
        f"{named.path} was made by another tool: that it is for this base is told from names and shapes alone, and "
        + _on_words_of(named)
        for named in styles
        if named.style.card.fingerprint is None
    ]
    return unknown + [
        f"{' and '.join(each)} are called by the same words {words!r}: both act wherever the prompt says them; train "
        "one with another --placeholder or --identifier to tell them apart"
        for words, each in paths.items()
        if len(each) > 1
    ]
