"""Layer 5: one file a metric, pure functions of features."""
