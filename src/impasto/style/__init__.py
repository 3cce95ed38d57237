"""The saved artefact, one safetensors file with a card."""
