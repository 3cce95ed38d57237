"""From command line and TOML files to a validated options model.

Later sources win: the model's defaults, a shipped recipe, `--config FILE`, flags.
"""

from __future__ import annotations

import io
import shlex
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from difflib import get_close_matches
from itertools import takewhile
from pathlib import Path
from typing import TypeVar, cast, get_args

import tyro
from pydantic import ValidationError

from impasto.cli.help import ALL, SHORT, help_of
from impasto.core.config import Config, describe, read_toml, validated
from impasto.core.errors import ConfigError
from impasto.core.option_groups import Group
from impasto.core.option_tables import flattened
from impasto.core.paths import is_folder_option, with_home
from impasto.models.source import POCKET, find_base

Model = TypeVar("Model", bound=Config)


def peek(arguments: Sequence[str], flag: str) -> str | None:
    """Return the value of `flag` in raw arguments ("--flag VALUE" or "--flag=VALUE"), or None."""
    for index, argument in enumerate(arguments):
        if argument == flag and index + 1 < len(arguments):
            return arguments[index + 1]
        if argument.startswith(f"{flag}="):
            return argument.partition("=")[2]
    return None


def kind_of_base(arguments: Sequence[str]) -> str:
    """Return which recipes fit the base that raw arguments name: "pocket", or a family."""
    return find_base(with_home(str(asked_for(arguments, "base") or POCKET))).recipe


def asked_for(arguments: Sequence[str], option: str) -> object:
    """Return what raw arguments, or the file that they name, say of a one-word option; None if nothing."""
    flag, config_file = peek(arguments, f"--{option}"), peek(arguments, "--config")
    if flag is None and config_file is not None:
        read = read_toml(Path(config_file))
        inside = [table[option] for table in read.values() if isinstance(table, dict) and option in table]
        return next(iter(inside), read.get(option))
    return flag


def without(arguments: Sequence[str], flag: str) -> list[str]:
    """Return the arguments without `flag` and its value."""
    kept: list[str] = []
    skip = False
    for argument in arguments:
        if skip:
            skip = False
        elif argument == flag:
            skip = True
        elif not argument.startswith(f"{flag}="):
            kept.append(argument)
    return kept


def parse(
    model: type[Model],
    arguments: Sequence[str],
    *,
    command: str,
    description: str,
    recipe: Mapping[str, object] | None = None,
    rest: Group = Group.LEARNING,
) -> Model:
    """Return the options of a command.

    Args:
        model: The class that holds the options.
        arguments: Everything after the command.
        command: For messages and help, e.g. "generate".
        description: Shown at the top of the help.
        recipe: Settings below `--config` and flags.
        rest: Where help lists options that name no group, those of plug-ins.

    Raises:
        ConfigError: A TOML file has an unknown name or a wrong value, or a flag has a wrong value.
    """
    config_file = peek(arguments, "--config")
    if config_file is None and "--config" in arguments:
        raise ConfigError("--config needs a TOML file after it")
    values = dict(recipe or {})
    if config_file is not None:
        read = flattened(read_toml(Path(config_file)), model.tables, config_file)
        _check_names(model, read, config_file)
        values |= read
    if {ALL, SHORT, "-h"} & set(arguments):
        print(help_of(model, values, command=command, about=description, rest=rest, in_full=ALL in arguments))
        raise SystemExit(0)
    return _parsed(model, values, arguments, command, config_file or "recipe")


def _parsed(
    model: type[Model], values: dict[str, object], arguments: Sequence[str], command: str, source: str
) -> Model:
    """Return `values`, which come from `source`, with flags over them."""
    emptied = _drop_replaced_lists(model, values, arguments)
    telling = _telling(model, command)
    partial = _partial(model, values, source) | emptied if values or emptied else None
    default = None if partial is None else telling.model_construct(None, **partial)
    flags = without(arguments, "--config")
    _refuse_unknown(model, flags, command)
    complaint = io.StringIO()
    try:
        with redirect_stderr(complaint):
            parsed = tyro.cli(
                telling,
                prog=f"impasto {command}",
                args=flags,
                add_help=False,
                default=default,
                config=(tyro.conf.OmitArgPrefixes, tyro.conf.UseAppendAction),
            )
        return cast(Model, model.model_construct(**dict(cast(Model, parsed))))
    except SystemExit:
        raise ConfigError(_told(_in_one_line(complaint.getvalue()), model, command)) from None


