"""Layer 0: errors, options, plug-ins, events. Knows nothing of diffusion."""
