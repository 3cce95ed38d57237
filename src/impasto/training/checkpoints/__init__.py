"""What makes a run go on where it was."""
