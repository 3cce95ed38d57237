"""Which styles can still be told after the autoencoder? What is lost there, no denoiser can draw.

The judge of `pretraining.judge` sees pictures of the built data set as they are, and as the packaged autoencoder leaves
them.

Run: `python -m pretraining.autoencoder_styles`
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import torch

from impasto.models.open import open_base
from pretraining.judge import load_judge, style_of
from pretraining.pictures import read_pictures, read_rows, to_unit

COUNT, BATCH = 600, 32


@torch.no_grad()
def main() -> None:
    """Judge and print."""
    base, judge, rows = open_base("pocket"), load_judge(), read_rows()
    chosen = np.random.default_rng(0).permutation(len(rows))[:COUNT].tolist()
    given, shown = read_pictures()[chosen], [rows[number] for number in chosen]
    print("as they are:", judge.accuracy(given, shown))
    left = [base.decode(base.encode_images(to_unit(part))[0]) for part in torch.split(given, BATCH)]
    pictures = torch.cat(left).float().clamp(-1, 1)
    print("after the autoencoder:", judge.accuracy(pictures, shown))
    found: dict[str, list[bool]] = defaultdict(list)
    for row, answer in zip(shown, judge.judge_pictures(pictures)[1].argmax(dim=1).tolist(), strict=True):
        found[style_of(row)].append(judge.classes.styles[answer] == style_of(row))
    for style, right in sorted(found.items(), key=lambda each: np.mean(each[1])):
        print(f"{np.mean(right):.2f} of {len(right)}: {style}")


if __name__ == "__main__":
    main()
