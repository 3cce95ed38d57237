"""A workspace in which something was done before: a training that lost its words, a comparison of two methods."""

import json
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import save_file

from impasto.studio.queue.jobs import Spec, write_spec
from impasto.studio.queue.process import write_outcome
from impasto.training.held_out.files import step_path

LOST, COMPARED = "20260101-000000-000-lost", "20260101-000000-000-compared"


def furnish(workspace: Path) -> None:
    """Put a training that lost its words and a comparison of two methods into a workspace."""
    training, comparison = (workspace / "jobs" / name for name in (LOST, COMPARED))
    (training / "run" / "samples").mkdir(parents=True)
    form = {
        "method": "styleforge",
        "title": "lost",
        "style_images": "pack:openmoji",
        "sample_prompts": ["a fox", "an owl"],
    }
    write_spec(training, Spec("train", "lost", ("train", "styleforge"), {"steps": 30, "out": "lost.safetensors"}, form))
    rows: list[dict[str, object]] = []
    for step in (0, 10, 20, 30):
        Image.new("RGB", (256, 128), (8 * step, 90, 120)).save(training / "run" / "samples" / f"step-{step:06d}.png")
        rows += [{"event": "Sampled", "step": step}, *([{"event": "StepKept", "step": step}] if step else [])]
    told = {
        "moved": 0.4,
        "kept": 1,
        "kept_before": 2,
        "asked": 2,
        "worse_since": None,
        "words_lost_since": 30,
        "best": 20,
    }
    rows.append({"event": "Verdict", "step": 30, **told})
    (training / "run" / "events.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (workspace / "styles").mkdir()
    save_file({"x": torch.zeros(1)}, workspace / "styles" / step_path(Path("lost.safetensors"), 20).name)
    comparison.mkdir()
    write_spec(comparison, Spec("compare", "two methods", ("compare", "x.toml")))
    for row in ("base", "lora"):
        trial = comparison / "comparison" / "trials" / row
        trial.mkdir(parents=True)
        Image.new("RGB", (128, 128), "teal").save(trial / "fox.png")
        facts = {"row": row, "style": "ink", "seed": 0, "prompts": ["a fox"], "pictures": ["fox"]}
        (trial / "trial.json").write_text(json.dumps(facts))
    for folder in (training, comparison):
        write_outcome(folder, 0)
