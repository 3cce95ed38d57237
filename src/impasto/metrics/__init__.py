"""One file a metric, pure functions of features."""
