"""References, prompts, ways to draw and the judge of `style_studio_pocket`: what is drawn and how it is scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import ControlNetModel
from PIL import Image

from benchmarks.artist_judge import PACKS, HandJudge
from impasto.controls.instant_style import InstantStyle, InstantStyleSettings
from impasto.controls.style_aligned import StyleAligned, StyleAlignedSettings
from impasto.controls.style_studio import StyleStudio, StyleStudioSettings
from impasto.core.grammar import with_article
from impasto.core.rng import generator
from impasto.data.edges import CANNY, canny_edges
from impasto.data.held_out import read_held_out
from impasto.data.images import fit_square, to_tensor
from impasto.data.packs import find_pack
from impasto.features._pocket_subjects import SUBJECTS, SubjectJudge
from impasto.generation.auxiliary_branches import Reference
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.image_prompts.automatic_negative import automatic_negative
from impasto.image_prompts.image_prompt import OWN, ImagePromptAdapter, open_image_prompt
from impasto.image_prompts.reference_squares import reference_squares
from impasto.metrics.content_leak import content_leaks
from impasto.metrics.layout import edge_similarity, layout_stability, self_similarity_agreement
from impasto.metrics.named_colour import BACKGROUND_COLOURS, background_of, named_colour_obeyed
from impasto.models.control import Control
from impasto.models.controlnet import FOLDER as CONTROLNET
from impasto.models.controlnet import Structure, open_controlnet
from impasto.models.image_tokens import ImageTokens
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import open_base
from impasto.models.source import find_base

PLACES_LAYER = -2
EDGES_SCALE = 0.5
RESAMPLES = 2000
WORDS_ALONE, IMAGE_PROMPT = "words alone", "image prompt"

Pairs = Sequence[tuple[int, int]]
"""(prompt, reference)."""

Scores = Mapping[str, Mapping[int, float]]
"""By the name of what was measured: the mean over references, by prompt."""


@dataclass(frozen=True)
class Shown:
    """A reference with what is known of it."""

    pack: str
    name: str
    subject: int
    background: str
    picture: Image.Image


@dataclass(frozen=True)
class Wanted:
    """A prompt."""

    text: str
    subject: int
    background: str


@dataclass(frozen=True)
class Way:
    """A way to draw.

    Attributes:
        mix: "adain", "adain_sum" or "sum" by StyleStudio at some strength, or "instant", "aligned" or "none", which
            have none.
        teacher: Share of the steps with a teacher.
        negative: "auto" to steer away from what is no style in the reference by its tokens, "picture" from what the
            Canny ControlNet draws of it without its style, or "".
        until: Share of the steps that see the reference, from the first on.
    """

    mix: str
    teacher: float = 0.0
    negative: str = ""
    until: float = 1.0

    @property
    def strengths(self) -> tuple[float, ...]:
        """Where its curve is measured: words and style added up can go further than the reference's full weight."""
        if self.until < 1:
            return 0.5, 1.0, 1.5, 2.0, 3.0
        return (0.25, 0.5, 0.75, 1.0) + (1.25, 1.5) * (self.mix != "adain")

    @property
    def has_strength(self) -> bool:
        """Whether a strength can be chosen."""
        return self.mix in {"adain", "adain_sum", "sum"}

    def control(self, strength: float) -> Control | None:
        """Return what joins words and style."""
        if self.mix == "none":
            return None
        if self.mix == "instant":
            return InstantStyle(InstantStyleSettings())
        if self.mix == "aligned":
            return StyleAligned(StyleAlignedSettings(score_shift=0.0, share_norms="no"))  # as it was measured
        values = {"mix": self.mix, "teacher": self.teacher, "strength": strength, "window": (0.0, self.until)}
        return StyleStudio(StyleStudioSettings.model_validate(values))


WAYS: Mapping[str, Way] = {
    WORDS_ALONE: Way("none"),
    IMAGE_PROMPT: Way("sum"),
    "InstantStyle": Way("instant"),
    "StyleAligned": Way("aligned"),
    "+ AdaIN": Way("adain"),
    "+ teacher": Way("sum", teacher=0.4),
    "+ both": Way("adain", teacher=0.4),
    "+ negative style": Way("adain", teacher=0.4, negative="auto"),
    "+ negative picture": Way("adain", teacher=0.4, negative="picture"),
    "image prompt, early": Way("sum", until=0.4),
    "AdaIN of the sum": Way("adain_sum"),
    "AdaIN of the sum, early": Way("adain_sum", until=0.4),
}
"""The ways of the table."""


