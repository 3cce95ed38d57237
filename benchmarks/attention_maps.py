"""How much do pocket's self-attention maps decide, which the teacher of StyleStudio hands to its students?

Prompts are drawn as usual, and with maps that look everywhere alike: softmax(QKᵀ/√d) is replaced by 1 / tokens in every
self-attention layer and step. How much of the layout stays is the structural similarity of edges. Yardsticks: the same
prompt with another seed, and with a prompt that names another subject. Where maps hardly matter, sharing them cannot.

Run: `python -m benchmarks.attention_maps`
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from benchmarks.artist_judge import standard_error
from benchmarks.machine import save_result
from benchmarks.style_studio_bench import make_prompts
from impasto.data.images import to_tensor
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.metrics.layout import edge_similarity
from impasto.models.attention_layers import AttentionLayer
from impasto.models.control import Control
from impasto.models.forward_context import ForwardContext
from impasto.models.open import open_base
from impasto.registry.recipes import guidance_for


class AlikeEverywhere(Control):
    """Every place looks at all places alike."""

    def touches(self, layer: AttentionLayer, context: ForwardContext) -> bool:  # noqa: ARG002
        """Return whether the layer is one of self-attention."""
        return layer.kind == "self"

    def attend(self, layer: AttentionLayer, context: ForwardContext, q: Tensor, k: Tensor, v: Tensor) -> Tensor:  # noqa: ARG002
        """Return the mean of all values at every place."""
        return v.mean(dim=-2, keepdim=True).expand_as(v)


def main() -> None:
    """Measure and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=40)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--dry", action="store_true", help="do not write results")
    chosen = parser.parse_args()
    base = open_base("pocket", device="cpu")
    params = SamplingParams(chosen.steps, guidance_for("pocket"), base.resolution, base.resolution, batch=8)
    prompts = [wanted.text for wanted in make_prompts(chosen.prompts)]

    def pictures(words: Sequence[str], seed: int, control: Control | None = None) -> Tensor:
        drawn: list[Image.Image] = [
            image for _, image in draw(base, [ImageRequest(each, seed) for each in words], params, control)
        ]
        return torch.stack([to_tensor(each) for each in drawn])

    plain = pictures(prompts, 0)
    ways = {
        "maps that look everywhere alike": pictures(prompts, 0, AlikeEverywhere()),
        "another seed": pictures(prompts, 1),
        "another prompt": plain.roll(1, 0),
    }
    rows = []
    for name, other in ways.items():
        kept = edge_similarity(plain, other)
        rows.append({"way": name, "layout_kept": round(float(kept.mean()), 4), "error": round(standard_error(kept), 4)})
        print(rows[-1])
    if not chosen.dry:
        facts = {"prompts": chosen.prompts, "steps": chosen.steps, "rows": rows}
        print(save_result("attention-maps", {"question": (__doc__ or "").splitlines()[0], **facts}))


if __name__ == "__main__":
    main()
