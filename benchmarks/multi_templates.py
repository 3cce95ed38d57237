"""Where do the words of a divided style belong in a prompt? One training, drawn with several templates.

Multi-StyleForge on the validation pack, whose captions are shown in training as "{caption}, [V] style". The
authors' template puts the words of all parts first. Distances are to the pack's held-out drawings.

Run: `python -m benchmarks.multi_templates`
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.machine import save_result
from impasto.data.captions import called_prompt, caption_of
from impasto.data.decompose import called_by_clause
from impasto.data.images import read_picture
from impasto.data.packs import pictures_of
from impasto.evaluation.feature_sets import Named, extractor_of, measure_all
from impasto.evaluation.prompts import Prompts
from impasto.features.pocket import PocketFeatures
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.methods.multi_styleforge import MultiStyleForge
from impasto.models.open import open_base
from impasto.registry.methods import make_method
from impasto.registry.recipes import guidance_for, recipe_for
from impasto.style.attach import attached
from impasto.style.file import Style, load_style
from impasto.training.options import TrainOptions
from impasto.training.train import train

PACK = "pack:fluent-emoji-high-contrast"
STEPS, SEED = 400, 0
FIRST, LAST, CLAUSES = "words first", "words last", "words in clauses"
SHOWN = ("KID", "text alignment")


def learn() -> Style:
    """Return the style."""
    recipe = recipe_for(MultiStyleForge.name, "pocket", None)
    own = {key: value for key, value in recipe.items() if key in MultiStyleForge.Config.model_fields}
    shared = {key: value for key, value in recipe.items() if key in TrainOptions.model_fields}
    with tempfile.TemporaryDirectory() as folder:
        values = {"style_images": PACK, "aux_images": PACK, "sample_every": 0, "steps": STEPS, "seed": SEED}
        where = {"out": Path(folder) / "style.safetensors", "run_dir": Path(folder) / "run"}
        options = TrainOptions.model_validate(shared | values | where)
        for _ in train(options, make_method(MultiStyleForge, MultiStyleForge.Config.model_validate(own))):
            pass
        return load_style(options.out)


def asked(style: Style, template: str, caption: str) -> str:
    """Return what is drawn for a caption: the words of the style before it, behind it, or behind each clause."""
    words, concepts = style.card.style_words, style.card.concepts
    if template == CLAUSES:
        return called_by_clause(caption, words, concepts, lead=style.card.words_lead)
    return called_prompt(caption, words, lead=template == FIRST)


def main() -> None:
    """Learn, draw, measure and write JSON."""
    style, base = learn(), open_base("pocket", device="cpu")
    paths = pictures_of(PACK, "reference", "reference")
    captions = [caption_of(path) or "" for path in paths]
    real = [Named(path.stem, read_picture(path).image) for path in paths]
    learnt = [Named(path.stem, read_picture(path).image) for path in pictures_of(PACK, "style", "style_images")]
    judge = extractor_of(PocketFeatures(), real, learnt)
    params = SamplingParams(20, guidance_for("pocket"), base.resolution, base.resolution, batch=8)
    rows = []
    for template in (FIRST, LAST, CLAUSES):
        requests = [ImageRequest(asked(style, template, caption), index) for index, caption in enumerate(captions)]
        with attached(base, [(style, 1.0)]):
            images = [image for _, image in draw(base, requests, params)]
        drawn = [Named(each.name, image) for each, image in zip(real, images, strict=True)]
        found = judge.sets(judge.extractor.extract(images), drawn, Prompts(tuple(captions), None))
        row: dict[str, object] = {"template": template, "example": requests[0].prompt}
        row |= {each.name: round(each.value, 4) for each in measure_all(found) if each.name in SHOWN}
        print(row, flush=True)
        rows.append(row)
    facts = {"pack": PACK, "steps": STEPS, "captions": True, "rows": rows}
    print(save_result("multi-templates", {"question": (__doc__ or "").splitlines()[0], **facts}))


if __name__ == "__main__":
    main()
