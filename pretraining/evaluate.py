"""Measure pocket and write its model card. All measured numbers in the card come from here.

Run: `python -m pretraining.evaluate` after `python -m pretraining.package`
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from benchmarks.machine import describe_machine

from impasto.features.pocket import PocketFeatures as Features
from impasto.models.open import open_base
from pretraining import controlnet, image_prompt, judge, measures
from pretraining.checkpoint import FORMER, STAGES
from pretraining.data.compose import GROUNDS
from pretraining.data.sets import KEYWORDS_PACKAGE, KEYWORDS_VERSION, TRAINED
from pretraining.data.treatments import load_treatments
from pretraining.evaluate_blocks import block_numbers, block_section
from pretraining.evaluate_parts import MISSING, image_prompt_numbers, judge_numbers
from pretraining.fresh import is_full_grammar
from pretraining.package import PACKAGED
from pretraining.pictures import read_rows

STAGE_NAMES = ("autoencoder", "towers", "denoiser", "decoder", judge.STAGE, image_prompt.STAGE, controlnet.STAGE)


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


def measure() -> dict[str, object]:
    """Return all numbers of the card."""
    base, rows = open_base("pocket"), read_rows()
    subjects, is_full = list(dict.fromkeys(row["subject"] for row in rows)), is_full_grammar(rows)
    styles, rng = judge.classes_of(rows).styles, np.random.default_rng(99)
    asked = measures.ask(measures.seen_pairs(subjects, styles, rng, is_full=is_full), rng, is_full=is_full)
    drawn = measures.draw_prompts(base, [each.prompt for each in asked])
    names = measures.text_features(base, [each.words for each in asked])
    top_5 = (Features().extract(drawn) @ names.T).topk(5, dim=1).indices
    by_towers = (top_5 == torch.arange(len(asked))[:, None]).any(1).float().mean()
    compositions, captions = measures.fresh_compositions(subjects, 100, is_full=is_full)
    packs = measures.reconstruction(base)
    return {
        "autoencoder_psnr_db_on_openmoji": packs["OpenMoji"]["psnr_db"],
        "autoencoder_on_packs": packs,
        "retrieval_recall_at_1": round(measures.retrieval(base, compositions, captions), 3),
        "retrieval_candidates": len(compositions),
        "named_ground_right": round(measures.named_ground_right(drawn, asked), 3),
        "subject_in_top_5_by_own_towers": round(float(by_towers), 3),
        "prompts_drawn": len(asked),
        "grounds_asked": sum(bool(each.ground) for each in asked),
        "subjects": len(subjects),
        "grammar": "full" if is_full else "v0",
        **judge_numbers(base, drawn, asked, is_full=is_full),
        **image_prompt_numbers(subjects, is_full=is_full),
        "controlnet": "trained" if (PACKAGED / controlnet.FOLDER).exists() else MISSING,
        "seconds_for_four_pictures_of_20_steps": round(measures.seconds_for_four(base), 2),
        "bytes_of_all_files": measures.total_bytes(PACKAGED.parent),
        "blocks": block_numbers(base.fingerprint()),
        "steps": steps_of_stages(),
        "machine": describe_machine(),
    }


def measured_rows(numbers: dict[str, Any]) -> Iterator[tuple[str, object, str]]:
    """Yield what was measured, its value, and what was aimed at, if anything; what was not measured is left out."""
    for title, found in numbers["autoencoder_on_packs"].items():
        of = f"{found['drawings']} drawings of {title} (never seen)"
        yield f"autoencoder, PSNR on {of}", f"{found['psnr_db']} dB", "27 dB"
        yield f"autoencoder, error of Sobel magnitudes on {of}, colours from 0 to 1", found["edge_error"], ""
    candidates = numbers["retrieval_candidates"]
    yield (
        f"caption found among {candidates} for fresh compositions of seen drawings, recall@1",
        numbers["retrieval_recall_at_1"],
        "0.70 among 100",
    )
    yield f"named ground right, {numbers['grounds_asked']} drawn prompts", numbers["named_ground_right"], "0.90"
    yield (
        f"subject in the top 5 of {numbers['subjects']}, judged by pocket's own encoders (lenient: they were trained with it)",
        numbers["subject_in_top_5_by_own_towers"],
        "",
    )
    yield from judged_rows(numbers)
    if isinstance(found := numbers["ground_with_image_prompt"], dict):
        yield f"named ground right without an image prompt, {found['drawn']} drawn prompts", found["without"], ""
        what = "the same with an image prompt on another ground, at full strength"
        yield what, found["at_full_strength"], "clearly less, as with the adapters that StyleStudio mends"
    yield "seconds for four pictures of 20 steps", numbers["seconds_for_four_pictures_of_20_steps"], "6"
    yield "all files, packs included", f"{numbers['bytes_of_all_files'] / 1e6:.1f} MB", "60 MB"


def judged_rows(numbers: dict[str, Any]) -> Iterator[tuple[str, object, str]]:
    """Yield what the judge said, and what was aimed at; nothing if there is none."""
    if numbers["judge"] == MISSING:
        return
    for which, found in numbers["judge"].items():
        about = f"the judge itself, {which.replace('_', ' ')} renders"
        aim = "0.95; none" if which == "held_back" else ""
        yield f"{about}: subject in its top 5; style", f"{found['subject_top_5']}; {found['style']}", aim
    drawn = numbers["prompts_drawn"]
    yield f"subject in the judge's top 5, {drawn} drawn prompts", numbers["subject_in_top_5_by_judge"], "0.80"
    yield f"style right by the judge, {drawn} drawn prompts", numbers["style_right_by_judge"], "0.85"
    if isinstance(unseen := numbers["unseen_pairs"], dict):
        of = f"{unseen['drawn']} drawn prompts of pairs never seen"
        yield f"subject in the judge's top 5, {of}", unseen["subject_in_top_5"], "0.60"
        yield f"style right by the judge, {of}", unseen["style_right"], ""


def parts_of_card() -> str:
    """Return what the card says of the parts beside the base that are in the package."""
    says = []
    if (PACKAGED / image_prompt.FOLDER).exists():
        call = f'load_ip_adapter(folder, subfolder="{image_prompt.FOLDER}", weight_name="{image_prompt.FILE}")'
        says.append(f"\nIts image prompt adapter is loaded with `{call}`.")
    if (PACKAGED / controlnet.FOLDER).exists():
        call = f'ControlNetModel.from_pretrained(folder, subfolder="{controlnet.FOLDER}")'
        says.append(f"\nIts Canny ControlNet, for `StableDiffusionXLControlNetPipeline`, is `{call}`.")
    return "".join(says)


def card(numbers: dict[str, Any]) -> str:
    """Return the model card."""
    weights = sum(path.stat().st_size for path in PACKAGED.rglob("*.safetensors")) / 2**20
    sets = "\n".join(
        f"| {each.name} {each.version} | {each.author} | {each.licence} | {each.phrase} style |" for each in TRAINED
    )
    trained = ", ".join(
        f"{stage} {counts['step']} steps in {(counts['seconds'] + counts.get('earlier_seconds', 0)) // 60} min"
        for stage, counts in numbers["steps"].items()
        if counts != MISSING
    )
    treatments = f", and in {len(load_treatments())} treatments" if numbers["grammar"] == "full" else ""
    table = "\n".join(f"| {what} | {value} | {aim} |" for what, value, aim in measured_rows(numbers))
    return f"""# pocket v0

