"""Is the step that held-out pictures choose as good as the best one of a full search?

Nine short trainings of low rank: three styles, three seeds, at a constant rate, so that the last step is not favoured
by a rate that falls. Each measures eight of the pack's held-out drawings as `--held-out` does, and chooses a step. The
full search then draws every measured step anew, from other captions and seeds, more pictures of them, and compares
these with held-out drawings that chose nothing. Its judge is another one than what chose: the trunk of the published
judge, a classifier of subjects and styles, where `strokes` chose, which was not learnt at all.

A training succeeds when the step that was chosen is at most a tenth farther from the drawings than the best one. What
always taking the last step would have given stands beside it, and whether the search itself could tell the two steps
apart: where all steps are about as near as real drawings are to each other, a tenth of nearly nothing says nothing.

Run: `python -m benchmarks.held_out_steps` (about 15 minutes of one core). Finished trainings are kept in the result's
file and not repeated.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import cast

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import normalize

from benchmarks.machine import RESULTS, save_result
from impasto.core.events import HeldOutMeasured, Saved
from impasto.data.captions import caption_of
from impasto.data.images import read_picture, to_tensor
from impasto.data.packs import pictures_of
from impasto.features._pocket_judge import FILE, load_network, read_classes
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.methods.lora import LoRA, LoRASettings
from impasto.metrics.kernel import kernel_distance
from impasto.models.open import open_base
from impasto.style.attach import attached
from impasto.style.file import load_style
from impasto.training.held_out.files import last_path, step_path
from impasto.training.options import TrainOptions
from impasto.training.train import train

NAME = "held-out-steps"
PACKS = ("openmoji", "emojione-v1", "fluent-emoji-high-contrast")
SEEDS = (0, 1, 2)
STEPS, EVERY, BATCH, RATE, RANK = 60, 12, 2, 2e-3, 16
CHOOSING, JUDGING = "1-8", "9-24"
"""Which held-out drawings choose the step, and whose captions the search draws; all from 9 on are its reference."""
FIRST_JUDGED = 9
DRAWN_STEPS, SEED = 8, 9000
MARGIN = 0.1
WANTED = 7
"""Of the nine trainings."""


class TrunkFeatures:
    """What the judge's network sees before its heads, at unit length."""

    def __init__(self) -> None:
        self._network = load_network(FILE, read_classes())

    @torch.no_grad()
    def extract(self, pictures: Sequence[Image.Image]) -> Tensor:
        """Return one feature for each picture of 128 pixels."""
        seen = torch.stack([to_tensor(picture) for picture in pictures])
        return normalize(self._network.blocks(self._network.stem(seen)).mean(dim=(2, 3)), dim=1)


class Search:
    """Measures steps of one style on drawings that did not choose.

    Args:
        pack: The style.
    """

    def __init__(self, pack: str) -> None:
        self._judge = TrunkFeatures()
        paths = pictures_of(f"pack:{pack}", "reference", "pack")
        chosen = {path.stem for path in pictures_of(f"pack:{pack}/held_out/{CHOOSING}", "reference", "pack")}
        others = [path for path in paths if path.stem not in chosen]
        self._real = self._judge.extract([read_picture(path).image for path in others])
        asked = pictures_of(f"pack:{pack}/held_out/{JUDGING}", "reference", "pack")
        self._captions = [caption_of(path) or path.stem for path in asked]
        self.reference = len(others)
        self._base = open_base("pocket", device="cpu")

    def distance(self, style: Path) -> dict[str, float]:
        """Return the distance of a style's pictures, with its standard error."""
        loaded = load_style(style)
        words = loaded.card.style_words
        requests = [ImageRequest(f"{each}, {words}", SEED + index) for index, each in enumerate(self._captions)]
        side = self._base.resolution
        with attached(self._base, [(loaded, 1.0)]):
            drawn = [image for _, image in draw(self._base, requests, SamplingParams(DRAWN_STEPS, 1.0, side, side))]
        found = kernel_distance(self._judge.extract(drawn), self._real)
        return {"distance": round(found.value, 5), "standard_error": round(found.standard_error, 5)}


