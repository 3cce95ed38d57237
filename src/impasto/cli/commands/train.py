"""Learn a style from a folder of pictures."""

from __future__ import annotations

from contextlib import closing
from functools import cache
from typing import TYPE_CHECKING, cast

from pydantic import create_model

from impasto.cli.arguments import asked_for, kind_of_base, parse
from impasto.cli.help import ALL, SHORT
from impasto.core.config import Config
from impasto.core.errors import ConfigError
from impasto.core.plugins import plugin_names
from impasto.core.shell import command
from impasto.models.source import POCKET
from impasto.registry.recipes import recipe_for
from impasto.training.options import TrainOptions, tables_with

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from impasto.core.events import Event
    from impasto.methods._protocol import Method


def run(arguments: list[str]) -> int:
    """Train the named method."""
    methods = [name.replace("_", "-") for name in plugin_names("impasto.methods")]
    if not arguments or arguments[0] in {"-h", SHORT, ALL}:
        print(f"usage: impasto train METHOD [options]\n\nmethods: {', '.join(methods)}")
        print(f"\nimpasto train {methods[-1]} --help     the options that people use first; --help-all for all")
        return 0
    from impasto.registry.methods import find_method, make_method

    if arguments[0].startswith("-"):
        raise ConfigError(
            f"impasto train {arguments[0]}: the method comes first, as in impasto train styleforge {arguments[0]} ...; "
            f"methods: {', '.join(methods)}"
        )
    method_class = find_method(arguments[0])
    options, settings = _options(method_class, arguments[1:])
    return _train(options, make_method(method_class, settings))


def _options(method_class: type[Method], arguments: list[str]) -> tuple[TrainOptions, Config]:
    parsed = parse(
        _model(method_class),
        arguments,
        command=f"train {method_class.name.replace('_', '-')}",
        description=f"{method_class.paper.title} (arXiv:{method_class.paper.arxiv}).",
        recipe=recipe_for(method_class.name, kind_of_base(arguments), asked_for(arguments, "learn")),
    )
    values = parsed.model_dump()
    shared = {name: value for name, value in values.items() if name in TrainOptions.model_fields}
    own = {name: value for name, value in values.items() if name in method_class.Config.model_fields}
    return TrainOptions(**shared), method_class.Config(**own)


@cache
def _model(method_class: type[Method]) -> type[Config]:
    """Return the settings of a method together with the options of training; making it takes longer than reading it."""
    combined = cast("type[Config]", create_model("Options", __base__=(method_class.Config, TrainOptions)))
    combined.tables = tables_with(method_class.Config, method_class.name)
    return combined


def _train(options: TrainOptions, method: Method) -> int:
    from rich.console import Console

    from impasto.cli.console import show
    from impasto.cli.interrupt import StopOnInterrupt
    from impasto.training.distributed import is_first_process
    from impasto.training.train import train

    console = Console(quiet=not is_first_process())
    checkpoints: list[Path] = []
    try:
        with StopOnInterrupt() as stop, closing(train(options, method, stop=stop)) as stream:
            show(console, _noting_checkpoints(stream, checkpoints))
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(*map(_left_by, checkpoints[-1:])) from error
    if options.dry_run:
        return 0
    for drawing in _ways_to_draw(options, method):
        console.print(f"\ndraw with it:  {drawing}", highlight=False, markup=False, soft_wrap=True, end="")
    console.print()
    return 130 if stop.was_asked else 0


def _ways_to_draw(options: TrainOptions, method: Method) -> list[str]:
    base = () if options.base == POCKET else ("--base", options.base)
    if not method.content_words():
        prompt = options.sample_prompts[0] if options.sample_prompts else "a fox"  # the words of the style are added
        drawing = ("--style", options.out, "--prompt", prompt, "--num-images", 4)
        return [command("impasto", "generate", *base, *drawing)]
    mixing = command("impasto", "mix", *base, "--content", options.out, "--style", options.out)
    return [mixing, command("impasto", "mix", *base, "--style", options.out, "--subject", "A fox")]


def _noting_checkpoints(stream: Iterator[Event], checkpoints: list[Path]) -> Iterator[Event]:
    from impasto.core.events import Checkpointed

    for event in stream:
        if isinstance(event, Checkpointed):
            checkpoints.append(event.path)
        yield event


def _left_by(checkpoint: Path) -> str:
    where = command("--resume", "--run-dir", checkpoint.parents[1])
    return f"interrupted; to go on from {checkpoint.name}, give the same command with {where}"
