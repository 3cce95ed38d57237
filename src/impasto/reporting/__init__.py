"""Sheets of pictures and curves."""
