"""Layer 3: what can be learnt, saved and attached."""
