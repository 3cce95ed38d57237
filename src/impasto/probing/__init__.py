"""Which blocks decide on what."""
