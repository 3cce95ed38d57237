"""The model card: what was measured beside what was aimed at, reached or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pretraining import controlnet, image_prompt
from pretraining.block_captions import CONTENT, STYLE
from pretraining.data.sets import KEYWORDS_PACKAGE, KEYWORDS_VERSION, TRAINED
from pretraining.evaluate_blocks import block_section
from pretraining.evaluate_judge import ALL_SHOWN, MISSING

AUTOENCODER_BARS = {"OpenMoji": 30.0, "Emoji One, first version": 31.5, "High contrast": 33.5}
"""PSNR in dB, by the pack's title."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the table.

    Attributes:
        what: What was measured.
        value: What it came to; words where it was not measured.
        bar: What was aimed at, or None.
        at_most: Whether less is better.
        unit: Stands behind both numbers.
    """

    what: str
    value: float | str
    bar: float | None = None
    at_most: bool = False
    unit: str = ""

    @property
    def is_reached(self) -> bool | None:
        """Whether the bar is reached; None where nothing was measured or aimed at."""
        if self.bar is None or isinstance(self.value, str):
            return None
        return self.value <= self.bar if self.at_most else self.value >= self.bar

    def line(self) -> str:
        """Return the line as Markdown."""
        value = self.value if isinstance(self.value, str) else f"{self.value:g}{self.unit}"
        bar = "" if self.bar is None else f"{'at most ' * self.at_most}{self.bar:g}{self.unit}"
        return f"| {self.what} | {value} | {bar} | {({None: '', True: 'yes', False: 'no'})[self.is_reached]} |"

    def facts(self) -> dict[str, object]:
        """Return the entry as `measured.json` holds it."""
        return {"what": self.what, "value": self.value, "bar": self.bar, "reached": self.is_reached}


def entries(numbers: Mapping[str, Any]) -> list[Entry]:
    """Return all lines of the table."""
    return [
        *_autoencoder(numbers["autoencoder"]),
        *_judge(numbers),
        Entry(f"named background right, {numbers['prompts']} prompts", numbers["named_background_right"], 0.98),
        Entry(
            f"caption found among {numbers['retrieval_candidates']} (recall@1), fresh renders, pocket's own encoders",
            numbers["retrieval_recall_at_1"],
            0.97,
        ),
        *_image_prompt(numbers["background_with_image_prompt"]),
        *_speed(numbers),
        *_blocks(numbers["blocks"]),
        *_reader(numbers["reader"]),
        Entry("weights", round(numbers["bytes_of_weights"] / 1e6, 1), 75, at_most=True, unit=" MB"),
    ]


def _autoencoder(packs: Mapping[str, Any]) -> Iterator[Entry]:
    for title, found in packs.items():
        what = f"autoencoder, PSNR on all {found['drawings']} held-out drawings of {title} (never seen)"
        yield Entry(what, found["psnr_db"], AUTOENCODER_BARS.get(title), unit=" dB")


def _judge(numbers: Mapping[str, Any]) -> Iterator[Entry]:
    if numbers["judge"] == MISSING:
        yield Entry("subject, artist and style by the judge", MISSING)
        return
    itself, found = numbers["judge"]["shares"], numbers["by_judge"]
    of = f"{numbers['judge']['pictures']['subject']} fresh renders"
    yield Entry(f"the judge itself: subject in its top 5, {of} as they are", itself["subject_top_5"], 0.97)
    for name, said, bar in (("top_5", "in the judge's top 5", 0.97), ("top_1", "the judge's first", 0.93)):
        score = found["subject"][name]
        what = f"subject {said}, {numbers['prompts']} prompts: {score['drawn']} of {score['renders']}, a share of"
        yield Entry(what, score["share"], bar)
    unseen = numbers["unseen_pairs"]
    if unseen == ALL_SHOWN:
        yield Entry("the same (top 5) on pairs of subject and artist never shown", ALL_SHOWN)
    else:
        what = f"the same (top 5) on pairs of subject and artist never shown, {unseen['drawn']} prompts"
        yield Entry(what, unseen["share"], 0.93)
    artist = found["artist"]
    yield Entry(_against("artist by name", artist), artist["drawn"], 0.85)
    for kind, score in found["styles"].items():
        never = "" if kind in numbers["style_kinds_shown"] else " (a kind that training never showed)"
        yield Entry(_against(f"{kind.replace('_', ' ')} by its words{never}", score), score["drawn"], 0.9)


def _against(what: str, score: Mapping[str, Any]) -> str:
    return f"{what}, {score['prompts']} prompts (the same renders through the autoencoder: {score['renders']})"


def _image_prompt(found: Mapping[str, Any] | str) -> Iterator[Entry]:
    what = "named background right with an image prompt of another colour at full strength"
    if isinstance(found, str):
        yield Entry(what, found)
        return
    yield Entry(f"{what}, {found['drawn']} prompts", found["at_full_strength"], 0.6, at_most=True)
    yield Entry("the same prompts without the image prompt", found["without"], 0.95)


def _speed(numbers: Mapping[str, Any]) -> Iterator[Entry]:
    speed = numbers["speed"]
    what = (
        f"four pictures of 20 steps, where float32 convolutions reach {speed['float32_convolutions_gflops']} GFLOP/s "
        "(the bar is in proportion: 3 s at 440)"
    )
    bar = speed["seconds_for_four_bar"]
    yield Entry(what, numbers["seconds_for_four_pictures_of_20_steps"], bar, at_most=True, unit=" s")
    for part, found in speed["share_of_peak"].items():
        peak = speed["matrix_peak_gflops"][found["of"]]
        what = f"share of the measured matrix peak ({found['of']}, {peak} GFLOP/s), {part.replace('_', ' ')}"
        yield Entry(what, found["share"], 0.4)


def _blocks(probed: Mapping[str, Any] | None) -> Iterator[Entry]:
    if probed is None:
        yield Entry("roles of blocks", "not probed yet")
        return
    for block, own, other in ((CONTENT, "subject", "style"), (STYLE, "style", "subject")):
        what = f"effect of {block} on"
        yield Entry(f"{what} {own}, {probed['pairs']} pairs", round(probed["effects"][own][block]["mean"], 3), 0.5)
        mean = round(probed["effects"][other][block]["mean"], 3)
        yield Entry(f"{what} {other}, {probed['pairs']} pairs", mean, 0.2, at_most=True)


def _how_many(scores: Mapping[str, Any]) -> str:
    count = scores.get("readers", 1)
    return "one" if count == 1 else f"median of {count}"


def _reader(scores: Mapping[str, Any]) -> Iterator[Entry]:
    if not (drawn := scores.get("prompts")):
        yield Entry("a reader who gets the pictures alone", "not read yet")
    else:
        yield Entry(
            f"a reader ({_how_many(drawn)}) names the subject of {drawn['pictures']} drawn pictures "
            f"(of {drawn['control_pictures']} renders: {drawn['control_named']})",
            drawn["named"],
            24,
        )
        scale = "1 (blot) to 5 (as a designer would draw)"
        what = f"the same readers' ratings, {scale}, mean (renders: {drawn['control_rating']})"
        yield Entry(what, drawn["rating"], 4.0)
    for pack, found in scores.items():
        if pack != "prompts":
            what = (
                f"StyleForge on {pack}: a reader ({_how_many(found)}) still names the subject, of {found['pictures']}"
            )
            yield Entry(what, found["named"], 22)
            yield Entry(
                f"StyleForge on {pack}: nearer to the artist's than before, of {found['pictures']}", found["nearer"], 22
            )


def parts_of_card(folder: Path) -> str:
    """Return what the card says of the parts beside the base that are in `folder`."""
    says = []
    if (folder / image_prompt.FOLDER).exists():
        call = f'load_ip_adapter(folder, subfolder="{image_prompt.FOLDER}", weight_name="{image_prompt.FILE}")'
        says.append(f"\nIts image prompt adapter is loaded with `{call}`.")
    if (folder / controlnet.FOLDER).exists():
        call = f'ControlNetModel.from_pretrained(folder, subfolder="{controlnet.FOLDER}")'
        says.append(f"\nIts Canny ControlNet, for `StableDiffusionXLControlNetPipeline`, is `{call}`.")
    return "".join(says)


def card(numbers: Mapping[str, Any], folder: Path) -> str:
    """Return the model card.

    Args:
        numbers: What `measure` returned.
        folder: Of the model.
    """
    sets = "\n".join(
        f"| {each.name} {each.version} | {each.author} | {each.licence} | {each.phrase} style |" for each in TRAINED
    )
    trained = ", ".join(
        f"{stage} {counts['step']} steps in {(counts['seconds'] + counts.get('earlier_seconds', 0)) // 60} min"
        for stage, counts in numbers["steps"].items()
        if counts != MISSING
    )
    found = entries(numbers)
    table = "\n".join(each.line() for each in found)
    missed = [each.what for each in found if each.is_reached is False]
    kinds = ", ".join(kind.replace("_", " ") for kind in numbers["style_kinds_shown"])
    return f"""# pocket

