"""What can be learnt, saved and attached."""
