"""The theory, as pure functions of tensors."""
