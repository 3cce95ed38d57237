"""Measure pocket and write its model card. All measured numbers in the card come from here.

Run: `python -m pretraining.evaluate` after `python -m pretraining.package`. It needs fresh renders (`fresh.py`); shares
of the matrix peak mean something on an idle machine only: `--parts speeds` measures them again. `--base FOLDER --out
FOLDER` measures other weights.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.machine import describe_machine

from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import open_base
from impasto.models.source import find_base
from pretraining import controlnet, image_prompt, judge, measures, reader_score
from pretraining.checkpoint import FORMER, STAGES
from pretraining.evaluate_blocks import block_numbers
from pretraining.evaluate_card import card, entries
from pretraining.evaluate_image_prompt import image_prompt_numbers
from pretraining.evaluate_judge import MISSING, Drawn, judge_itself, judge_numbers, unseen_numbers
from pretraining.evaluate_prompts import PER_KIND, PLAIN_PER_SUBJECT, plain_prompts, prompts_of_subjects, styled_prompts
from pretraining.evaluate_speed import speed_numbers
from pretraining.fresh import FRESH, read_fresh
from pretraining.pictures import read_rows

STAGE_NAMES = ("autoencoder", "towers", "denoiser", "decoder", judge.STAGE, image_prompt.STAGE, controlnet.STAGE)
PROMPTS_SEED = 0


def steps_of_stages() -> dict[str, object]:
    """Return the counters of each stage, those of the weights that it was restored from included, or `MISSING`."""
    former = json.loads(FORMER.read_text("utf-8"))["steps"] if FORMER.is_file() else {}
    found: dict[str, object] = {}
    for stage in STAGE_NAMES:
        file = STAGES / stage / "counters.json"
        known = [former.get(stage, MISSING), json.loads(file.read_text("utf-8")) if file.exists() else MISSING]
        counted = [each for each in known if each != MISSING]
        names = ("step", "seconds", "earlier_seconds")
        found[stage] = {name: sum(each.get(name, 0) for each in counted) for name in names} if counted else MISSING
    return found


def kinds_shown() -> list[str]:
    """Return the kinds of style that the denoiser was shown: as noted of former weights, or those of the data set."""
    former = json.loads(FORMER.read_text("utf-8")) if FORMER.is_file() else {}
    if "style_kinds_shown" in former:
        kinds: list[str] = former["style_kinds_shown"]
        return kinds
    return sorted({kind for row in read_rows() for kind in row["style"]})


def drawn_numbers(base: LatentDiffusion, chosen: argparse.Namespace) -> dict[str, Any]:
    """Return what pictures that are drawn for it say: subjects, artists, styles and backgrounds."""
    renders, rows = read_fresh(chosen.fresh)
    rng = np.random.default_rng(PROMPTS_SEED)
    asked = [plain_prompts(rows, rng, chosen.plain), styled_prompts(rows, rng, chosen.per_kind)]
    drawn = [Drawn(part, measures.draw_prompts(base, [each.prompt for each in part])) for part in asked]
    everything = Drawn([*asked[0], *asked[1]], [*drawn[0].pictures, *drawn[1].pictures])
    numbers: dict[str, Any] = {
        "prompts": len(everything.asked),
        "subjects": len({row["subject"] for row in rows}),
        "backgrounds": len({row["background"] for row in rows}),
        "named_background_right": round(measures.named_background_right(everything.pictures, everything.asked), 3),
    }
    try:
        judging = judge.load_judge()
    except FileNotFoundError:
        return numbers | {"judge": MISSING, "unseen_pairs": MISSING}
    by_judge: dict[str, Any] = judge_numbers(base, judging, drawn, renders)
    of_renders = by_judge["subject"]["top_5"]["renders"]
    unseen = unseen_numbers(base, judging, rows, of_renders)
    return numbers | {"judge": judge_itself(judging, renders, rows), "by_judge": by_judge, "unseen_pairs": unseen}


def facts(base: LatentDiffusion, chosen: argparse.Namespace) -> dict[str, Any]:
    """Return what needs no measurement: sizes, stages, roles, what a reader said."""
    folder = Path(find_base(chosen.base).location)
    return {
        "bytes_of_weights": sum(path.stat().st_size for path in folder.rglob("*.safetensors")),
        "unet_parameters": sum(each.numel() for each in base.denoiser.parameters()),
        "latent_channels": base.denoiser.config.in_channels,
        "controlnet": "trained" if (folder / controlnet.FOLDER).exists() else MISSING,
        "reader": reader_score.read_scores(chosen.reader),
        "blocks": block_numbers(base.fingerprint()),
        "steps": steps_of_stages(),
        "style_kinds_shown": kinds_shown(),
        "machine": describe_machine(),
        "threads": torch.get_num_threads(),
    }


def autoencoder_numbers(base: LatentDiffusion, _: argparse.Namespace) -> dict[str, Any]:
    """Return how well drawings come out of the autoencoder."""
    return {"autoencoder": measures.reconstruction(base)}


def retrieval_numbers(base: LatentDiffusion, chosen: argparse.Namespace) -> dict[str, Any]:
    """Return how many captions the base's own encoders find."""
    renders, rows = read_fresh(chosen.fresh)
    found = prompts_of_subjects(rows, np.random.default_rng(PROMPTS_SEED))
    captioned = renders[[each.render for each in found]]
    recall = measures.retrieval(base, captioned, [each.prompt for each in found])
    return {"retrieval_recall_at_1": round(recall, 3), "retrieval_candidates": len(found)}


