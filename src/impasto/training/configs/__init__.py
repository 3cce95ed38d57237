"""The options of training by what they are about: one file a table of a TOML file."""
