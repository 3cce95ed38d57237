"""List style files, or show the card of one."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Annotated

import tyro

from impasto.cli.arguments import parse
from impasto.core.config import Config, validated
from impasto.core.errors import ConfigError, StyleFileError
from impasto.core.former_names import with_present_names
from impasto.core.option_groups import grouped
from impasto.core.paths import FileOrName, OutputFile
from impasto.models.source import POCKET

_FIRST, _LAST = ("style_words", "content_words", "method", "base", "steps"), ("config", "versions", "fingerprint")
"""What people look for in a card, and what hardly anybody does."""


_STRIP = "scale=0,0.5,0.75,1"
_ON_POCKET, _ELSEWHERE = "a fox on a green background", "a fox"


@grouped(drawing="words base", run="where as_json preview overwrite")
class Options(Config):
    """List the style files of a folder, or show the card of one file."""

    where: Annotated[Path, tyro.conf.Positional] = Path()
    """A folder, or a style file."""
    words: bool = False
    """List what the base was taught instead: subjects, artists, backgrounds and words for styles."""
    base: FileOrName = POCKET
    """Whose words: pocket's; other bases read captions of the web and have no list. Of --preview: what draws."""
    as_json: bool = False
    """Print the card as JSON."""
    preview: OutputFile | None = None
    """Draw a fox without the style and at three strengths into this .png file."""
    overwrite: bool = False
    """Replace the file that --preview names where it exists."""


def run(arguments: list[str]) -> int:
    """List or show."""
    options = parse(Options, arguments, command="styles", description=Options.__doc__ or "")
    if options.words:
        if options.base != POCKET:
            raise ConfigError(f"base {options.base} has no list of words, pocket alone has one: leave --words out")
        _show_words()
        return 0
    if not options.where.exists():
        raise ConfigError(f"{options.where} does not exist: give a folder or a style file")
    if options.preview is not None:
        return _draw_strip(options, options.preview)
    if options.where.is_file():
        _show(options.where, as_json=options.as_json)
    else:
        _list(options.where)
    return 0


def _draw_strip(options: Options, target: Path) -> int:
    """Draw what the style does at several strengths, as one labelled row."""
    from rich.console import Console

    from impasto.cli.console import show
    from impasto.generation.generate import generate
    from impasto.generation.options import GenerateOptions
    from impasto.models.source import find_base
    from impasto.registry.recipes import recipe_for

    if not options.where.is_file() or target.suffix.lower() != ".png":
        raise ConfigError(f"--preview {target}: it draws one style: impasto styles FILE --preview strip.png")
    kind = find_base(options.base).recipe
    asked: dict[str, object] = {
        "base": options.base,
        "style": (str(options.where),),
        "prompt": (_ON_POCKET if kind == POCKET else _ELSEWHERE,),
        "xy": (_STRIP,),
        "out": target,
        "overwrite": options.overwrite,
    }
    drawn = validated(GenerateOptions, recipe_for("draw", kind) | asked, source="styles --preview")
    with closing(generate(drawn)) as stream:
        show(Console(), stream, num_pictures=1)
    return 0


def _show_words() -> None:
    from impasto.captioning.pocket_vocabulary import vocabulary

    for kind, words in vocabulary().items():
        print(f"{kind} ({len(words)})\n  {', '.join(words)}\n")
    print('put together, for example: "a fox on a green background, twemoji style, bold dark blue outlines"')


def _show(path: Path, *, as_json: bool) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from impasto.style.file import known_card

    card = known_card(path)
    if as_json:
        print(json.dumps(card.model_dump(mode="json"), indent=2))
        return
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    config, note = with_present_names(card.config)
    told = card.model_dump(mode="json") | {"config": config}
    for name in [*_FIRST, *(name for name in told if name not in (*_FIRST, *_LAST)), *_LAST]:
        value = told[name]
        text = (
            ", ".join(f"{k} {v}" for k, v in value.items() if name != "pictures") if isinstance(value, dict) else value
        )
        if name == "pictures":
            text = ", ".join(f"{len(hashes)} {stream}" for stream, hashes in value.items())
        table.add_row(f"[bold]{escape(name)}", escape(str(text)))
    Console().print(table)
    if note:
        Console().print(note, highlight=False, markup=False, soft_wrap=True)


def _list(folder: Path) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from impasto.style.file import read_card

    table = Table("file", "method", "words", "base", "steps", "kind", box=None)
    skipped = 0
    for path in sorted(folder.glob("*.safetensors")):
        try:
            card = read_card(path)
        except StyleFileError:
            skipped += 1
            continue
        row = (path.name, card.method, card.style_words, card.base, str(card.steps), card.kind)
        table.add_row(*map(escape, row))
    console = Console()
    if table.row_count:
        console.print(table)
    else:
        console.print(f"no style file in {escape(str(folder))}")
    if skipped:
        console.print(f"{skipped} other .safetensors without an impasto card")
