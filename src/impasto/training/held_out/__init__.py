"""The step worth keeping: measure pictures that training never shows, and keep the step that comes nearest to them."""
