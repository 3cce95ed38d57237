"""Stage 2: two CLIP text encoders and a CLIP vision encoder in one shared space, trained contrastively.

Minimises the symmetric InfoNCE loss of CLIP (arXiv 2103.00020, Fig. 3) for each text tower against the vision tower.
The text towers condition the denoiser; vision and second text tower are the features for scores and distances.

Run: `python -m pretraining.towers --minutes 12`; run it again to go on where it stopped.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from pretraining.checkpoint import STAGES
from pretraining.data.fetch import read_keywords
from pretraining.options import read_options
from pretraining.pictures import read_pictures, read_rows, to_unit
from pretraining.precision import half_where_quick
from pretraining.schedule import Schedule
from pretraining.stage import Stage
from pretraining.tokenizer import LENGTH, train_tokenizer

STAGE = "towers"
WIDTH, SHARED = 128, 128


class Towers(nn.Module):
    """The three encoders, the projection of the first text tower and the temperature, trained together."""

    def __init__(self, tokenizer: CLIPTokenizer) -> None:
        super().__init__()
        text = CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            projection_dim=SHARED,
            num_hidden_layers=3,
            num_attention_heads=4,
            max_position_embeddings=LENGTH,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
        vision = CLIPVisionConfig(
            hidden_size=192,
            intermediate_size=768,
            projection_dim=SHARED,
            num_hidden_layers=4,
            num_attention_heads=6,
            image_size=128,
            patch_size=16,
        )
        self.text_encoder = CLIPTextModel(text)
        self.text_encoder_2 = CLIPTextModelWithProjection(text)
        self.image_encoder = CLIPVisionModelWithProjection(vision)
        self.first_projection = nn.Linear(WIDTH, SHARED, bias=False)
        self.log_temperature = nn.Parameter(torch.tensor(2.659))  # ln(1 / 0.07)
        for encoder in (self.text_encoder, self.text_encoder_2, self.image_encoder):
            encoder.set_attn_implementation("eager")  # torch's fused attention is slow backwards in bfloat16 on CPUs

    def forward(self, ids: Tensor, pictures: Tensor) -> Tensor:
        """Return the contrastive loss of captions `ids` (batch, tokens) and `pictures` (batch, 3, 128, 128)."""
        image = F.normalize(self.image_encoder(pixel_values=pictures).image_embeds, dim=-1)
        first = F.normalize(self.first_projection(self.text_encoder(ids).pooler_output), dim=-1)
        second = F.normalize(self.text_encoder_2(ids).text_embeds, dim=-1)
        scale = self.log_temperature.exp().clamp(max=100)
        labels = torch.arange(len(ids), device=ids.device)
        losses = [
            F.cross_entropy(logits, labels)
            for text in (first, second)
            for logits in (scale * image @ text.T, scale * text @ image.T)
        ]
        return torch.stack(losses).mean()


def caption_corpus() -> list[str]:
    """Return all captions of the data set and all labels and keywords of the public emoji list."""
    captions = [row[f"caption_{index}"] for row in read_rows() for index in range(3)]
    words = [word for entry in read_keywords() for word in (entry["label"], *entry.get("tags", []))]
    return captions + words


def load_tokenizer() -> CLIPTokenizer:
    """Return pocket's tokenizer, training it if there is none yet."""
    folder = STAGES / "tokenizer"
    if not folder.exists():
        train_tokenizer(caption_corpus()).save_pretrained(folder)
    tokenizer: CLIPTokenizer = CLIPTokenizer.from_pretrained(folder)
    return tokenizer


def tokenize(tokenizer: CLIPTokenizer, captions: list[str]) -> Tensor:
    """Return token ids, shape (captions, LENGTH)."""
    ids: Tensor = tokenizer(
        captions, padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt"
    ).input_ids
    return ids


def main() -> None:
    """Train for a number of minutes, saving every two."""
    chosen = read_options(__doc__ or "", minutes=12, batch=192, rate=1e-3)
    device = chosen.device
    pictures, rows, tokenizer = read_pictures(), read_rows(), load_tokenizer()
    ids = torch.stack([tokenize(tokenizer, [row[f"caption_{index}"] for row in rows]) for index in range(3)])
    model = Towers(tokenizer).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=chosen.rate, betas=(0.9, 0.98), weight_decay=0.05, fused=True)
    rng = torch.Generator().manual_seed(0)
    stage = Stage(STAGE, {"towers": model}, optimizer, Schedule.chosen(chosen), {"rng": rng})
    contrast = torch.compile(model, dynamic=False) if chosen.compile else model
    for _ in stage.steps():
        index = torch.randint(len(rows), (chosen.batch,), generator=rng)
        which = torch.randint(3, (chosen.batch,), generator=rng)
        with half_where_quick(device):
            loss = contrast(ids[which, index].to(device), to_unit(pictures[index].to(device)))
        stage.learn(loss, chosen.batch)
        if stage.save_if_due(chosen.save_every):
            stage.record({})
    stage.record({})


if __name__ == "__main__":
    main()
