"""Low-rank files of other tools, one file a format: names and scales to impasto's and back."""
