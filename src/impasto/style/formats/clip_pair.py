"""A learnt word for SDXL, as all tools read it: `clip_l` and `clip_g`, one for each text encoder."""

from impasto.style.formats.embedding_format import EmbeddingFormat

FORMAT = EmbeddingFormat({"clip_l": "text_encoder", "clip_g": "text_encoder_2"})
