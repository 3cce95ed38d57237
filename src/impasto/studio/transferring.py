"""Drawing in the style of a picture: options of `impasto transfer`, those of StyleStudio, and a preset."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, cast

from pydantic import create_model

from impasto.controls.style_studio import StyleStudio, StyleStudioSettings
from impasto.core.config import validated
from impasto.generation.transfer_options import TransferOptions
from impasto.generation.transfer_presets import BALANCED, preset, without_guidance
from impasto.models.source import find_base
from impasto.registry.recipes import recipe_for

KIND = "transfer"


class PresetOptions(TransferOptions):
    """Options of a transfer, with the name of its preset."""

    preset: Literal["faithful", "balanced", "bold"] = "balanced"
    """Faithful to the words, balanced, or bold in style; other settings win over it."""


def transfer_model() -> type[PresetOptions]:
    """Return all options, those of StyleStudio under the names of their flags."""
    fields = {
        StyleStudio.flags.get(name, name): (field.annotation, field)
        for name, field in StyleStudioSettings.model_fields.items()
    }
    made = cast("object", create_model("ReferenceOptions", __base__=PresetOptions, **fields))  # type: ignore[call-overload]
    return cast("type[PresetOptions]", made)


def defaults_of(base: str, name: str = BALANCED) -> dict[str, object]:
    """Return what a preset on a base says, over the recipe for drawing."""
    kind = find_base(base).recipe
    return recipe_for("draw", kind) | dict(preset(name, kind))


def transfer_of(settings: Mapping[str, object], out: Path) -> tuple[TransferOptions, StyleStudio]:
    """Return options and control; raises `ConfigError` for what is wrong."""
    base, name = str(settings.get("base", "pocket")), str(settings.get("preset", BALANCED))
    given = defaults_of(base, name) | dict(settings) | {"out": out}
    if given.get("guidance_scale") == 1:
        given = without_guidance(given)
    known = dict(validated(transfer_model(), given, source=KIND))
    own = {name: known[StyleStudio.flags.get(name, name)] for name in StyleStudioSettings.model_fields}
    options = validated(TransferOptions, {each: known[each] for each in TransferOptions.model_fields}, source=KIND)
    return options, StyleStudio(validated(StyleStudioSettings, own, source=KIND))
