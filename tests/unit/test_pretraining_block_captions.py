"""Captions in two parts: nothing is lost, nothing is in both."""

import pytest
import torch
from pretraining.block_captions import CONTENT, STYLE, divided
from pretraining.denoiser import make_denoiser

from impasto.base.block_prompts import attention_blocks


@pytest.mark.parametrize(
    ("what", "link", "how"),
    [
        ("a fox", " ", "on a green background, noto style"),
        ("a small fox on the left", ", ", "on an orange to teal gradient"),
        ("an owl and a jet side by side", " ", "in front of a sunset, oil painting style"),
        ("a fox on the left and an owl on the right", ", ", "noto style, mosaic style"),
        ("", "", "twemoji style"),
        ("a desert island", "", ""),
        ("", "", ""),
    ],
)
def test_parts_of_a_caption(what: str, link: str, how: str) -> None:
    assert divided(f"{what}{link}{how}") == (what, how)


def test_the_blocks_exist() -> None:
    with torch.device("meta"):
        assert {CONTENT, STYLE} <= set(attention_blocks(make_denoiser()))
