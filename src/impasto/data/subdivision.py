"""Divide pictures into concepts, such as people and backgrounds: zero-shot, and as a CSV that can be corrected.

Paper: zero-shot classification with several prompts a class: CLIP, arXiv:2103.00020, Sec. 3.1.4. There embeddings are
averaged; here likelihoods are: a class such as backgrounds holds unlike things, whose mean is like none of them.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.core.errors import DataError
from impasto.core.files import write_text
from impasto.core.shell import command
from impasto.data.tables import Row, columns_of, rows_of

PEOPLE, BACKGROUNDS = "people", "backgrounds"
LEFT_OUT = "none"
"""The class that a user gives to pictures that should not be shown."""
_SHARPNESS = 30.0
"""τ: how far the best prompt of a class outweighs the others."""
_COLUMNS = ("file", "class", "score")
_PROMPTS: dict[str, tuple[str, ...]] = {
    PEOPLE: (
        *("a person", "a man", "a woman", "a boy", "a girl", "an old man", "an old woman", "a baby", "a princess"),
        *("a police officer", "a clown", "a face", "a smiling face", "a crying face", "a face with sunglasses"),
        *("a portrait of a person", "a group of people"),
    ),
    BACKGROUNDS: (
        *("a landscape", "a mountain", "an island", "a city", "a street", "a house", "a castle", "a building"),
        *("a tree", "a flower", "the sky", "a room", "an animal", "a bird", "a fish", "food", "a fruit", "a vehicle"),
        *("an airplane", "an object", "a gift", "a scene without people"),
    ),
}


@dataclass(frozen=True, slots=True)
class Divided:
    """Where a picture belongs.

    Attributes:
        file: Its name, without folders.
        concept: Its class.
        score: Match with its class minus that with the next best one: how sure.
    """

    file: str
    concept: str
    score: float


def prompts_for(concept: str) -> tuple[str, ...]:
    """Return the words that stand for a concept; one that is not known is described by its own name."""
    name = concept.replace("-", " ").replace("_", " ")
    return _PROMPTS.get(concept, (name, f"a picture of {name}", f"a drawing of {name}"))


def divide(
    pictures: Float[Tensor, "pictures dim"], classes: Mapping[str, Float[Tensor, "prompts dim"]]
) -> list[tuple[str, float]]:
    """Return the class of each picture and by how much its match beats that of the next best class.

    match = log(mean over a class's prompts of exp(τ cos)) / τ, between the mean cosine and the largest one

    Args:
        pictures: Features of unit length.
        classes: Features of each class's prompts, of unit length, in the same space; at least two classes.
    """
    names = list(classes)
    matches = [
        (torch.logsumexp(_SHARPNESS * (pictures @ prompts.T), dim=1) - math.log(len(prompts))) / _SHARPNESS
        for prompts in classes.values()
    ]
    best, indices = torch.stack(matches, dim=1).topk(2, dim=1)
    margins = (best[:, 0] - best[:, 1]).tolist()
    return [(names[int(first)], margin) for first, margin in zip(indices[:, 0], margins, strict=True)]


def write_division(path: Path, divided: Sequence[Divided]) -> None:
    """Write a CSV with the columns file, class and score, least sure first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for each in sorted(divided, key=lambda each: (each.score, each.file)):
        writer.writerow([each.file, each.concept, f"{each.score:.4f}"])
    write_text(path, text.getvalue())


def read_concepts_csv(path: Path, files: Sequence[str], concepts: Sequence[str]) -> dict[str, list[str]]:
    """Return the files of each concept, in the order of `files`; pictures of class "none" are left out.

    Args:
        path: A CSV with the columns file and class; others are not read.
        files: Names of all pictures.
        concepts: The allowed classes.

    Raises:
        DataError: The file is missing or no such CSV, a class is unknown, or its files are not those of the folder.
    """
    classes: dict[str, str] = {}
    for row in _rows(path):
        line, file, concept = row.line, row.fields["file"], row.fields["class"]
        if concept not in {*concepts, LEFT_OUT}:
            raise DataError(
                f"{path}, line {line}: class {concept!r} of {file!r} is unknown: write one of {', '.join(concepts)}, "
                f"or {LEFT_OUT} to leave the picture out"
            )
        if file in classes:
            raise DataError(f"{path}, line {line}: {file!r} comes twice: keep one of its lines")
        if file not in files:
            raise DataError(f"{path}, line {line}: there is no picture {file!r} in that folder: remove the line")
        classes[file] = concept
    missing = [file for file in files if file not in classes]
    if missing:
        raise DataError(f"{path} says nothing about {missing[0]!r}: add a line, with class {LEFT_OUT} to leave it out")
    return {concept: [file for file in files if classes[file] == concept] for concept in concepts}


def _rows(path: Path) -> list[Row]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        making = command("impasto", "subdivide", "DIR", "--out", path)
        raise DataError(f"{path} does not exist: make it with {making}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as a CSV in UTF-8: make it with impasto subdivide") from error
    if not {"file", "class"} <= set(columns_of(text)):
        raise DataError(f"{path} has no columns 'file' and 'class' in its first line: make it with impasto subdivide")
    return list(rows_of(text, str(path)))
