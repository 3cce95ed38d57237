"""Layer 4: the saved artefact, one safetensors file with a card."""
