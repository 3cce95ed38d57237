"""The Python face: a base that draws, learns and is styled. What it offers is exported by `impasto`."""
