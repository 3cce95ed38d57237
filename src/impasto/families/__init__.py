"""Layer 5: one file a family of base models."""
