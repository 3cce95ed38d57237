"""From pictures to a style."""
