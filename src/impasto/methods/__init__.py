"""One file a method. A new method is one new file here."""
