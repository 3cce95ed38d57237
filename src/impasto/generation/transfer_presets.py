"""Settings of `impasto transfer` by name.

They go from words to style, and differ only in settings of StyleStudio and in the negative style:

- "faithful": words first. The layout is that of the words for the first 0.4 of the steps, the style comes at 0.7.
- "balanced": the paper's own settings.
- "bold": style first. No teacher, the whole style, and steering away from what is no style in the reference.

A base may have presets of its own, in `recipes/transfer-BASE.toml`; pocket has. What each costs in words and gains in
style is measured on pocket by `benchmarks/style_studio_pocket.py`, one row for each.
"""

from __future__ import annotations

from collections.abc import Mapping

from impasto.core.errors import ConfigError
from impasto.generation.transfer_options import AUTO
from impasto.registry.recipes import recipe_for

BALANCED = "balanced"
PRESETS: Mapping[str, Mapping[str, object]] = {
    "faithful": {"adain": 0.7, "teacher": 0.4},
    BALANCED: {"adain": 1.0, "teacher": 0.4},
    "bold": {"adain": 1.0, "teacher": 0.0, "negative_style": AUTO},
}
"""By name: values of flags."""


def preset(name: str, base: str, mix: str | None = None) -> Mapping[str, object]:
    """Return settings by name.

    Args:
        name: Of the preset.
        base: Kind of base, which may have values of its own.
        mix: How words and style are to be mixed; None leaves it to the preset. The values of a base go with its own
            mix alone: a weight that is right for a sum is no share of statistics.

    Raises:
        ConfigError: There is no such preset; the known ones are listed.
    """
    if name not in PRESETS:
        raise ConfigError(f"preset {name!r} is unknown: choose one of {', '.join(PRESETS)}")
    stated = recipe_for("transfer", base).get(name)
    return stated if isinstance(stated, dict) and mix in {None, stated.get("mix")} else PRESETS[name]
