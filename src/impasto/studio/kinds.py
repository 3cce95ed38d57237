"""What the painter can be asked for: option models and the use cases that they are for."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TypeAlias, TypeVar, cast

from impasto.core.config import Config, validated
from impasto.core.errors import ConfigError
from impasto.core.events import Event
from impasto.generation.generate import generate
from impasto.generation.mix import mix
from impasto.generation.mix_options import MixOptions
from impasto.generation.options import DrawOptions, GenerateOptions, StylizeOptions
from impasto.generation.text_to_image import Opened, stylize
from impasto.generation.transfer import transfer
from impasto.generation.transfer_presets import BALANCED
from impasto.models.source import find_base
from impasto.registry.recipes import recipe_for
from impasto.studio import transferring
from impasto.studio.transferring import KIND as TRANSFER
from impasto.studio.transferring import transfer_model, transfer_of

Draw: TypeAlias = Callable[[Opened], Generator[Event]]
Drawable = TypeVar("Drawable", bound=DrawOptions)
KINDS = ("generate", "stylize", "mix", TRANSFER)

DRAWINGS: Mapping[str, type[DrawOptions]] = {"generate": GenerateOptions, "stylize": StylizeOptions, "mix": MixOptions}
"""Ways to draw that options alone decide, as the command line calls them."""


def model_of(kind: str) -> type[DrawOptions]:
    """Return the options of a way to draw."""
    return transfer_model() if kind == TRANSFER else DRAWINGS[kind]


def defaults_of(kind: str, base: str, preset: str | None = None) -> dict[str, object]:
    """Return what a way to draw takes where nothing is chosen: the recipe of the base over the model's defaults."""
    if kind == TRANSFER:
        return transferring.defaults_of(base, preset or BALANCED)
    model = DRAWINGS[kind]
    stated = recipe_for("draw", find_base(base).recipe)
    return {name: value for name, value in stated.items() if name in model.model_fields}


def drawing_of(kind: str, settings: Mapping[str, object], out: Path) -> tuple[DrawOptions, Draw]:
    """Return the options of a drawing, and what draws with them and an open base; previews where there are steps.

    Raises:
        ConfigError: Something is wrong with the settings.
    """
    if kind == TRANSFER:
        options, control = transfer_of(settings, out)
        shown = _with_previews(options)
        return shown, lambda opened: transfer(shown, control, opened=opened)
    given = _with_previews(options_of(kind, settings, out))
    return given, lambda opened: drawn(given, opened)


def _with_previews(options: Drawable) -> Drawable:
    steps = int(options.steps * float(getattr(options, "strength", None) or 1))
    return options.model_copy(update={"preview_every": 1}) if steps > 1 else options


def options_of(kind: str, settings: Mapping[str, object], out: Path) -> DrawOptions:
    """Return the options of a drawing that goes to `out`; raises `ConfigError` for what is wrong."""
    base = str(settings.get("base", "pocket"))
    given = defaults_of(kind, base) | dict(settings) | {"out": out}
    return validated(DRAWINGS[kind], given, source=kind)


def drawn(options: DrawOptions, opened: Opened) -> Generator[Event]:
    """Return the events of a drawing with a base that is open."""
    match options:
        case GenerateOptions():
            return generate(options, opened=opened)
        case StylizeOptions():
            return stylize(options, opened=opened)
        case MixOptions():
            return mix(options, opened=opened)
        case _:
            raise ConfigError(f"nothing draws {type(options).__name__}")


def command_of(kind: str, settings: Mapping[str, object]) -> tuple[str, ...]:
    """Return the command line after `impasto`."""
    model, given = model_of(kind), dict(settings)
    placed = given.pop("reference", ()) if kind == TRANSFER else given.pop("picture", ())
    before = [placed] if isinstance(placed, str) else list(cast("list[str]", placed))
    return (kind, *before, *flags_of(model, given))


def flags_of(model: type[Config], settings: Mapping[str, object]) -> list[str]:
    """Return settings as flags of the command line, in the order of the model."""
    flags: list[str] = []
    for name in model.model_fields:
        if name in settings:
            flags += _flag(name.replace("_", "-"), settings[name])
    return flags


def _flag(name: str, value: object) -> list[str]:
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no-{name}"]
    if isinstance(value, list | tuple):
        if value and all(isinstance(each, int | float) for each in value):
            return [f"--{name}", *map(str, value)]
        return [part for each in cast("list[object]", value) for part in (f"--{name}", str(each))]
    return [f"--{name}", str(value)]
