"""Layer 6: the use cases, as generators of events."""
