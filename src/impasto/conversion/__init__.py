"""From files of one tool to those of another."""
