"""Entry point: `impasto COMMAND ...`. Finds the command's file, and turns user errors into one line."""

from __future__ import annotations

import ast
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import cast

from impasto.core.errors import ConfigError, ImpastoError, PluginError
from impasto.core.plugins import load_plugin, module_of, plugin_names, unknown_name

COMMANDS = "impasto.cli.commands"
_INTERRUPTED = "interrupted; nothing that existed before was changed"
_ORDER = (
    *("demo", "studio", "train", "generate", "mix", "stylize", "transfer", "negative-style", "probe", "evaluate"),
    *("compare", "judge", "extract", "convert", "aux", "caption", "subdivide", "styles", "cache", "doctor"),
)


def command_names() -> list[str]:
    """Return all commands, the usual order first.

    A file's name has underscores for hyphens, and may end in one where the command's alone is no name for a file: "aux"
    is none on Windows.
    """
    found = [name.rstrip("_").replace("_", "-") for name in plugin_names(COMMANDS)]
    return [name for name in _ORDER if name in found] + [name for name in found if name not in _ORDER]


def plugin_of(command: str) -> str:
    """Return the name of the plug-in of a command; raises `PluginError` that names the nearest command."""
    if command not in command_names():
        raise PluginError(unknown_name(command, command_names(), "command"))
    name = command.replace("-", "_")
    return name if name in plugin_names(COMMANDS) else f"{name}_"


def summary_of(command: str) -> str:
    """Return the first line of a command's docstring, without importing it."""
    try:
        spec = find_spec(module_of(COMMANDS, plugin_of(command)))
    except (ImportError, PluginError) as error:  # a package from outside, broken or there twice
        return f"cannot be used: {error}"
    if spec is None or spec.origin is None:
        return ""
    docstring = ast.get_docstring(ast.parse(Path(spec.origin).read_text("utf-8"))) or ""
    return docstring.split("\n", 1)[0].rstrip(".")


def help_text() -> str:
    """Return what `impasto --help` prints."""
    width = max(map(len, command_names()))
    lines = [f"  {name:<{width}}  {summary_of(name)}" for name in command_names()]
    return "\n".join(
        [
            "impasto: teach a text-to-image diffusion model a style, and keep the words in control",
            "",
            "usage: impasto COMMAND [options]",
            "",
            *lines,
            "",
            "impasto COMMAND --help     the options that people use first; --help-all for all",
            "impasto --version          the version",
            "",
            "first time: impasto demo",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0 well, 2 the user can mend it, 130 interrupted."""
    _print_anything()
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] in {"-h", "--help", "help"}:
        print(help_text())
        return 0
    if given[0] == "--version":
        from importlib.metadata import version

        print(f"impasto {version('impasto')}")
        return 0
    return _run(given[0], given[1:])


def _print_anything() -> None:
    """Let terminals that are not UTF-8 show "?" for what they cannot; it would end the run otherwise."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")


def _run(command: str, rest: list[str]) -> int:
    for library in ("TRANSFORMERS", "DIFFUSERS"):  # their notices on import are about packages that are not needed
        os.environ.setdefault(f"{library}_VERBOSITY", "error")
    try:
        run = cast(Callable[[list[str]], int], load_plugin(COMMANDS, plugin_of(command), "run"))
        return run(rest)
    except ImpastoError as error:
        print(f"impasto: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as error:
        print(f"\nimpasto: {error if error.args else _INTERRUPTED}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except OSError as error:  # a file of the user's that the system refuses; without a name it is a defect
        if error.filename is None:
            raise
        message = ConfigError(f"cannot use {error.filename}: {(error.strerror or str(error)).lower()}")
        print(f"impasto: {message}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
