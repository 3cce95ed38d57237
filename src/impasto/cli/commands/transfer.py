"""Draw what you say in the style of a picture of yours (StyleStudio, InstantStyle, StyleAligned)."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import tyro
from pydantic import create_model

from impasto.cli.arguments import kind_of_base, parse, peek
from impasto.core.config import read_toml
from impasto.core.errors import ConfigError
from impasto.core.paths import FileOrName
from impasto.core.plugins import plugin_names
from impasto.generation.transfer_options import DEFAULT_CONTROL, PLAIN, TransferOptions, num_pictures
from impasto.generation.transfer_presets import BALANCED, PRESETS, preset
from impasto.registry.recipes import recipe_for

if TYPE_CHECKING:
    from impasto.controls._protocol import Control as ControlClass
    from impasto.models.control import Control


class _Options(TransferOptions):
    reference: Annotated[tuple[FileOrName, ...], tyro.conf.Positional]
    """FILE or FILE:WEIGHT; several make one style together; a folder: every picture is a style, and a sheet is made."""
    control: str = DEFAULT_CONTROL
    """style_studio, instant_style, style_aligned or plain; --help with it shows its settings."""
    preset: str = BALANCED
    """Of style_studio: faithful to the words, balanced, or bold in style; flags win over it."""


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
    name = (_given(arguments, "control") or DEFAULT_CONTROL).replace("-", "_")
    known = (*plugin_names("impasto.controls"), PLAIN)
    if name not in known:
        raise ConfigError(f"control {name!r} is unknown: choose one of {', '.join(known)}")
    chosen = _given(arguments, "preset")
    if chosen is not None and name != DEFAULT_CONTROL:
        raise ConfigError(
            f"--preset {chosen} has no effect with {name}: presets ({', '.join(PRESETS)}) are settings "
            f"of {DEFAULT_CONTROL}"
        )
    recipe = recipe_for("draw", kind_of_base(arguments))
    if name == DEFAULT_CONTROL:
        mix = _given(arguments, "mix")
        recipe = recipe | dict(preset(chosen or BALANCED, kind_of_base(arguments), mix))
        if _given(arguments, "guidance_scale") in {"1", "1.0"}:
            recipe.pop("negative_style", None)  # nothing steers without guidance
    from impasto.models import control
    from impasto.registry.controls import find_control, make_control

    found = None if name == PLAIN else find_control(name)
    description = TransferOptions.__doc__ or ""
    parsed = parse(_model(found), arguments, command="transfer", description=description, recipe=recipe)
    values = dict(parsed)
    options = TransferOptions(**{key: value for key, value in values.items() if key in TransferOptions.model_fields})
    if found is None:
        return options, control.Control()
    own = {key: values[found.flags.get(key, key)] for key in found.Config.model_fields}
    return options, make_control(found, found.Config(**own))


def _model(found: type[ControlClass] | None) -> type[_Options]:
    """Return the options together with the settings of a control, by the names of their flags."""
    if found is None:
        return _Options
    fields = {
        found.flags.get(name, name): (field.annotation, field) for name, field in found.Config.model_fields.items()
    }
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
