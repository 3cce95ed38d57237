"""One question per script; results are committed under `results/` with machine and versions."""
