"""Errors, options, plug-ins, events. Knows nothing of diffusion."""
