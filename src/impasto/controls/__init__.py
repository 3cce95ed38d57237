"""One file a training-free control."""
