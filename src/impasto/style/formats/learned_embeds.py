"""A learnt word as diffusers writes it for bases with one text encoder: one tensor, called as the word.

Its script for SDXL writes two such files, `learned_embeds.safetensors` and `learned_embeds_2.safetensors`.
"""

from impasto.style.formats.embedding_format import EmbeddingFormat

FORMAT = EmbeddingFormat({})
SECOND = "_2"
"""What the name of the second text encoder's file ends in."""
