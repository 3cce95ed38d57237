"""Features of a reference, and what they say of drawn pictures: what evaluate and compare share."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn.functional import normalize

from impasto.core.events import Progress
from impasto.core.finite import require_finite
from impasto.core.plugins import load_module, load_plugin, plugin_names
from impasto.evaluation.prompts import Prompts
from impasto.features._protocol import Extractor, Places, Reader
from impasto.metrics._protocol import FeatureSets, Measurement
from impasto.models.prompt_windows import windows_of

FEWEST = 10
"""Pictures of each set below which nothing is measured: errors could not be estimated either."""
_CHUNK = 64
_OTHER_FEATURES = "the extractor's weights are damaged; take other --features"
_SEED = re.compile(r"-seed\d+$")


@dataclass(frozen=True, slots=True)
class Named:
    """A picture and the name that pairs it with others of the same subject."""

    name: str
    image: Image.Image


@dataclass(frozen=True, slots=True)
class FeatureExtractor:
    """An extractor with the features of the reference.

    Attributes:
        extractor: What makes features of pictures.
        names: File names of the reference's pictures, in the order of the features.
        real: Their features.
        real_places: The same place by place, where the extractor knows places.
        training: Features of the pictures that the style was learnt from, or None.
    """

    extractor: Extractor
    names: tuple[str, ...]
    real: Float[Tensor, "real dim"]
    real_places: Float[Tensor, "real places channels"] | None
    training: Float[Tensor, "training dim"] | None

    def sets(
        self, drawn: Float[Tensor, "drawn dim"], pictures: Sequence[Named], prompts: Prompts | None
    ) -> FeatureSets:
        """Return what metrics want to know of drawn pictures.

        Args:
            drawn: Features of the drawn pictures.
            pictures: The drawn pictures, in the same order.
            prompts: Their words, or None.
        """
        names = tuple(picture.name for picture in pictures)
        words = styled = None
        if prompts is not None and isinstance(self.extractor, Reader):
            words = _text(self.extractor, prompts.bare)
            styled = None if prompts.styled is None else _text(self.extractor, prompts.styled)
        return FeatureSets(
            drawn=drawn,
            prompts=names if prompts is None else prompts.bare,
            real=self.real,
            training=self.training,
            words=words,
            styled_words=styled,
            pairs=pairs_by_name(names, self.names),
            drawn_places=places_of(self.extractor, pictures),
            real_places=self.real_places,
            has_unit_length=self.extractor.has_unit_length,
        )


def features_of(extractor: Extractor, pictures: Sequence[Named], what: str, into: list[Tensor]) -> Iterator[Progress]:
    """Append the features of the pictures to `into`, chunk by chunk."""
    for first in range(0, len(pictures), _CHUNK):
        chunk = pictures[first : first + _CHUNK]
        found = extractor.extract([picture.image for picture in chunk])
        into.append(require_finite(found, f"a feature of the pictures from {chunk[0].name} on", _OTHER_FEATURES))
        yield Progress(what, first + len(chunk), len(pictures))


def places_of(extractor: Extractor, pictures: Sequence[Named]) -> Tensor | None:
    """Return features place by place, or None when the extractor knows no places."""
    if not isinstance(extractor, Places):
        return None
    return require_finite(extractor.places([picture.image for picture in pictures]), "a feature", _OTHER_FEATURES)


def extractor_of(extractor: Extractor, real: Sequence[Named], training: Sequence[Named]) -> FeatureExtractor:
    """Return the judge for a reference and the pictures that were learnt from, which may be none."""
    features: list[Tensor] = []
    learnt: list[Tensor] = []
    list(features_of(extractor, real, "", features))
    list(features_of(extractor, training, "", learnt))
    names = tuple(picture.name for picture in real)
    return FeatureExtractor(
        extractor, names, torch.cat(features), places_of(extractor, real), torch.cat(learnt) if learnt else None
    )


def measure_all(sets: FeatureSets) -> list[Measurement]:
    """Return what every metric says, in the order of their files' names."""
    for features in (sets.drawn, sets.real, sets.training, sets.words, sets.styled_words):
        if features is not None:
            require_finite(features, "a feature", _OTHER_FEATURES)
    found: list[Measurement] = []
    for name in plugin_names("impasto.metrics"):
        module = load_module("impasto.metrics", name)
        if hasattr(module, "measure") or module.__name__ != f"impasto.metrics.{name}":  # some of ours serve others
            measure = load_plugin("impasto.metrics", name, "measure")
            found += cast(Callable[[FeatureSets], Iterator[Measurement]], measure)(sets)
    for each in found:
        require_finite(
            torch.tensor(each.value), f"metric {each.name!r}", "the features are degenerate, or pictures equal"
        )
    return found


def as_json(measurement: Measurement) -> dict[str, object]:
    """Return a measurement for a file; an error that cannot be estimated is null, JSON has no infinity."""
    error = measurement.standard_error
    return dataclasses.asdict(measurement) | {"standard_error": error if math.isfinite(error) else None}


def pairs_by_name(drawn: Sequence[str], real: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Return (drawn, real) of pictures with one name; "-seed7" at the end of a drawn one's name does not count."""
    rows = {name: index for index, name in enumerate(real)}
    stems = [name if name in rows else _SEED.sub("", name) for name in drawn]
    return tuple((index, rows[stem]) for index, stem in enumerate(stems) if stem in rows)


def _text(reader: Reader, words: Sequence[str]) -> Float[Tensor, "pictures dim"]:
    unique = list(dict.fromkeys(words))
    features = require_finite(text_in_windows(reader, unique), "a feature of the prompts", _OTHER_FEATURES)
    return features[[unique.index(each) for each in words]]


def text_in_windows(reader: Reader, captions: Sequence[str]) -> Float[Tensor, "captions dim"]:
    """Return one feature for each caption: the mean over its windows, of unit length, where it is a long one."""
    parts = [windows_of(caption, lambda part: is_read_whole(reader, part)) for caption in captions]
    rows = torch.split(reader.text([part for each in parts for part in each]), [len(each) for each in parts])
    return torch.stack([each[0] if len(each) == 1 else normalize(each.mean(dim=0), dim=0) for each in rows])


def is_read_whole(reader: Reader, caption: str) -> bool:
    """Return whether an extractor reads all of a caption at once."""
    return reader.tokens([caption])[0] <= reader.token_limit
