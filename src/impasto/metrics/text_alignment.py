"""Text alignment (CLIP score): how well pictures match their words. Higher is better.

Paper: CLIPScore, arXiv:2104.08718; here times 100 and not 2.5, as torchmetrics and the field report it. Values of
different encoders cannot be compared. A style that is truly unusual lowers it, also when every subject is right.

Against the bare prompt it asks whether the subject is there; against prompt and style words, what the encoder thinks of
the whole. The words of a learnt style mean nothing to an encoder that has not learnt it.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cosine_similarity

from impasto.metrics._errors import grouped_mean
from impasto.metrics._protocol import FeatureSets, Measurement


def text_alignment(
    pictures: Float[Tensor, "pictures dim"], words: Float[Tensor, "pictures dim"]
) -> Float[Tensor, " pictures"]:
    """Return 100 times the cosine of each picture and its words."""
    return 100 * cosine_similarity(pictures.double(), words.double(), dim=1)


def measure(sets: FeatureSets) -> Iterator[Measurement]:
    """Yield the mean against the bare prompts and against those with style words; errors are over prompts.

    The mean, not each value, is cut at 0, as torchmetrics does.
    """
    given = (("text alignment", sets.words), ("text alignment, with style words", sets.styled_words))
    for name, words in given:
        if words is not None:
            mean, error = grouped_mean(text_alignment(sets.drawn, words), sets.prompts)
            yield Measurement(name, max(0.0, mean), error, (len(sets.drawn),), "higher")
