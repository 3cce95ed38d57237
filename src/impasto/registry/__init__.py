"""Plug-ins and recipes by name."""