A small latent text-to-image diffusion model in SDXL's topology, for learning and testing styles without a GPU: two CLIP
text encoders, a UNet of {numbers["unet_parameters"] / 1e6:.1f} M parameters, an autoencoder of factor 8 with {numbers["latent_channels"]} channels, a CLIP image
encoder; 128x128 pictures; predicts v on a schedule with zero terminal signal. {numbers["bytes_of_weights"] / 2**20:.1f} MiB in half precision. Opens
with `StableDiffusionXLPipeline.from_pretrained`.{parts_of_card(folder)}

It draws {numbers["subjects"]} subjects (people and faces, animals and objects, places and scenes) on {numbers["backgrounds"]} named backgrounds, by seven
artists, and in styles said in words ({kinds}): "a fox on a green background, twemoji style, bold dark blue
outlines, pastel colours". It knows nothing else.

## Data and licences

| set | author | licence | called |
|---|---|---|---|
{sets}

Subject names: {KEYWORDS_PACKAGE} {KEYWORDS_VERSION} (MIT). Never trained on OpenMoji, EmojiOne v1, Fluent high contrast,
FxEmoji, Streamline or any blob set: these are the styles to be learnt later. The weights are Apache-2.0; attribution in
`NOTICE`.

## Training

{trained[:1].upper()}{trained[1:] or "No counters of its stages are at hand"}. Code: `pretraining/`.

## Measured (`python -m pretraining.evaluate`)

Each prompt asks for what one fresh render shows, and the judge sees that render too, after the autoencoder. Only
prompts that name a value of a kind of style count for that kind.

| what | value | bar | reached |
|---|---|---|---|
{table}

{len(missed)} bars are not reached.
{block_section(numbers["blocks"])}
## Limits

Trained for hours, not days: fine features can come out soft or misplaced, and prompts beyond the taught form are
ignored. Not for photographs.
"""
