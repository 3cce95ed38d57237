"""Settings of `impasto transfer` by name.

They go from words to style, and differ only in settings of StyleStudio and in the negative style:

- "faithful": words first. The layout is that of the words for the first 0.4 of the steps, the style comes at 0.7.
- "balanced": the paper's own settings.
- "bold": style first. No teacher, the whole style, and steering away from what is no style in the reference.

A base may have presets of its own, in `recipes/transfer-BASE.toml`; pocket has. What each costs in words and gains in
style is measured on pocket by `benchmarks/style_studio_pocket.py`, one row for each.

Three more are the commands of StyleStudio's README (Westlake-AGI-Lab/StyleStudio), named after its scripts. What the
authors of an adapter draw with are defaults wherever it is given, see `settings_of_adapter`.
"""

from __future__ import annotations

from collections.abc import Mapping

from impasto.core.errors import ConfigError
from impasto.core.plugins import unknown_name
from impasto.generation.transfer_options import AUTO, DEFAULT_CONTROL
from impasto.models.roles import ALL
from impasto.registry.recipes import recipe_for

BALANCED = "balanced"
PRESETS: Mapping[str, Mapping[str, object]] = {
    "faithful": {"adain": 0.7, "teacher": 0.4},
    BALANCED: {"adain": 1.0, "teacher": 0.4},
    "bold": {"adain": 1.0, "teacher": 0.0, "negative_style": AUTO},
}
"""By name: values of flags."""

_PAPER: Mapping[str, object] = {
    "mix": "adain",
    "adain": 1.0,
    "teacher": 0.4,
    "window": (0.0, 1.0),
    "steps": 50,
    "guidance_scale": 5.0,
    "sampler": "base",
}
SCRIPTS: Mapping[str, Mapping[str, object]] = {
    "infer_StyleStudio": {**_PAPER, "roles": (ALL,)},
    "infer_InstantStyle": {**_PAPER, "roles": ("style",)},
    "stylecrafter_teacherModel": {
        **_PAPER,
        "mix": "sum",
        "roles": (ALL,),
        "teacher": 0.2,
        "adapter_scale": 0.5,
        "style_guidance_scale": 5.0,
    },
}
"""The authors' scripts: --end_fusion 20, 20 and 10 of 50 steps; AdaIN but for StyleCrafter, which is added at 0.5."""

_SCRIPTS_ADAPTERS: Mapping[str, tuple[str, ...]] = {
    "infer_StyleStudio": ("CSGO",),
    "infer_InstantStyle": ("IP-Adapter", "IP-Adapter-Plus"),
    "stylecrafter_teacherModel": ("StyleCrafter",),
}


def settings_of_adapter(title: str | None, base: str, control: str) -> dict[str, object]:
    """Return the flags that the authors of a format draw with.

    Args:
        title: Title of the adapter's format, or None without an adapter.
        base: Kind of base.
        control: Name of the control.
    """
    is_studio = control == DEFAULT_CONTROL
    if title == "StyleCrafter":
        added = {"mix": "sum", "teacher": 0.2} if is_studio else {}
        return {"adapter_scale": 0.5, "guidance_scale": 7.5, "style_guidance_scale": 5.0, **added}
    if title in {"IP-Adapter", "IP-Adapter-Plus"} and base == "sdxl" and is_studio:
        return {"roles": ("style",)}
    return {}


def without_guidance(settings: Mapping[str, object]) -> dict[str, object]:
    """Return settings without those that steer away from something, which nothing does at guidance 1."""
    return {name: value for name, value in settings.items() if name not in {"negative_style", "style_guidance_scale"}}


def preset_name(given: str, adapter: str | None = None) -> str:
    """Return a preset's name as it is listed; case, hyphens and underscores do not matter.

    Args:
        given: A name as the user wrote it.
        adapter: Title of the adapter's format, which must be that of the script; None if it is not known yet.

    Raises:
        ConfigError: There is no such preset, or it is a script for another adapter.
    """
    listed = {name.casefold(): name for name in (*PRESETS, *SCRIPTS)}
    name = listed.get(given.replace("-", "_").casefold())
    if name is None:
        raise ConfigError(unknown_name(given, list(listed.values()), "preset"))
    wanted = _SCRIPTS_ADAPTERS.get(name, ())
    if wanted and adapter is not None and adapter not in wanted:
        raise ConfigError(
            f"--preset {name} is the authors' script for {' and '.join(wanted)}, and the adapter is {adapter}: "
            "take another preset or adapter"
        )
    return name


def preset(name: str, base: str, mix: str | None = None) -> Mapping[str, object]:
    """Return settings by name.

    Args:
        name: A preset's name as `preset_name` returns it.
        base: Kind of base, which may have values of its own.
        mix: How words and style are to be mixed; None leaves it to the preset. The values of a base go with its own
            mix alone: a weight that is right for a sum is no share of statistics.

    Raises:
        ConfigError: There is no such preset; the known ones are listed.
    """
    name = preset_name(name)
    if name in SCRIPTS:
        return SCRIPTS[name]
    stated = recipe_for("transfer", base).get(name)
    return stated if isinstance(stated, dict) and mix in {None, stated.get("mix")} else PRESETS[name]