A small latent text-to-image diffusion model in SDXL's topology, for learning and testing styles without a GPU: two CLIP
text encoders, a UNet of 14 M parameters, an autoencoder of factor 8, a CLIP image encoder; 128x128 pictures; predicts v
on a schedule with zero terminal signal. {weights:.1f} MiB in half precision. Opens with
`StableDiffusionXLPipeline.from_pretrained`.{parts_of_card()}

It draws {numbers["subjects"]} subjects (people and faces, animals and objects, places and scenes) on {len(GROUNDS)} named grounds in
seven hands{treatments}: "a fox on a green background, twemoji style". It knows nothing else.

## Data and licences

| set | author | licence | called |
|---|---|---|---|
{sets}

Subject names: {KEYWORDS_PACKAGE} {KEYWORDS_VERSION} (MIT). Never trained on OpenMoji, EmojiOne v1, Fluent high contrast,
FxEmoji, Streamline or any blob set: these are the styles to be learnt later. The weights are Apache-2.0; attribution in
`NOTICE`.

## Training

{trained[0].upper()}{trained[1:]}. Code: `pretraining/`.

## Measured (`python -m pretraining.evaluate`)

| what | value | aimed at |
|---|---|---|
{table}
{block_section(numbers["blocks"])}
## Limits

Trained for hours, not days: fine features (eyes, windows, lettering) come out soft or misplaced, some subjects are hard to
recognise, and prompts beyond the taught form are ignored. Textures as fine as those of mosaic, oil strokes, low poly and halftone
do not come out: the autoencoder does not hold them. Not for photographs.
"""


def main() -> None:
    """Measure, and write `measured.json` and the card beside the weights."""
    numbers = measure()
    (PACKAGED / "measured.json").write_text(json.dumps(numbers, indent=2) + "\n", "utf-8")
    (PACKAGED / "README.md").write_text(card(numbers), "utf-8")
    print(json.dumps(numbers, indent=2))


if __name__ == "__main__":
    main()
