"""Measurements of pocket: known values, prompts for renders, speeds, and a card that says what was not measured."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from pretraining import evaluate, evaluate_image_prompt, evaluate_judge
from pretraining.block_captions import CONTENT, STYLE
from pretraining.evaluate_blocks import block_numbers, block_section
from pretraining.evaluate_card import Entry, card, entries
from pretraining.evaluate_judge import ALL_SHOWN, MISSING, share_of
from pretraining.evaluate_prompts import Asked, asked_of, plain_prompts, prompts_of_subjects, styled_prompts
from pretraining.evaluate_speed import convolution_speed, counted, quickest
from pretraining.fresh import read_fresh
from pretraining.measures import edge_error, named_background_right, psnr

from impasto.metrics.named_colour import BACKGROUND_COLOURS
from impasto.models.fingerprint import Fingerprint

PALETTES = ("pastel colours", "sepia tones")


def rows(count: int = 60) -> list[dict[str, object]]:
    made = []
    for number in range(count):
        style = {} if number % 2 else {"palette": PALETTES[number // 2 % 2]}
        shown = {"subject": ("fox", "owl")[number // 6 % 2], "artist": ("noto", "twemoji", "monotone")[number % 3]}
        made.append(shown | {"background": "sky blue", "style": style, "words": style.get("palette", "")})
    return made


def test_edge_error_and_psnr_of_known_pictures() -> None:
    x = torch.full((1, 3, 16, 16), -1.0)
    ramp = torch.linspace(0, 0.3, 16).expand(1, 3, 16, 16) * 2 - 1  # rises by 0.02 a pixel, of colours from 0 to 1
    assert edge_error(x, ramp) == pytest.approx(0.02, abs=1e-5)
    assert edge_error(x, x + 0.2) == pytest.approx(0, abs=1e-6)
    assert psnr(x, x + 0.2) == pytest.approx(20, abs=1e-3)


def test_prompts_ask_for_what_their_renders_show() -> None:
    shown = rows()
    styled = styled_prompts(shown, np.random.default_rng(0), each=6)
    plain = plain_prompts(shown, np.random.default_rng(0), each=2)
    for each in (*styled, *plain):
        assert each == asked_of(shown[each.render], each.render)
    assert sorted(each.style["palette"] for each in styled) == ["pastel colours"] * 3 + ["sepia tones"] * 3
    assert [each.style for each in plain] == [{}] * 4
    assert all(len({each.artist for each in plain if each.subject == name}) == 2 for name in ("fox", "owl"))
    assert {each.subject for each in prompts_of_subjects(shown, np.random.default_rng(0))} == {"fox", "owl"}
    assert len(prompts_of_subjects(shown, np.random.default_rng(0), count=1)) == 1


def test_a_prompt_says_subject_background_artist_and_style() -> None:
    asked = Asked("owl", "noto", "sky blue", {"palette": "sepia tones"}, "sepia tones")
    assert asked.prompt == "an owl on a sky blue background, noto style, sepia tones"
    assert Asked("owl", "noto", "sky blue", {}, "").prompt == "an owl on a sky blue background, noto style"
    right, wrong = (Image.new("RGB", (32, 32), BACKGROUND_COLOURS[name]) for name in ("sky blue", "red"))
    assert named_background_right([right, wrong], [asked, asked]) == 0.5


def test_operations_of_known_work() -> None:
    a, b = torch.zeros(3, 5), torch.zeros(5, 7)
    assert counted(lambda: a @ b) == 2 * 3 * 5 * 7
    heads = torch.zeros(1, 2, 4, 8, requires_grad=True)  # 2 heads, 4 places, 8 channels

    def attend() -> None:
        torch.autograd.backward(F.scaled_dot_product_attention(heads, heads, heads).sum())

    forward = counted(lambda: F.scaled_dot_product_attention(heads.detach(), heads.detach(), heads.detach()))
    assert forward == 2 * (2 * 2 * 4 * 8 * 4)  # two products in each of two heads
    assert counted(attend) > 2 * forward
    assert convolution_speed(times=1) > 0
    calls: list[int] = []
    assert quickest(lambda: calls.append(1), 3) < 1
    assert len(calls) == 4


def test_what_no_stage_has_made_is_not_trained_yet(tmp_path: Path) -> None:
    assert evaluate_image_prompt.image_prompt_numbers(tmp_path, torch.zeros(0), []) == MISSING
    assert evaluate_judge.unseen_numbers(None, None, rows(), 0.9) == ALL_SHOWN
    assert share_of(0.9, 0.95) == 0.947
    with pytest.raises(FileNotFoundError, match=r"run python -m pretraining\.fresh --out"):
        read_fresh(tmp_path)


def numbers() -> dict[str, object]:
    found = {
        "subject": {
            "top_5": {"drawn": 0.9, "renders": 0.95, "share": 0.947},
            "top_1": {"drawn": 0.8, "renders": 0.85, "share": 0.941},
        },
        "artist": {"drawn": 0.86, "renders": 0.97, "prompts": 200},
        "styles": {"outline_colour": {"drawn": 0.89, "renders": 0.99, "prompts": 40}},
    }
    share = {"share": 0.41, "of": "bfloat16"}
    return {
        "autoencoder": {"OpenMoji": {"psnr_db": 30.2, "edge_error": 0.03, "drawings": 80}},
        "prompts": 400,
        "subjects": 100,
        "backgrounds": 14,
        "style_kinds_shown": ["outline_colour"],
        "named_background_right": 0.985,
        "judge": {"shares": {"subject_top_5": 0.98}, "pictures": {"subject": 2076}},
        "by_judge": found,
        "unseen_pairs": ALL_SHOWN,
        "retrieval_recall_at_1": 0.96,
        "retrieval_candidates": 100,
        "background_with_image_prompt": MISSING,
        "seconds_for_four_pictures_of_20_steps": 2.5,
        "speed": {
            "matrix_peak_gflops": {"bfloat16": 700},
            "float32_convolutions_gflops": 440,
            "seconds_for_four_bar": 3.0,
            "share_of_peak": {"demo_training": share, "drawing": share, "pretraining": share},
        },
        "reader": {},
        "bytes_of_weights": 60_000_000,
        "unet_parameters": 14_300_000,
        "latent_channels": 16,
        "blocks": None,
        "steps": {"towers": {"step": 3, "seconds": 60}, "judge": MISSING},
    }


def test_the_card_says_which_bars_are_reached_and_what_was_not_measured(tmp_path: Path) -> None:
    reached = {each.what.split(",")[0]: each.is_reached for each in entries(numbers())}
    assert reached["autoencoder"]
    assert reached["named background right"]
    assert reached["artist by name"]
    assert reached["outline colour by its words"] is False
    assert reached["subject in the judge's top 5"] is False
    assert reached["subject the judge's first"]
    assert reached["four pictures of 20 steps"]
    assert reached["the same (top 5) on pairs of subject and artist never shown"] is None
    text = card(numbers(), tmp_path)
    assert "Towers 3 steps in 1 min." in text
    assert (
        "| named background right with an image prompt of another colour at full strength | not trained yet |" in text
    )
    assert f"never shown | {ALL_SHOWN} |  |" in text
    assert "| outline colour by its words, 40 prompts" in text
    assert "3 bars are not reached." in text
    assert not any(word in text for word in ("ControlNet", "image prompt adapter"))
    without = card(numbers() | {"judge": MISSING}, tmp_path)
    assert "| subject, artist and style by the judge | not trained yet |" in without


def test_entries_of_a_reader_and_of_what_should_be_small() -> None:
    drawn = {"pictures": 24, "named": 23, "rating": 3.25, "control_pictures": 12, "control_named": 12}
    told = {"prompts": drawn | {"control_rating": 4.5}, "openmoji": {"pictures": 24, "named": 22, "nearer": 20}}
    found = {each.what: each.is_reached for each in entries(numbers() | {"reader": told})}
    assert [each for what, each in found.items() if "reader" in what] == [False, False, True]
    assert found["StyleForge on openmoji: nearer to the artist's than before, of 24"] is False
    prompted = {"at_full_strength": 0.61, "without": 0.95, "drawn": 96}
    assert [
        each.is_reached
        for each in entries(numbers() | {"background_with_image_prompt": prompted})
        if "image prompt" in each.what
    ] == [False, True]
    assert Entry("size", 3, 4, at_most=True, unit=" MB").line() == "| size | 3 MB | at most 4 MB | yes |"


def test_entries_of_probed_blocks() -> None:
    means = {"subject": {CONTENT: 0.62, STYLE: 0.21}, "style": {CONTENT: 0.2, STYLE: 0.49}}
    effects = {family: {block: {"mean": mean} for block, mean in of.items()} for family, of in means.items()}
    found = entries(numbers() | {"blocks": {"pairs": 200, "effects": effects, "roles": {}}})
    probed = {each.what: each.is_reached for each in found if each.what.startswith("effect of")}
    assert list(probed.values()) == [True, True, False, False]
    assert f"effect of {STYLE} on subject, 200 pairs" in probed
    assert "not probed yet" in [each.value for each in entries(numbers())]


def test_blocks_are_told_of_the_probed_weights_only(tmp_path: Path) -> None:
    mine = Fingerprint(architecture="a", signature=(0.5, 0.25))
    effect = {"mean": 0.81, "low": 0.7, "high": 0.9, "score": 0.1}
    found = {
        "fingerprint": mine.model_dump(),
        "pairs": 200,
        "blocks": ["up_blocks.0.attentions.0"],
        "families": {"subject": {"span": {}, "blocks": {"up_blocks.0.attentions.0": effect}}},
        "roles": {"content": ["up_blocks.0.attentions.0"]},
    }
    (tmp_path / "probe.json").write_text(json.dumps(found), "utf-8")
    told = block_section(block_numbers(mine, tmp_path / "probe.json"))
    assert "| up_blocks.0.attentions.0 | 0.81 (0.70 to 0.90) |" in told
    assert "content: up_blocks.0.attentions.0." in told
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
