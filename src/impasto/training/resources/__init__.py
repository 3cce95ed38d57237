"""What a run needs of memory, disk and time."""
