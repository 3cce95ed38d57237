"""Measurements of pocket: known values, prompts that may be asked, and a card without what was not measured."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pretraining import checkpoint, evaluate, evaluate_parts, judge
from pretraining.data.compose import GROUNDS
from pretraining.data.subjects import with_article
from pretraining.evaluate_blocks import block_numbers, block_section
from pretraining.evaluate_parts import MISSING
from pretraining.measures import ask, edge_error, named_ground_right, psnr, seen_pairs

from impasto.models.fingerprint import Fingerprint


def test_edge_error_and_psnr_of_known_pictures() -> None:
    x = torch.full((1, 3, 16, 16), -1.0)
    ramp = torch.linspace(0, 0.3, 16).expand(1, 3, 16, 16) * 2 - 1  # rises by 0.02 a pixel, of colours from 0 to 1
    assert edge_error(x, ramp) == pytest.approx(0.02, abs=1e-5)
    assert edge_error(x, x + 0.2) == pytest.approx(0, abs=1e-6)
    assert psnr(x, x + 0.2) == pytest.approx(20, abs=1e-3)


def test_prompts_name_grounds_that_are_kept_and_pairs_that_are_seen() -> None:
    pairs = list(seen_pairs(["fox"] * 60, ["twemoji", "sepia engraving"], np.random.default_rng(0), is_full=True))
    assert set(pairs) == {("fox", "twemoji")}  # the other pair is held out
    made = ask([("scissors", "twemoji"), ("fox", "pencil sketch")], np.random.default_rng(0), is_full=True)
    assert made[0].prompt == f"scissors on {with_article(made[0].ground)} background, twemoji style"
    assert made[1].prompt == "a fox, pencil sketch style"
    plain = Image.new("RGB", (32, 32), GROUNDS[made[0].ground])
    assert named_ground_right([plain, plain], made) == 1  # the second names none


def test_what_is_not_trained_is_said_and_not_in_the_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "STAGES", tmp_path)
    monkeypatch.setattr(judge, "PUBLISHED", tmp_path / "judge.safetensors")
    monkeypatch.setattr(evaluate, "STAGES", tmp_path)
    monkeypatch.setattr(evaluate, "FORMER", tmp_path / "former.json")
    monkeypatch.setattr(evaluate, "PACKAGED", tmp_path)
    monkeypatch.setattr(evaluate_parts, "PACKAGED", tmp_path)
    numbers: dict[str, object] = {
        **evaluate_parts.judge_numbers(None, [], [], is_full=True),
        **evaluate_parts.image_prompt_numbers(["fox"], is_full=True),
        "autoencoder_on_packs": {"OpenMoji": {"psnr_db": 21.5, "edge_error": 0.03, "drawings": 80}},
        "retrieval_candidates": 100,
        "retrieval_recall_at_1": 0.75,
        "grounds_asked": 90,
        "named_ground_right": 0.9,
        "subjects": 2,
        "subject_in_top_5_by_own_towers": 0.5,
        "prompts_drawn": 100,
        "grammar": "full",
        "seconds_for_four_pictures_of_20_steps": 5.5,
        "bytes_of_all_files": 50_000_000,
        "blocks": None,
        "steps": evaluate.steps_of_stages() | {"towers": {"step": 3, "seconds": 60}},
    }
    assert numbers["judge"] == numbers["ground_with_image_prompt"] == MISSING
    text = evaluate.card(numbers)
    assert "Towers 3 steps in 1 min." in text
    assert not any(word in text for word in (MISSING, "judge's", "image prompt adapter", "ControlNet"))
    found = {"held_back": {"subject_top_1": 0.9, "subject_top_5": 0.97, "style": 0.8}}
    unseen = {"subject_in_top_5": 0.61, "style_right": 0.7, "drawn": 400}
    by_judge = {"judge": found, "subject_in_top_5_by_judge": 0.81, "style_right_by_judge": 0.86, "unseen_pairs": unseen}
    text = evaluate.card(numbers | by_judge)
    assert all(each in text for each in ("0.97; 0.8", "0.81", "0.86", "0.61"))


def test_blocks_are_told_of_the_probed_weights_only(tmp_path: Path) -> None:
    mine = Fingerprint(architecture="a", signature=(0.5, 0.25))
    effect = {"mean": 0.81, "low": 0.7, "high": 0.9, "score": 0.1}
    found = {
        "fingerprint": mine.model_dump(),
        "pairs": 60,
        "blocks": ["mid_block.attentions.0"],
        "families": {"subject": {"span": {}, "blocks": {"mid_block.attentions.0": effect}}},
        "roles": {"content": ["mid_block.attentions.0"]},
    }
    (tmp_path / "probe.json").write_text(json.dumps(found), "utf-8")
    told = block_section(block_numbers(mine, tmp_path / "probe.json"))
    assert "| mid_block.attentions.0 | 0.81 (0.70 to 0.90) |" in told
    assert "content: mid_block.attentions.0." in told
    other = mine.model_copy(update={"signature": (0.5, 0.3)})
    assert block_section(block_numbers(other, tmp_path / "probe.json")) == ""
    assert block_section(block_numbers(mine, tmp_path / "none.json")) == ""


def test_counters_go_on_from_those_of_the_published_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "STAGES", tmp_path)
    monkeypatch.setattr(evaluate, "FORMER", tmp_path / "former.json")
    (tmp_path / "towers").mkdir()
    (tmp_path / "towers" / "counters.json").write_text('{"step": 5, "seconds": 60}', "utf-8")
    former = {"towers": {"step": 7, "seconds": 30, "earlier_seconds": 10}, "decoder": {"step": 2, "seconds": 20}}
    (tmp_path / "former.json").write_text(json.dumps({"steps": former | {"judge": MISSING}}), "utf-8")
    steps = evaluate.steps_of_stages()
    assert steps["towers"] == {"step": 12, "seconds": 90, "earlier_seconds": 10}
    assert steps["decoder"] == {"step": 2, "seconds": 20, "earlier_seconds": 0}
    assert steps["judge"] == steps["denoiser"] == MISSING
