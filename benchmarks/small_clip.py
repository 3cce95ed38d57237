"""A small CLIP with random weights, as a folder, and as torchmetrics wants to be handed it."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import pre_tokenizers
from torch import Tensor, nn
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizer

_SIDE = 32


def save_small_clip(folder: Path) -> None:
    """Write model, tokenizer and image processor of a CLIP with a letter a token and pictures of 32 px."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    tokenizer = CLIPTokenizer(
        vocab={piece: index for index, piece in enumerate(pieces)}, merges=[], model_max_length=40
    )
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    ends = {"bos_token_id": 512, "eos_token_id": 513, "pad_token_id": 513}
    config = CLIPConfig(
        text_config=sizes | ends | {"vocab_size": 514, "max_position_embeddings": 40},
        vision_config=sizes | {"image_size": _SIDE, "patch_size": 8},
        projection_dim=24,
    )
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(0)
        model = CLIPModel(config)
    model.visual_projection.weight.data.neg_()  # for positive cosines: torchmetrics cuts the score at 0
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    CLIPImageProcessor(size={"shortest_edge": _SIDE}, crop_size=_SIDE).save_pretrained(folder)


def processor(folder: str) -> CLIPProcessor:
    """Return what prepares pictures and words for it."""
    return CLIPProcessor(CLIPImageProcessor.from_pretrained(folder), CLIPTokenizer.from_pretrained(folder))


class Unwrapped(nn.Module):
    """A CLIP whose features are plain tensors, as they were before transformers 5."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.model = CLIPModel.from_pretrained(folder).eval()
        self.config = self.model.config

    def get_image_features(self, pixel_values: Tensor) -> Tensor:
        """Return features of pictures."""
        features: Tensor = self.model.get_image_features(pixel_values).pooler_output
        return features

    def get_text_features(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return features of words."""
        features: Tensor = self.model.get_text_features(input_ids, attention_mask).pooler_output
        return features
