"""impasto: teach a text-to-image diffusion model a style, and keep the words in control."""

__version__ = "0.1.0"
__all__ = ["__version__"]
