"""What a page can ask of the server, one file for each part."""