def trial(pack: str, seed: int, search: Search) -> dict[str, object]:
    """Train once, let held-out pictures choose, and search all measured steps."""
    started = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "style.safetensors"
        options = TrainOptions(
            style_images=f"pack:{pack}",
            out=out,
            run_dir=Path(folder) / "run",
            captions=True,
            steps=STEPS,
            batch_size=BATCH,
            learning_rate=RATE,
            seed=seed,
            sample_every=0,
            held_out=f"pack:{pack}/held_out/{CHOOSING}",
            held_out_every=EVERY,
            save_every=EVERY,
        )
        with closing(train(options, LoRA(LoRASettings(rank=RANK)))) as events:
            seen = list(events)
        measured = [event for event in seen if isinstance(event, HeldOutMeasured)]
        kept = next(event.steps for event in seen if isinstance(event, Saved))
        seconds = time.process_time() - started
        last = last_path(out) if last_path(out).is_file() else out
        files = {event.step: step_path(out, event.step) for event in measured if 0 < event.step < STEPS} | {STEPS: last}
        searched = {str(step): search.distance(path) for step, path in files.items()}
    return {
        "style": pack,
        "seed": seed,
        "kept": kept,
        "measured": [
            {"step": each.step, "distance": each.distance, "match": each.match, "copying": each.copying}
            for each in measured
        ],
        "searched": searched,
        **verdict(kept, searched),
        "training_seconds": round(seconds, 1),
        "seconds": round(time.process_time() - started, 1),
    }


def verdict(kept: int, search: Mapping[str, Mapping[str, float]]) -> dict[str, object]:
    """Return how much farther the step that was kept, and the last one, are than the best of a search.

    As a share of the best one's distance, which an unbiased estimate may put below zero: its size counts.
    """
    searched = {int(step): found["distance"] for step, found in search.items()}
    best = min(searched, key=lambda step: searched[step])
    size = abs(searched[best])
    farther = {
        name: (searched[step] - searched[best]) / size for name, step in (("kept", kept), ("last", max(searched)))
    }
    return {
        "best": best,
        "farther": round(farther["kept"], 4),
        "last_farther": round(farther["last"], 4),
        "is_near": farther["kept"] <= MARGIN,
        "is_within_error": searched[kept] - searched[best] <= search[str(best)]["standard_error"],
        "last_is_near": farther["last"] <= MARGIN,
    }


def _judged(trial: dict[str, object]) -> dict[str, object]:
    """Return a finished training with its verdict as this version gives it."""
    searched = cast("dict[str, dict[str, float]]", trial["searched"])
    return trial | verdict(cast("int", trial["kept"]), searched)


def summary(trials: Sequence[dict[str, object]], reference: dict[str, int]) -> dict[str, object]:
    """Return everything for the file."""
    return {
        "settings": {
            "method": "lora",
            "steps": STEPS,
            "every": EVERY,
            "batch_size": BATCH,
            "learning_rate": RATE,
            "rank": RANK,
            "chosen_on": f"held_out/{CHOOSING}, features strokes",
            "searched_on": f"captions of held_out/{JUDGING}, {DRAWN_STEPS} steps without guidance, trunk of the judge",
            "reference_drawings": reference,
        },
        "near": sum(bool(each["is_near"]) for each in trials),
        "within_error": sum(bool(each["is_within_error"]) for each in trials),
        "last_near": sum(bool(each["last_is_near"]) for each in trials),
        "of": len(trials),
        "wanted": WANTED,
        "trials": list(trials),
    }


def main() -> None:
    """Run what is missing and write the result after every training."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--judge-only", action="store_true", help="train nothing, judge what is there anew")
    judges_only = parser.parse_args().judge_only
    path = RESULTS / f"{NAME}.json"
    before = json.loads(path.read_text("utf-8")) if path.is_file() else {"trials": []}
    trials = [_judged(each) for each in cast("list[dict[str, object]]", before["trials"])]
    done = {(each["style"], each["seed"]) for each in trials}
    reference = {}
    for pack in PACKS:
        search = Search(pack)
        reference[pack] = search.reference
        for seed in SEEDS:
            if (pack, seed) not in done and not judges_only:
                trials.append(trial(pack, seed, search))
                print(json.dumps({key: value for key, value in trials[-1].items() if key != "measured"}), flush=True)
                save_result(NAME, summary(trials, reference))
    found = summary(trials, reference)
    save_result(NAME, found)
    print(f"{found['near']} of {found['of']} within {MARGIN:.0%}; the last step: {found['last_near']}")


if __name__ == "__main__":
    main()
