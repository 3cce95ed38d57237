"""The regression behind the judge of artists, and that nothing is judged by what was learnt from its own subject."""

import numpy as np
import torch
from benchmarks.artist_judge import ARTISTS, FOLDS, RIDGE, Drawing, HandJudge, fold_of, real_drawings, ridge
from PIL import Image


def test_ridge_over_rows_equals_the_normal_equations_over_columns() -> None:
    rng = torch.Generator().manual_seed(0)
    x, y = (torch.randn(12, columns, generator=rng, dtype=torch.float64) for columns in (30, 2))
    found = ridge(x, y)
    centred = x - x.mean(dim=0)
    penalty = RIDGE * (centred @ centred.T).diagonal().mean()
    normal = centred.T @ centred + penalty * torch.eye(30, dtype=torch.float64)
    torch.testing.assert_close(found.weights, torch.linalg.solve(normal, centred.T @ (y - y.mean(dim=0))))
    torch.testing.assert_close(found(x.mean(dim=0)), y.mean(dim=0))


def test_every_subject_has_one_fold_and_every_fold_subjects_of_every_hand() -> None:
    drawings = real_drawings()
    there = {(each.artist, fold_of(each.subject)) for each in drawings}
    assert {artist for artist, _ in there} == set(ARTISTS)
    assert {fold for _, fold in there} == set(range(FOLDS))


def drawing(subject: str, *, is_striped: bool) -> Drawing:
    """A disc on a background, both of colours that only the subject decides; one artist draws in stripes."""
    rng = np.random.default_rng(sum(subject.encode()))
    background, ink = rng.integers(0, 256, (2, 3))
    down, across = np.mgrid[:128, :128]
    is_ink = (down - 64) ** 2 + (across - 64) ** 2 < 1600
    pixels = np.where(is_ink[..., None] & ((down % 8 < 4)[..., None] if is_striped else True), ink, background)
    return Drawing(subject, ARTISTS[0] if is_striped else ARTISTS[1], Image.fromarray(pixels.astype(np.uint8)))


def test_hands_are_told_whatever_the_subject() -> None:
    subjects = [f"{letter}{number}" for letter in "abcde" for number in range(3)]
    judge = HandJudge([drawing(each, is_striped=striped) for each in subjects for striped in (True, False)])
    assert judge.facts()["right_as_they_are"] > 0.9
    new = [f"z{number}" for number in range(6)]
    striped, flat = (
        judge.artist([drawing(each, is_striped=given).picture for each in new], [ARTISTS[0]] * len(new), new).mean()
        for given in (True, False)
    )
    assert striped > flat + 0.25  # of one subject the colours are nearly alike
