"""Which pictures belong to which stream: by folders, by a CSV, by a pack, or divided by an image-text encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from impasto.core.errors import ConfigError, DataError
from impasto.core.shell import command
from impasto.data.image_formats import SUFFIXES
from impasto.data.images import list_pictures
from impasto.data.packs import PREFIX, people_and_backgrounds, pictures_of
from impasto.data.streams import stream_of
from impasto.data.subdivision import BACKGROUNDS, PEOPLE, read_concepts_csv
from impasto.features._scorers import CLIP
from impasto.models.source import POCKET
from impasto.training.subdivide import divide_pictures

_TOLD = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """Pictures as the user asked for them.

    Attributes:
        kind: "style" or "aux".
        given: A folder, a file or pack:NAME.
        option: The option that named them, for messages.
        csv: A CSV that says what each picture shows, or None.
    """

    kind: str
    given: str
    option: str
    csv: Path | None = None

    def label(self) -> str:
        """Return how a plan calls the folder."""
        return self.given if self.given.startswith(PREFIX) else Path(self.given).name


@dataclass(frozen=True, slots=True)
class ConceptPaths:
    """Picture files by stream, and what the user should know."""

    paths: Mapping[str, list[Path]]
    notes: tuple[str, ...] = ()


def picture_paths(asked: Asked, concepts: Sequence[str], base: str) -> ConceptPaths:
    """Return the picture files of each stream of a kind.

    With concepts, the folder has a subfolder for each, or a CSV divides it, or it is a pack, which knows its people and
    backgrounds, or an image-text encoder divides it: pocket's own for the base pocket, CLIP for others.

    Raises:
        DataError: A concept has no picture.
        ConfigError: The CSV has no effect.
    """
    if not concepts:
        if asked.csv is not None:
            raise ConfigError(f"--concepts-csv {asked.csv} has no effect: this method does not divide the style")
        return ConceptPaths({asked.kind: _pictures(asked)})
    divided, notes = _divided(asked, concepts, POCKET if base == POCKET else CLIP)
    for concept in concepts:
        if not divided[concept]:
            raise _empty(asked, Path(asked.given), concept)
    return ConceptPaths({stream_of(asked.kind, concept): divided[concept] for concept in concepts}, notes)


def _divided(asked: Asked, concepts: Sequence[str], scorer: str) -> tuple[dict[str, list[Path]], tuple[str, ...]]:
    folder = Path(asked.given)
    if any((folder / concept).is_dir() for concept in concepts):
        if asked.csv is not None:
            raise ConfigError(f"--concepts-csv {asked.csv} and the subfolders of {folder} contradict each other")
        return _by_folders(asked, folder, concepts), _notes_on_others(asked, folder, concepts)
    if asked.csv is not None:
        return _by_csv(_pictures(asked), asked.csv, concepts), ()
    if asked.given.startswith(PREFIX) and set(concepts) <= {PEOPLE, BACKGROUNDS}:
        return people_and_backgrounds(asked.given, _pictures(asked)), ()
    return _by_encoder(asked, concepts, scorer)


def _pictures(asked: Asked) -> list[Path]:
    return pictures_of(asked.given, asked.kind, asked.option)


def _by_folders(asked: Asked, folder: Path, concepts: Sequence[str]) -> dict[str, list[Path]]:
    missing = [concept for concept in concepts if not (folder / concept).is_dir()]
    if missing:
        raise _empty(asked, folder, missing[0])
    return {concept: list_pictures(folder / concept, asked.option) for concept in concepts}


def _notes_on_others(asked: Asked, folder: Path, concepts: Sequence[str]) -> tuple[str, ...]:
    """Return a note on pictures that are beside the subfolders of the concepts, or in other ones."""
    inside, shown = [*folder.glob("[!.]*"), *folder.glob("[!.]*/[!.]*")], {folder / concept for concept in concepts}
    others = sorted(path for path in inside if path.suffix.lower() in SUFFIXES and path.parent not in shown)
    if not others:
        return ()
    where = f"{asked.option} {asked.given} has subfolders for {' and '.join(concepts)}"
    return (f"{where}: {len(others)} pictures outside of these are not shown, such as {others[0].name}",)


def _by_csv(paths: Sequence[Path], csv: Path, concepts: Sequence[str]) -> dict[str, list[Path]]:
    by_name: dict[str, list[Path]] = {}
    for path in paths:  # a folder of kohya's may list one several times
        by_name.setdefault(path.name, []).append(path)
    files = read_concepts_csv(csv, list(by_name), concepts)
    return {concept: [path for name in names for path in by_name[name]] for concept, names in files.items()}


def _by_encoder(asked: Asked, concepts: Sequence[str], scorer: str) -> tuple[dict[str, list[Path]], tuple[str, ...]]:
    paths = _pictures(asked)
    divided = divide_pictures(paths, concepts, scorer)
    parts: dict[str, list[Path]] = {concept: [] for concept in concepts}
    for path, each in zip(paths, divided, strict=True):
        parts[each.concept].append(path)
    counts = ", ".join(f"{len(found)} {concept}" for concept, found in parts.items())
    doubtful = ", ".join(each.file for each in sorted(divided, key=lambda each: each.score)[:_TOLD])
    note = f"{asked.label()} {asked.kind} was divided by {scorer}: {counts}; least sure: {doubtful}; impasto subdivide "
    return parts, (f"{note}shows all",)


def _empty(asked: Asked, folder: Path, concept: str) -> DataError:
    ways = f"add some in {folder / concept}, or name the concepts that there are with --concepts"
    if asked.kind == "aux":
        ways += ", or let the base draw them: --aux generate"
    else:
        dividing = command("impasto", "subdivide", asked.given, "--out", "FILE.csv")
        ways += f", or divide by hand: {dividing}, then --concepts-csv FILE.csv"
    return DataError(f"{asked.option} {asked.given} holds no picture of {concept}: {ways}")
