"""Layer 5: one file a feature extractor."""