def _drop_replaced_lists(
    model: type[Config], values: dict[str, object], arguments: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Drop the lists that a flag gives anew and return them, empty, where they have a default.

    A repeated flag replaces a list, as any flag replaces a value. Tuples of a fixed length are values.
    """
    emptied: dict[str, tuple[str, ...]] = {}
    given = {argument.partition("=")[0].replace("_", "-") for argument in arguments if argument.startswith("--")}
    for name, field in model.model_fields.items():
        is_list = get_args(field.annotation)[-1:] == (Ellipsis,)
        if is_list and f"--{name.replace('_', '-')}" in given:
            values.pop(name, None)
            if not field.is_required():
                emptied[name] = ()
    return emptied


def _telling(model: type[Model], command: str) -> type[Model]:
    """Return `model` with its problems told as `ConfigError`, in one line; tyro draws a box around a `ValueError`."""

    def tell(self: Model, **values: object) -> None:
        try:
            model.__init__(self, **values)
        except ValidationError as error:
            raise ConfigError(describe(error, model, command)) from error

    return cast(type[Model], type(model.__name__, (model,), {"__init__": tell, "__doc__": model.__doc__}))


def _refuse_unknown(model: type[Config], flags: Sequence[str], command: str) -> None:
    names = [name.replace("_", "-") for name in model.model_fields]
    known = {f"--{prefix}{name}" for name in names for prefix in ("", "no-")} | {SHORT, ALL}
    for flag in flags:
        if flag.startswith("--") and flag.partition("=")[0].replace("_", "-") not in known:
            similar = get_close_matches(flag, known, n=1)
            hint = f"did you mean {similar[0]}?" if similar else f"impasto {command} --help-all lists all"
            raise ConfigError(f"unknown option {flag}: {hint}")


def _told(complaint: str, model: type[Config], command: str) -> str:
    """Return what is wrong and the way out; words without an option's name are most often a prompt."""
    what, _, rest = complaint.partition(": ")
    given = rest.strip()
    if what != "Unrecognized options":
        return f"{complaint}: see impasto {command} --help"
    way_out = f"write --prompt {shlex.quote(given)}" if "prompt" in model.model_fields else "options have names"
    return f"{given} stands without an option's name: {way_out}; see impasto {command} --help"


def _in_one_line(box: str) -> str:
    """Return what tyro's box says first, as one line: all above its first rule, or a title and the line below it."""
    framed = ("│", "  ")  # where the terminal cannot show lines, the box is made of blanks and hyphens
    inside = [line.strip("│ ") for line in box.splitlines() if line.startswith(framed)]
    said = list(takewhile(lambda line: not line.startswith(("─", "---")), inside))
    if said and said[0].endswith(":"):
        said = said[:2]
    return " ".join(said).rstrip(".") or "the options are wrong"


def _check_names(model: type[Config], values: Mapping[str, object], source: str) -> None:
    unknown = sorted(set(values) - set(model.model_fields))
    if unknown:
        raise ConfigError(f"{source}: unknown option {unknown[0]!r}; known: {', '.join(sorted(model.model_fields))}")


def _partial(model: type[Config], values: Mapping[str, object], source: str) -> dict[str, object]:
    """Return all fields with `values`, checked, and tyro's mark for required fields that are still missing."""
    required = [name for name, field in model.model_fields.items() if field.is_required() and name not in values]
    stand_ins = {name: _stand_in(name, model) for name in required}
    checked = validated(model, {**stand_ins, **values}, source=source)
    return dict(checked) | dict.fromkeys(required, tyro.MISSING)


def _stand_in(name: str, model: type[Config]) -> object:
    field = model.model_fields[name]
    if get_args(field.annotation)[-1:] == (Ellipsis,):
        return ("",)
    if name == "out" and not is_folder_option(field.metadata):
        return "x.safetensors"
    return {"format": "diffusers"}.get(name, name)
