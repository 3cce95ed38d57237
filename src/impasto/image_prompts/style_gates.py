"""What StyleCrafter (arXiv:2312.00330) has beside tokens, keys and values.

Every cross-attention adds (1 + s) · scale · LayerNorm(S) to the attention T to the words, where S is the attention to
the style tokens and s, between -1 and 1, is predicted for each layer from the words and the style together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from impasto.models.image_tokens import Gating, ImageTokens

HEAD = 64
"""Channels of a head, in both of StyleCrafter's transformers."""


class QueryTransformer(nn.Module):
    """Learned queries beside what they read, in a transformer of pre-norm layers.

    Args:
        width: Of what is read; a multiple of `HEAD`.
        output: Width of what comes out.
        num_queries: How many tokens come out.
        depth: Layers.
        feed_forward: Inner width of every layer.
    """

    def __init__(self, width: int, output: int, num_queries: int, *, depth: int, feed_forward: int) -> None:
        super().__init__()
        self.query_emb = nn.Parameter(torch.zeros(1, num_queries, width))
        self.ln1 = nn.LayerNorm(width)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width,
                width // HEAD,
                feed_forward,
                dropout=0.0,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            for _ in range(depth)
        )
        self.ln2 = nn.LayerNorm(width)
        self.proj = nn.Parameter(torch.zeros(width, output))

    def forward(self, read: Float[Tensor, "batch places width"]) -> Float[Tensor, "batch queries output"]:
        """Return what the queries found."""
        queries = self.query_emb.expand(len(read), -1, -1)
        states = self.ln1(torch.cat([queries, read], dim=1))
        for block in self.blocks:
            states = block(states)
        found: Tensor = self.ln2(states[:, : queries.shape[1]]) @ self.proj
        return found


class ScalePredictor(nn.Module):
    """Predicts s of every layer.

    Args:
        words: Width of the words' states and of the style tokens.
        reader: Has one query for each layer.
        hidden: Inner width of what makes numbers of its output.
    """

    def __init__(self, words: int, reader: QueryTransformer, hidden: int) -> None:
        super().__init__()
        width, output = reader.proj.shape
        self.text_proj = nn.Linear(words, width)
        self.style_proj = nn.Linear(words, width)
        self.scale_predictor = reader
        self.out_proj = nn.Sequential(nn.Linear(output, hidden), nn.GELU(), nn.Linear(hidden, 1), nn.Tanh())

    def forward(
        self, words: Float[Tensor, "rows words width"], tokens: Float[Tensor, "rows tokens width"]
    ) -> Float[Tensor, "rows layers"]:
        """Return s for every row and layer."""
        read = torch.cat([self.text_proj(words), self.style_proj(tokens)], dim=1)
        predicted: Tensor = self.out_proj(self.scale_predictor(read))
        return predicted.squeeze(-1)


@dataclass(frozen=True, slots=True)
class StyleGates:
    """Norms and predictor as a file holds them.

    Attributes:
        norms: By path of the attention layer, in the order in which the layers are numbered.
        predictor: Predicts s in that order.
    """

    norms: Mapping[str, nn.LayerNorm]
    predictor: ScalePredictor

    def gated(self, plain: ImageTokens, words: Float[Tensor, "rows words width"]) -> ImageTokens:
        """Return `plain` with the gates 1 + s for prompts; a single row of tokens serves all rows of words."""
        tokens = plain.tokens.expand(len(words), -1, -1)
        scales = 1 + self.predictor(words, tokens)
        gates = {path: scales[:, layer, None, None] for layer, path in enumerate(self.norms)}
        return replace(plain, tokens=tokens, gating=Gating(self.norms, gates))
