"""How good a set of pictures is."""
