"""Layer 2: what a base model is for everyone above."""
