"""The studio: a page on this machine where a style is taught, drawn with and compared."""
