"""Captioned drawings for pocket: sets, subjects, rendering, composition."""
