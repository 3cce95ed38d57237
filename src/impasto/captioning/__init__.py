"""Captions for pictures that have none: from file names, or written by a network."""
