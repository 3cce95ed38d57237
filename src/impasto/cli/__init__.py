"""Layer 7: the command line, the only place that prints."""
