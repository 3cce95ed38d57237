"""From prompts and pictures to pictures."""