def read_references(per_pack: int) -> list[Shown]:
    """Return held-out drawings of subjects that the judge knows, evenly spaced, of every pack."""
    found = []
    for pack in PACKS:
        known = [each for each in read_held_out(find_pack(pack), demo_only=False) if _spoken(each.name) in SUBJECTS]
        chosen = [known[index] for index in np.linspace(0, len(known) - 1, min(per_pack, len(known))).astype(int)]
        for each in chosen:
            subject = SUBJECTS.index(_spoken(each.name))
            found.append(Shown(pack, each.name, subject, background_of(each.picture), each.picture))
    return found


def _spoken(name: str) -> str:
    return name.replace("-", " ")


def make_prompts(count: int) -> list[Wanted]:
    """Return prompts that go through subjects and backgrounds at their own paces."""
    backgrounds = [name for name in BACKGROUND_COLOURS if name not in {"black", "gray"}]
    order = torch.randperm(len(SUBJECTS), generator=generator(11)).tolist()
    made = []
    for index in range(count):
        subject, background = (
            order[index % len(order)],
            backgrounds[(5 * index + index // len(backgrounds)) % len(backgrounds)],
        )
        made.append(Wanted(_words(subject, background), subject, background))
    return made


def words_for(shown: Shown) -> str:
    """Return what a reference shows, without its style."""
    return _words(shown.subject, shown.background)


def _words(subject: int, background: str) -> str:
    return f"{with_article(SUBJECTS[subject])} on {with_article(background)} background"


def pairs_of(prompts: Sequence[Wanted], references: Sequence[Shown], per_pack: int) -> list[tuple[int, int]]:
    """Return (prompt, reference), up to `per_pack` for each prompt, that differ in subject and background.

    Every prompt begins where the one before stopped, so that all references have their turns.
    """
    pairs = []
    for pack in PACKS:
        own = [r for r, shown in enumerate(references) if shown.pack == pack]
        for p, wanted in enumerate(prompts):
            turns = [own[(p * per_pack + turn) % len(own)] for turn in range(len(own))]
            fitting = [
                r
                for r in turns
                if references[r].subject != wanted.subject and references[r].background != wanted.background
            ]
            pairs += [(p, r) for r in fitting[:per_pack]]
    return sorted(pairs)


class Bench:
    """Base, adapter and judge.

    Style is judged by the artist, not by the reference, so that neither the reference's subject nor its background
    counts.
    """

    def __init__(self, references: Sequence[Shown], params: SamplingParams) -> None:
        self.base: LatentDiffusion = open_base("pocket", device="cpu")
        self.adapter: ImagePromptAdapter = open_image_prompt(_own_adapter(), self.base)
        self.params, self.references, self.judge = params, references, HandJudge()
        self.tokens = [self.adapter.tokens([each.picture]) for each in references]
        self.automatic = [automatic_negative(each) for each in self.tokens]
        self._controlnet: ControlNetModel | None = None
        self._from_pictures: dict[int, ImageTokens] = {}
        self.null: ImageTokens = self.adapter.null()
        self.subjects = SubjectJudge(self.judge.features)

    def draw(self, way: Way, strength: float, prompts: Sequence[Wanted], pairs: Pairs, seed: int) -> list[Image.Image]:
        """Return a picture for every pair; without a reference, the same one for all pairs of a prompt."""
        if way.mix == "none":
            asked = list(dict.fromkeys(p for p, _ in pairs))
            requests = [ImageRequest(prompts[p].text, seed) for p in asked]
            plain = dict(zip(asked, (image for _, image in draw(self.base, requests, self.params)), strict=True))
            return [plain[p] for p, _ in pairs]
        if way.mix == "aligned":
            return self._running(way, prompts, pairs, seed)
        weight = max(strength, 1.0)  # a strength ends at 1, the weight of a reference does not
        requests = [self._request(way, prompts[p].text, r, seed, weight) for p, r in pairs]
        return [image for _, image in draw(self.base, requests, self.params, way.control(min(strength, 1.0)))]

    def _request(self, way: Way, prompt: str, reference: int, seed: int, weight: float) -> ImageRequest:
        negatives = {"": lambda _: self.null, "auto": self.automatic.__getitem__, "picture": self._from_picture}
        negative = negatives[way.negative](reference)
        image = replace(self.tokens[reference], scale=weight)
        return ImageRequest(prompt, seed, images=(image,), negative_images=(replace(negative, scale=weight),))

    def _from_picture(self, reference: int) -> ImageTokens:
        """Return the tokens of what `impasto negative-style` draws of a reference whose words are known."""
        if reference not in self._from_pictures:
            if self._controlnet is None:
                self._controlnet = open_controlnet(str(_own_adapter().parents[1] / CONTROLNET), self.base)
            shown = self.references[reference]
            square = reference_squares(shown.picture, "pad")[0].resize(
                (self.params.width,) * 2, Image.Resampling.LANCZOS
            )
            hook = Structure(self._controlnet, canny_edges(square, *CANNY, in_colour=True), EDGES_SCALE)
            drawn = draw(self.base, [ImageRequest(words_for(shown), seed=0)], self.params, hook=hook)
            self._from_pictures[reference] = self.adapter.tokens([image for _, image in drawn])
        return self._from_pictures[reference]

    def _running(self, way: Way, prompts: Sequence[Wanted], pairs: Pairs, seed: int) -> list[Image.Image]:
        drawn: dict[tuple[int, int], Image.Image] = {}
        for r, shown in enumerate(self.references):
            if own := [pair for pair in pairs if pair[1] == r]:
                square = fit_square(shown.picture, self.params.width)[0]
                requests = [ImageRequest(prompts[p].text, seed) for p, _ in own]
                reference = Reference(square, words_for(shown), guidance_scale=1.0, offset=0.0)
                beside = draw(self.base, requests, self.params, way.control(1.0), reference=reference)
                drawn |= dict(zip(own, (image for _, image in beside), strict=True))
        return [drawn[pair] for pair in pairs]

    def scores(self, pictures: Sequence[Image.Image], prompts: Sequence[Wanted], pairs: Pairs) -> Scores:
        """Return all numbers by prompt."""
        features, found = self.judge.features.extract(pictures), torch.tensor(self.subjects.found(pictures))
        asked = torch.tensor([prompts[p].subject for p, _ in pairs])
        of_reference = torch.tensor([self.references[r].subject for _, r in pairs])
        texts = self.judge.features.text([prompts[p].text for p, _ in pairs])
        artists, after = zip(*((self.references[r].pack, self.references[r].name) for _, r in pairs), strict=True)
        each = {
            "text_alignment": (features * texts).sum(dim=1).numpy(),
            "named_colour": named_colour_obeyed(pictures, [prompts[p].background for p, _ in pairs]).astype(float),
            "subject_right": (found == asked).double().numpy(),
            "style_similarity": self.judge.artist(pictures, artists, after).numpy(),
            "content_leak": content_leaks(found, of_reference, asked).double().numpy(),
        }
        return {name: by_prompt(values, pairs) for name, values in each.items()} | self._stability(pictures, pairs)

    def _stability(self, pictures: Sequence[Image.Image], pairs: Pairs) -> dict[str, dict[int, float]]:
        """Return both measures of layout for each prompt: the mean over all pairs of its pictures, of one seed."""
        pixels = torch.stack([to_tensor(picture) for picture in pictures])
        places = self.judge.features.places(pictures, PLACES_LAYER)
        found: dict[str, dict[int, float]] = {"layout_edges": {}, "layout_self_similarity": {}}
        for prompt in dict.fromkeys(p for p, _ in pairs):
            rows = [index for index, (p, _) in enumerate(pairs) if p == prompt]
            if len(rows) > 1:
                found["layout_edges"][prompt] = layout_stability(pixels[rows], edge_similarity)
                found["layout_self_similarity"][prompt] = layout_stability(places[rows], self_similarity_agreement)
        return found


def _own_adapter() -> Path:
    return Path(find_base("pocket").location) / OWN


def by_prompt(values: np.ndarray[Any, Any], pairs: Pairs) -> dict[int, float]:
    """Return the mean over references for each prompt: pictures of one prompt are not independent."""
    prompts = np.array([p for p, _ in pairs])
    return {int(p): float(values[prompts == p].mean()) for p in dict.fromkeys(prompts.tolist())}


def interval(values: Sequence[float]) -> dict[str, float]:
    """Return the mean over prompts with its 95 % interval, by the bootstrap over prompts."""
    each = np.array(values)
    if not len(each):
        return {}
    drawn = np.random.default_rng(0).integers(0, len(each), (RESAMPLES, len(each)))
    low, high = np.quantile(each[drawn].mean(axis=1), [0.025, 0.975])
    return {"mean": round(float(each.mean()), 4), "low": round(float(low), 4), "high": round(float(high), 4)}
