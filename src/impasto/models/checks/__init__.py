"""What is checked of a base when it is opened: its files before they are loaded, its parts and its schedule after."""
