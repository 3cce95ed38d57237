"""A learnt word as kohya's scripts write it for bases with one text encoder, for A1111: `emb_params`."""

from impasto.style.formats.embedding_format import EmbeddingFormat

FORMAT = EmbeddingFormat({"emb_params": "text_encoder"})
