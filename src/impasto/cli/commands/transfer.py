"""Draw what you say in the style of a picture of yours (StyleStudio, InstantStyle, StyleAligned)."""

from __future__ import annotations

from contextlib import closing
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import tyro
from pydantic import Field, create_model

from impasto.cli.arguments import kind_of_base, parse, peek
from impasto.core.config import read_toml
from impasto.core.errors import ConfigError, PluginError
from impasto.core.option_groups import Group, grouped
from impasto.core.paths import FileOrName
from impasto.core.plugins import plugin_names, unknown_name
from impasto.generation.transfer_options import DEFAULT_CONTROL, PLAIN, TransferOptions, num_pictures
from impasto.generation.transfer_presets import (
    BALANCED,
    PRESETS,
    SCRIPTS,
    preset,
    preset_name,
    settings_of_adapter,
    without_guidance,
)
from impasto.image_prompts.published import known_format
from impasto.registry.recipes import recipe_for

if TYPE_CHECKING:
    from impasto.models.control import Control


@grouped(first="control preset", drawing="control preset")
class _Options(TransferOptions):
    reference: Annotated[tuple[FileOrName, ...], tyro.conf.Positional] = ()
    """FILE or FILE:WEIGHT; several make one style together; a folder: every picture is a style, and a sheet is made."""
    control: str = Field(
        default=DEFAULT_CONTROL,
        description=f"{', '.join(plugin_names('impasto.controls'))} or {PLAIN}; --help with it shows its settings.",
    )
    preset: str = BALANCED
    """Of style_studio: faithful to the words, balanced, or bold in style; or an authors' script, infer_StyleStudio,
    infer_InstantStyle or stylecrafter_teacherModel; flags win over it."""


def run(arguments: list[str]) -> int:
    """Transfer."""
    options, control = read_options(arguments)
    from rich.console import Console

    from impasto.cli.console import show
    from impasto.generation.transfer import transfer

    with closing(transfer(options, control)) as stream:
        show(Console(), stream, num_pictures=num_pictures(options))
    return 0


def read_options(arguments: list[str]) -> tuple[TransferOptions, Control]:
    """Return options and control; their flags stand side by side, so the control is looked up first."""
    is_together = "--together" in arguments or _given(arguments, "together") == "True"
    name = (_given(arguments, "control") or ("style_aligned" if is_together else DEFAULT_CONTROL)).replace("-", "_")
    known = (*plugin_names("impasto.controls"), PLAIN)
    if name not in known:
        raise ConfigError(unknown_name(name, known, "control"))
    chosen = _given(arguments, "preset")
    if chosen is not None and name != DEFAULT_CONTROL:
        raise ConfigError(
            f"--preset {chosen} has no effect with {name}: presets ({', '.join((*PRESETS, *SCRIPTS))}) are settings "
            f"of {DEFAULT_CONTROL}"
        )
    recipe = _defaults(arguments, name, chosen)
    from impasto.models import control
    from impasto.registry.controls import find_control, make_control

    found = None if name == PLAIN else find_control(name)
    description = TransferOptions.__doc__ or ""
    options_class = _model(found)  # type: ignore[arg-type]  # classes can be hashed, whatever mypy makes of this one
    parsed = parse(
        options_class, arguments, command="transfer", description=description, recipe=recipe, rest=Group.DRAWING
    )
    values = dict(parsed)
    options = TransferOptions(**{key: value for key, value in values.items() if key in TransferOptions.model_fields})
    if found is None:
        return options, control.Control()
    own = {key: values[found.flags.get(key, key)] for key in found.Config.model_fields}
    return options, make_control(found, found.Config(**own))


def _defaults(arguments: list[str], control: str, chosen: str | None) -> dict[str, object]:
    """Return what flags win over: the recipe for drawing, what the adapter's authors draw with, and a preset.

    A preset that was chosen wins over the adapter; the one that is taken unasked does not.
    """
    base, adapter = kind_of_base(arguments), _given(arguments, "adapter")
    title = known_format(adapter) if adapter and control != "style_aligned" else None
    recipe, of_adapter = recipe_for("draw", base), settings_of_adapter(title, base, control)
    if control == DEFAULT_CONTROL:
        values = dict(preset(preset_name(chosen or BALANCED, title), base, _given(arguments, "mix")))
        recipe |= of_adapter | values if chosen else values | of_adapter
    else:
        recipe |= of_adapter
    is_unguided = _given(arguments, "guidance_scale") in {"1", "1.0"}
    return without_guidance(recipe) if is_unguided else recipe


@cache
def _model(found: type[Control] | None) -> type[_Options]:
    """Return the options together with the settings of a control, by the names of their flags."""
    if found is None:
        return _Options
    fields = {
        found.flags.get(name, name): (field.annotation, field) for name, field in found.Config.model_fields.items()
    }
    clash = sorted(set(fields) & set(_Options.model_fields))
    if clash:
        raise PluginError(f"control {found.name}: option {clash[0]!r} is one of transfer already: give it another name")
    made = cast("object", create_model("Options", __base__=_Options, **fields))  # type: ignore[call-overload]
    return cast("type[_Options]", made)


def _given(arguments: list[str], name: str) -> str | None:
    """Return what flags or a TOML file say of an option that decides which others there are."""
    config_file = peek(arguments, "--config")
    given = peek(arguments, f"--{name.replace('_', '-')}")
    if given is None and config_file is not None:
        found = read_toml(Path(config_file)).get(name)
        given = None if found is None else str(found)
    return given