def reference_numbers(_: LatentDiffusion, chosen: argparse.Namespace) -> dict[str, Any]:
    """Return what an image prompt does to named backgrounds."""
    folder = Path(find_base(chosen.base).location)
    return {"background_with_image_prompt": image_prompt_numbers(folder, *read_fresh(chosen.fresh))}


def speeds(base: LatentDiffusion, chosen: argparse.Namespace) -> dict[str, Any]:
    """Return times, and shares of the machine's matrix peak."""
    seconds = measures.seconds_for_four(base)
    numbers = speed_numbers(base, chosen.base, seconds)
    return {"seconds_for_four_pictures_of_20_steps": round(seconds, 2), "speed": numbers}


PARTS = {
    "facts": facts,
    "autoencoder": autoencoder_numbers,
    "retrieval": retrieval_numbers,
    "drawn": drawn_numbers,
    "image-prompt": reference_numbers,
    "speeds": speeds,
}


def measure(chosen: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the numbers of the card part by part; all together are what `card` takes."""
    base = open_base(chosen.base)
    for name in chosen.parts:
        yield PARTS[name](base, chosen)


def read_options() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", default="pocket", help="pocket, or a diffusers folder")
    parser.add_argument("--out", type=Path, help="folder for measured.json and README.md; by default that of the base")
    parser.add_argument("--fresh", type=Path, default=FRESH, help="folder of fresh renders")
    parser.add_argument("--plain", type=int, default=PLAIN_PER_SUBJECT, help="prompts of each subject without a style")
    parser.add_argument("--per-kind", type=int, default=PER_KIND, help="prompts of each kind of style")
    parser.add_argument("--reader", type=Path, default=reader_score.READER, help="folder of what a reader said")
    parser.add_argument(
        "--parts", nargs="+", choices=PARTS, default=list(PARTS), help="measure these; the others stay as they were"
    )
    return parser.parse_args()


def main() -> None:
    """Measure, and write `measured.json` and the card beside the weights."""
    chosen = read_options()
    folder = Path(find_base(chosen.base).location)
    out = chosen.out or folder
    out.mkdir(parents=True, exist_ok=True)
    former = out / "measured.json"
    numbers: dict[str, Any] = {} if chosen.parts == list(PARTS) else json.loads(former.read_text("utf-8"))
    for part in measure(chosen):
        numbers |= part
        print(json.dumps(part), flush=True)  # hours of work are not lost if a later part fails
    numbers["bars"] = [each.facts() for each in entries(numbers)]
    former.write_text(json.dumps(numbers, indent=2) + "\n", "utf-8")
    (out / "README.md").write_text(card(numbers, folder), "utf-8")
    print("\n".join(each.line() for each in entries(numbers)))


if __name__ == "__main__":
    main()
