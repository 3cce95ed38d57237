"""What a base model is for everyone above."""
