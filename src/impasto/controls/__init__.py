"""Layer 5: one file a training-free control."""
