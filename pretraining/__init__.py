"""How pocket, the embedded base, is made: data, stages, export and evaluation. Not part of the wheel."""
