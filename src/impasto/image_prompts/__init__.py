"""Adapters that show a base pictures beside words."""
