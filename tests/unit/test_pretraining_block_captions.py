"""Captions in two parts: nothing is lost, nothing is in both, and every block hears the truth about its own part."""

import pytest
import torch
from pretraining.block_captions import CONTENT, STYLE, divided, joined, shuffled
from pretraining.denoiser import make_denoiser

from impasto.models.families._unet import attention_blocks


@pytest.mark.parametrize(
    ("what", "link", "how"),
    [
        ("a fox", " ", "on a green background, noto style"),
        ("a small fox on the left", ", ", "on an orange to teal gradient"),
        ("an owl and a jet side by side", " ", "in front of a sunset, oil painting style"),
        ("a fox on the left and an owl on the right", ", ", "noto style, mosaic style"),
        ("a fox", " ", "on a green background, noto style, bold dark blue outlines, pastel colours"),
        ("a fox", " ", "on a green background, bold dark blue outlines"),
        ("a fox", ", ", "wobbly"),
        ("", "", "twemoji style"),
        ("", "", "twemoji style, white fill"),
        ("a desert island", "", ""),
        ("", "", ""),
    ],
)
def test_parts_of_a_caption(what: str, link: str, how: str) -> None:
    caption = f"{what}{link}{how}"
    assert divided(caption) == (what, how)
    assert joined(what, how) == caption


def test_a_block_is_told_the_truth_about_its_own_part_alone() -> None:
    captions = ["a fox on a green background, noto style", "a desert island, mosaic style", "", "an owl"]
    told = shuffled(captions, [1, 0, 3, 2])
    assert told.content == ["a fox, mosaic style", "a desert island on a green background, noto style", "", "an owl"]
    assert told.style == ["a desert island on a green background, noto style", "a fox, mosaic style", "", ""]
    assert told.others == ["a desert island, mosaic style", "a fox on a green background, noto style", "", ""]


def test_the_blocks_exist() -> None:
    with torch.device("meta"):
        assert {CONTENT, STYLE} <= set(attention_blocks(make_denoiser()))
