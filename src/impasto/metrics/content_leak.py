"""Content leak: how often the reference's own subject is found in what was drawn in its style."""

from __future__ import annotations

from jaxtyping import Bool, Float, Int
from torch import Tensor


def found_subjects(
    pictures: Float[Tensor, "pictures dim"], subjects: Float[Tensor, "subjects dim"]
) -> Int[Tensor, " pictures"]:
    """Return which subject each picture shows, zero-shot: the one whose words are nearest.

    Args:
        pictures: Unit-length features of pictures.
        subjects: Unit-length features of words, one for each subject, in the same space.
    """
    return (pictures @ subjects.T).argmax(dim=1)


def content_leaks(
    found: Int[Tensor, " pictures"], of_reference: Int[Tensor, " pictures"], asked: Int[Tensor, " pictures"]
) -> Bool[Tensor, " pictures"]:
    """Return for each picture whether it shows the subject of its reference instead of the one asked for.

    A subject is also "found" by mistake now and then, so compare with pictures of the same words without a reference.

    Args:
        found: Subject that each picture shows, see `found_subjects`.
        of_reference: Subject of each picture's reference.
        asked: Subject that each picture was asked to show.

    Raises:
        ValueError: A picture was asked to show its reference's own subject, so that no leak can be told.
    """
    if (of_reference == asked).any():
        raise ValueError("a picture was asked to show the subject of its reference: choose another reference for it")
    return found == of_reference
