"""Do AdaIN, teacher and negative style let the words win, at little loss of style? Ways to draw, on pocket.

References are held-back drawings of the three packs, which no training saw. Prompts ask for another subject than the
reference shows, on a ground that it does not have. Half of the prompts are for choosing settings; the table is of the
other half, which nothing was chosen on. Intervals are percentiles of the bootstrap over prompts. Beside the ways stands
the base without any reference: the most that words can get, and the style that is there anyway.

Run: `python -m benchmarks.style_studio_pocket`, smaller with `--references 2 --prompts 2 --seeds 1`
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.machine import RESULTS, save_result
from impasto.adapters.automatic_negative import automatic_negative
from impasto.adapters.image_prompt import OWN, ImagePromptAdapter, open_image_prompt
from impasto.base.control import Control
from impasto.base.image_tokens import ImageTokens
from impasto.base.latent_diffusion import LatentDiffusion
from impasto.base.source import find_base
from impasto.controls.instant_style import Control as InstantStyle
from impasto.controls.instant_style import Settings as InstantSettings
from impasto.controls.style_aligned import Control as StyleAligned
from impasto.controls.style_aligned import Settings as AlignedSettings
from impasto.controls.style_studio import Control as StyleStudio
from impasto.controls.style_studio import Settings as StudioSettings
from impasto.core.errors import ConfigError
from impasto.core.rng import generator
from impasto.data.images import fit_square, to_tensor
from impasto.features.pocket import Features
from impasto.metrics.content_leak import content_leaks
from impasto.metrics.gram import gram, gram_similarity
from impasto.metrics.layout import edge_similarity, layout_stability, self_similarity_agreement
from impasto.metrics.named_colour import GROUNDS, ground_of, named_colour_obeyed
from impasto.workflows.companions import Reference
from impasto.workflows.draw import Look, Request, draw
from impasto.workflows.grid import labelled_grid
from impasto.workflows.held_back import read_held_back
from impasto.workflows.open_base import open_base
from impasto.workflows.packs import find_pack
from impasto.workflows.recipes import guidance_for
from impasto.workflows.subject_words import SUBJECTS, SubjectJudge
from impasto.workflows.transfer_presets import PRESETS, preset

PACKS = ("openmoji", "emojione-v1", "fluent-emoji-high-contrast")
STYLE_LAYER, PLACES_LAYER = 1, -2
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
RESAMPLES = 2000
WORDS_ALONE = "words alone"

Pairs = Sequence[tuple[int, int]]
"""(prompt, reference)."""


@dataclass(frozen=True)
class Shown:
    """A reference with what is known of it."""

    pack: str
    name: str
    subject: int
    ground: str
    picture: Image.Image


@dataclass(frozen=True)
class Wanted:
    """A prompt."""

    text: str
    subject: int
    ground: str


@dataclass(frozen=True)
class Way:
    """A way to draw; `negative` is "", "auto"."""

    control: Control | None = None
    uses_adapter: bool = True
    negative: str = ""


def studio(**settings: object) -> Control:
    """Return StyleStudio with settings."""
    return StyleStudio(StudioSettings.model_validate(settings))


def ways() -> dict[str, Way]:
    """Return all ways of the table, presets among them."""
    found = {
        WORDS_ALONE: Way(uses_adapter=False),
        "image prompt": Way(),
        "InstantStyle": Way(InstantStyle(InstantSettings())),
        "StyleAligned": Way(StyleAligned(AlignedSettings()), uses_adapter=False),
        "+ AdaIN": Way(studio(teacher=0)),
        "+ teacher": Way(studio(mix="sum", teacher=0.4)),
        "+ both": Way(studio(teacher=0.4)),
        "+ negative style": Way(studio(teacher=0.4), negative="auto"),
    }
    for name in PRESETS:
        values = preset(name, "pocket")
        control = studio(strength=values["adain"], teacher=values["teacher"])
        found[f"preset {name}"] = Way(control, negative=str(values.get("negative_style", "")))
    return found


def read_references(per_pack: int) -> list[Shown]:
    """Return held-back drawings of subjects that the judge knows, evenly spaced, of every pack."""
    found = []
    for pack in PACKS:
        known = [each for each in read_held_back(find_pack(pack), demo_only=False) if _slug(each.name) in SUBJECTS]
        chosen = [known[index] for index in np.linspace(0, len(known) - 1, min(per_pack, len(known))).astype(int)]
        for each in chosen:
            subject = SUBJECTS.index(_slug(each.name))
            found.append(Shown(pack, each.name, subject, ground_of(each.picture), each.picture))
    return found


def _slug(name: str) -> str:
    return name.replace("-", " ")


def make_prompts(count: int) -> list[Wanted]:
    """Return prompts that go through subjects and grounds at their own paces."""
    grounds = [name for name in GROUNDS if name not in {"black", "gray"}]
    order = torch.randperm(len(SUBJECTS), generator=generator(11)).tolist()
    made = []
    for index in range(count):
        subject, ground = order[index % len(order)], grounds[(5 * index + index // len(grounds)) % len(grounds)]
        made.append(Wanted(f"a {SUBJECTS[subject]} on a {ground} background", subject, ground))
    return made


def pairs_of(prompts: Sequence[Wanted], references: Sequence[Shown]) -> list[tuple[int, int]]:
    """Return (prompt, reference) for all that differ in subject and ground."""
    return [
        (p, r)
        for p, wanted in enumerate(prompts)
        for r, shown in enumerate(references)
        if wanted.subject != shown.subject and wanted.ground != shown.ground
    ]


class Bench:
    """Base, adapter and judge."""

    def __init__(self, adapter: Path | None, references: Sequence[Shown], look: Look) -> None:
        self.base: LatentDiffusion = open_base("pocket", device="cpu")
        path = adapter or Path(find_base("pocket").location) / OWN
        if not path.is_file():
            raise ConfigError(f"adapter {path} does not exist: train it (pretraining/image_prompt.py), or name one")
        self.adapter: ImagePromptAdapter = open_image_prompt(path, self.base)
        self.look, self.references, self.judge = look, references, Features()
        self.tokens = [self.adapter.tokens([each.picture]) for each in references]
        self.automatic = [automatic_negative(each) for each in self.tokens]
        self.null: ImageTokens = self.adapter.null()
        self.subjects = SubjectJudge(self.judge)
        places = self.judge.places([each.picture for each in references], STYLE_LAYER)
        self.reference_places, self.centre = places, gram(places).mean(dim=0)

    def draw(self, way: Way, prompts: Sequence[Wanted], pairs: Pairs, seed: int) -> list[Image.Image]:
        """Return a picture for every pair."""
        if way.control is not None and way.control.needs_reference:
            return self._beside(way.control, prompts, pairs, seed)
        requests = [self._request(way, prompts[p].text, r, seed) for p, r in pairs]
        return [image for _, image in draw(self.base, requests, self.look, way.control)]

    def _request(self, way: Way, prompt: str, reference: int, seed: int) -> Request:
        if not way.uses_adapter:
            return Request(prompt, seed)
        negative = self.automatic[reference] if way.negative else self.null
        return Request(prompt, seed, images=(self.tokens[reference],), negative_images=(negative,))

    def _beside(self, control: Control, prompts: Sequence[Wanted], pairs: Pairs, seed: int) -> list[Image.Image]:
        drawn: dict[tuple[int, int], Image.Image] = {}
        for r, shown in enumerate(self.references):
            own = [pair for pair in pairs if pair[1] == r]
            if own:
                square = fit_square(shown.picture, self.look.width)[0]
                reference = Reference(square, f"a {SUBJECTS[shown.subject]} on a {shown.ground} background")
                requests = [Request(prompts[p].text, seed) for p, _ in own]
                images = [image for _, image in draw(self.base, requests, self.look, control, reference=reference)]
                drawn |= dict(zip(own, images, strict=True))
        return [drawn[pair] for pair in pairs]

    def scores(
        self, pictures: Sequence[Image.Image], prompts: Sequence[Wanted], pairs: Pairs
    ) -> dict[str, np.ndarray[Any, Any]]:
        """Return all numbers, one for each picture."""
        features, found = self.judge.extract(pictures), torch.tensor(self.subjects.found(pictures))
        asked = torch.tensor([prompts[p].subject for p, _ in pairs])
        of_reference = torch.tensor([self.references[r].subject for _, r in pairs])
        texts = self.judge.text([prompts[p].text for p, _ in pairs])
        places = self.judge.places(pictures, STYLE_LAYER)
        own = torch.stack([self.reference_places[r] for _, r in pairs])
        return {
            "text_alignment": (features * texts).sum(dim=1).numpy(),
            "named_colour": named_colour_obeyed(pictures, [prompts[p].ground for p, _ in pairs]).astype(float),
            "subject_right": (found == asked).double().numpy(),
            "style_similarity": gram_similarity(places, own, self.centre).numpy(),
            "content_leak": content_leaks(found, of_reference, asked).double().numpy(),
        }

    def stability(self, pictures: Sequence[Image.Image], pairs: Pairs) -> dict[str, dict[int, float]]:
        """Return both measures of layout for each prompt: the mean over all pairs of its pictures, of one seed."""
        pixels = torch.stack([to_tensor(picture) for picture in pictures])
        places = self.judge.places(pictures, PLACES_LAYER)
        found: dict[str, dict[int, float]] = {"layout_edges": {}, "layout_self_similarity": {}}
        for prompt in dict.fromkeys(p for p, _ in pairs):
            rows = [index for index, (p, _) in enumerate(pairs) if p == prompt]
            if len(rows) > 1:
                found["layout_edges"][prompt] = layout_stability(pixels[rows], edge_similarity)
                found["layout_self_similarity"][prompt] = layout_stability(places[rows], self_similarity_agreement)
        return found


def by_prompt(values: np.ndarray[Any, Any], pairs: Pairs) -> dict[int, float]:
    """Return the mean over references for each prompt: pictures of one prompt are not independent."""
    prompts = np.array([p for p, _ in pairs])
    return {int(p): float(values[prompts == p].mean()) for p in dict.fromkeys(prompts.tolist())}


def interval(values: Mapping[int, float]) -> dict[str, float]:
    """Return the mean over prompts with its 95 % interval, by the bootstrap over prompts."""
    each = np.array(list(values.values()))
    if not len(each):
        return {}
    drawn = np.random.default_rng(0).integers(0, len(each), (RESAMPLES, len(each)))
    low, high = np.quantile(each[drawn].mean(axis=1), [0.025, 0.975])
    return {"mean": round(float(each.mean()), 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def measure(bench: Bench, way: Way, prompts: Sequence[Wanted], seeds: int) -> tuple[dict[str, Any], list[Image.Image]]:
    """Return a row of the table, and the pictures of the first seed."""
    pairs = pairs_of(prompts, bench.references)
    found: dict[str, list[dict[int, float]]] = {}
    first: list[Image.Image] = []
    for seed in range(seeds):
        pictures = bench.draw(way, prompts, pairs, seed)
        first = first or pictures
        rows = {name: by_prompt(values, pairs) for name, values in bench.scores(pictures, prompts, pairs).items()}
        for name, values in (rows | bench.stability(pictures, pairs)).items():
            found.setdefault(name, []).append(values)
    means = {name: {p: float(np.mean([v[p] for v in runs])) for p in runs[0]} for name, runs in found.items()}
    return {name: interval(values) for name, values in means.items()}, first


def curve(bench: Bench, prompts: Sequence[Wanted], seeds: int) -> list[dict[str, Any]]:
    """Return the row of StyleStudio at several strengths, on the prompts for choosing."""
    return [
        {"strength": strength} | measure(bench, Way(studio(strength=strength)), prompts, seeds)[0]
        for strength in STRENGTHS
    ]


def draw_curve(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw what strength buys in style and costs in words."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots(1, 2, sharex=True)
    shown = (("text_alignment", "style_similarity"), ("named_colour", "content_leak"))
    for axis, names in zip(axes, shown, strict=True):
        for name in names:
            x = [row["strength"] for row in rows]
            mean, low, high = ([row[name][key] for row in rows] for key in ("mean", "low", "high"))
            (line,) = axis.plot(x, mean, marker="o", label=name.replace("_", " "))
            axis.fill_between(x, low, high, alpha=0.2, color=line.get_color())
        axis.set(xlabel="strength of AdaIN")
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False)
    figure.savefig(path, dpi=120)


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the table as Markdown."""
    names = [name for name in rows[0] if name != "way"]
    lines = [
        "| drawn with | " + " | ".join(name.replace("_", " ") for name in names) + " |",
        "|---" * (len(names) + 1) + "|",
    ]
    for row in rows:
        cells = [
            f"{row[name]['mean']:.3f} ({row[name]['low']:.3f} to {row[name]['high']:.3f})" if row[name] else "-"
            for name in names
        ]
        lines.append(f"| {row['way']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def sheet(bench: Bench, prompts: Sequence[Wanted], pictures: Mapping[str, Sequence[Image.Image]]) -> Image.Image:
    """Return the first prompt of every reference, a row for each way, below the references."""
    pairs = pairs_of(prompts, bench.references)
    first = [next(i for i, (_, r) in enumerate(pairs) if r == each) for each in dict.fromkeys(r for _, r in pairs)]
    side = bench.look.width
    shown = [bench.references[pairs[index][1]].picture.convert("RGB").resize((side, side)) for index in first]
    rows = [("reference", shown), *((name, [drawn[index] for index in first]) for name, drawn in pictures.items())]
    return labelled_grid(rows, columns=min(len(first), 9))


def main() -> None:
    """Measure, and write JSON, table, curve and sheet."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--adapter", type=Path, help="by default pocket's own")
    parser.add_argument("--references", type=int, default=30, help="of each pack")
    parser.add_argument("--prompts", type=int, default=40, help="half of them for choosing, half for the table")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of curve and sheet")
    parser.add_argument("--dry", action="store_true", help="do not write the JSON result")
    chosen = parser.parse_args()
    prompts = make_prompts(chosen.prompts)
    tuning, held_back = prompts[::2], prompts[1::2]
    look = Look(chosen.steps, guidance_for("pocket"), 128, 128, batch=8)
    bench = Bench(chosen.adapter, read_references(chosen.references), look)
    rows: list[dict[str, Any]] = []
    pictures: dict[str, list[Image.Image]] = {}
    for name, way in ways().items():
        row, pictures[name] = measure(bench, way, held_back, chosen.seeds)
        rows.append({"way": name} | row)
        print(rows[-1], flush=True)
    strengths = curve(bench, tuning, chosen.seeds)
    chosen.out.mkdir(parents=True, exist_ok=True)
    draw_curve(strengths, chosen.out / "style-studio-pocket-curve.png")
    sheet(bench, held_back, pictures).save(chosen.out / "style-studio-pocket.png")
    print(table(rows))
    facts = {
        "question": (__doc__ or "").splitlines()[0],
        "adapter": "pocket's own" if chosen.adapter is None else chosen.adapter.name,
        "references": len(bench.references),
        "prompts": len(held_back),
        "prompts_for_choosing": len(tuning),
        "seeds": chosen.seeds,
        "steps": chosen.steps,
        "rows": rows,
        "curve": strengths,
    }
    if not chosen.dry:
        print(save_result("style-studio-pocket", facts))


if __name__ == "__main__":
    main()
