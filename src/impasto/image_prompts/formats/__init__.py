"""The files of image prompt adapters, one module a format; each defines `FORMAT`."""
