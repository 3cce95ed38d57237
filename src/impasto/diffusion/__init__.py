"""Layer 1: the theory, as pure functions of tensors."""
