"""Pairs of prompts that differ in one thing alone: subject, style or colour.

For a pretrained base the prompts of subject and colour are those of B-LoRA's analysis (arXiv:2403.14572, Sec. 4.1);
the paper lets colour stand for style, here style has words of its own as well. pocket knows one form of prompt only.
"""

from __future__ import annotations

from impasto.features._pocket_words import Wording

PHOTO = Wording(
    templates={
        "subject": "A photo of a {subject}",
        "style": "A {subject}, {style}",
        "colour": "A photo of a {colour} {subject}",
    },
    words={
        "subject": (
            *("cat", "dog", "horse", "rabbit", "elephant", "owl", "parrot", "turtle", "frog", "fish", "butterfly"),
            *("car", "bus", "bicycle", "motorcycle", "train", "airplane", "sailing boat", "house", "castle"),
            *("lighthouse", "bridge", "tree", "flower", "mushroom", "apple", "cake", "teapot", "mug", "bottle", "bowl"),
            *("vase", "chair", "sofa", "table", "bed", "lamp", "clock", "backpack", "suitcase", "umbrella", "hat"),
            *("shoe", "dress", "guitar", "piano", "camera", "telephone", "balloon", "teddy bear", "robot"),
        ),
        "style": (
            *("watercolor painting", "oil painting", "pencil sketch", "charcoal drawing", "ink line drawing"),
            *("pixel art", "cartoon", "anime", "3d render", "low poly", "origami", "stained glass", "mosaic"),
            *("woodcut print", "pop art", "flat vector illustration"),
        ),
        "colour": (
            *("red", "orange", "yellow", "green", "turquoise", "blue", "purple", "pink", "brown", "black", "white"),
            "gray",
        ),
    },
)
"""For bases that were trained on pictures of everything."""
