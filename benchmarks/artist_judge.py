"""Judges by which artist a picture is drawn, and how much of a content it keeps, on pocket's own vision encoder.

Cosines of Gram matrices follow background and subject more than the artist (`gram_judge.py` measures it). Here artists
are
learnt: ridge regression from the Gram matrices of real drawings to the artists that drew them. Drawings that the
autoencoder has softened are among them, so that a drawn picture is not taken for another artist because it is soft.
Subjects are divided into folds; a picture is judged by what was learnt without its subject, and so is the judge itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import normalize, one_hot

from impasto.data.held_out import read_held_out
from impasto.data.images import read_picture, to_image, to_tensor
from impasto.data.packs import find_pack
from impasto.features.pocket import PocketFeatures
from impasto.metrics.gram import gram
from impasto.models.open import open_base

PACKS = ("openmoji", "emojione-v1", "fluent-emoji-high-contrast")
KNOWN = "twemoji"
"""The artist of the packs' auxiliary drawings, which pocket knows: what is not drawn in a new style looks like it."""
ARTISTS = (*PACKS, KNOWN)
LAYER, FOLDS, RIDGE = 2, 5, 0.1


@dataclass(frozen=True)
class Drawing:
    """A real drawing."""

    subject: str
    artist: str
    picture: Image.Image


def real_drawings() -> list[Drawing]:
    """Return all held-out drawings of the packs, and their auxiliary ones."""
    found = [
        Drawing(each.name, pack, each.picture)
        for pack in PACKS
        for each in read_held_out(find_pack(pack), demo_only=False)
    ]
    paths = sorted((find_pack(PACKS[0]).folder / "auxiliary").glob("*.png"))
    return found + [Drawing(path.stem, KNOWN, read_picture(path).image) for path in paths]


def fold_of(subject: str) -> int:
    """Return in which fold a subject is."""
    return hashlib.sha256(subject.encode()).digest()[0] % FOLDS


@dataclass(frozen=True)
class Ridge:
    """A linear map with its centre: (x - centre) weights + mean."""

    centre: Tensor
    weights: Tensor
    mean: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Return the answers, one column for each artist."""
        answers: Tensor = (x - self.centre) @ self.weights + self.mean
        return answers


def ridge(x: Tensor, y: Tensor) -> Ridge:
    """Return the ridge regression of y on x, solved over the rows, of which there are fewer than columns."""
    centre, mean = x.mean(dim=0), y.mean(dim=0)
    rows = x - centre
    kernel = rows @ rows.T
    kernel += RIDGE * kernel.diagonal().mean() * torch.eye(len(kernel), dtype=kernel.dtype)
    return Ridge(centre, rows.T @ torch.linalg.solve(kernel, y - mean), mean)


class HandJudge:
    """How pictures are judged.

    Args:
        drawings: What is learnt from; by default all real ones.
    """

    def __init__(self, drawings: Sequence[Drawing] | None = None) -> None:
        self.features = PocketFeatures()
        drawings = real_drawings() if drawings is None else drawings
        self._folds = torch.tensor([fold_of(each.subject) for each in drawings])
        self._artists = torch.tensor([ARTISTS.index(each.artist) for each in drawings])
        pictures = [each.picture for each in drawings]
        self._described = [self._describe(pictures), self._describe(softened(pictures))]

    @cached_property
    def _models(self) -> list[Ridge]:
        wanted = one_hot(self._artists, len(ARTISTS)).double()
        models = []
        for fold in range(FOLDS):
            known = self._folds != fold
            models.append(ridge(torch.cat([each[known] for each in self._described]), wanted[known].repeat(2, 1)))
        return models

    def facts(self) -> dict[str, float]:
        """Return how well the judge judges real drawings of subjects that it did not learn from.

        Of each kind: the share whose artist has the largest answer, and the mean answer for the own artist.
        """
        found: dict[str, float] = {"drawings": len(self._artists)}
        for kind, described in zip(("as_they_are", "after_the_autoencoder"), self._described, strict=True):
            answers = self._answers(described, self._folds)
            own = answers.gather(1, self._artists[:, None])
            found[f"right_{kind}"] = round(float((answers.argmax(dim=1) == self._artists).double().mean()), 3)
            found[f"own_{kind}"] = round(float(own.mean()), 3)
        return found

    def artist(self, pictures: Sequence[Image.Image], artists: Sequence[str], subjects: Sequence[str]) -> Tensor:
        """Return how much each picture looks drawn by an artist: about 1 if it was, about 0 if another drew it.

        Args:
            pictures: What is judged.
            artists: Of `ARTISTS`, one for each picture.
            subjects: Names of drawings that each was made after; what was learnt from these subjects is not asked.
        """
        answers = self._answers(self._describe(pictures), torch.tensor([fold_of(each) for each in subjects]))
        wanted = torch.tensor([ARTISTS.index(each) for each in artists])
        return answers.gather(1, wanted[:, None])[:, 0].float()

    def content(self, drawn: Sequence[Image.Image], wanted: Sequence[Image.Image]) -> Tensor:
        """Return content similarities, pair by pair."""
        return (self.features.extract(list(drawn)) * self.features.extract(list(wanted))).sum(dim=-1)

    def _answers(self, described: Tensor, folds: Tensor) -> Tensor:
        answers = torch.stack([model(described) for model in self._models])
        return answers[folds, torch.arange(len(folds))]

    def _describe(self, pictures: Sequence[Image.Image]) -> Tensor:
        """Return the square roots of Gram matrices, above the diagonal, at unit length."""
        found = gram(self.features.places(list(pictures), LAYER))
        rows, columns = torch.triu_indices(found.shape[1], found.shape[1])
        values = found[:, rows, columns].double()
        return normalize(values.sign() * values.abs().sqrt(), dim=1)


@torch.no_grad()
def softened(pictures: Sequence[Image.Image]) -> list[Image.Image]:
    """Return the pictures as pocket's autoencoder leaves them."""
    base = open_base("pocket", device="cpu")
    encoded = (base.encode_images(to_tensor(picture)[None])[0] for picture in pictures)
    return [to_image(base.decode(latents)[0]) for latents in encoded]


def standard_error(scores: Tensor) -> float:
    """Return the standard error of the mean."""
    return float(scores.std() / len(scores) ** 0.5)
