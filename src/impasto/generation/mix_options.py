"""Options of mixing: the content of some pictures in the style of others."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from impasto.core.errors import ConfigError
from impasto.core.option_groups import grouped
from impasto.core.paths import FileOrName
from impasto.generation.options import DrawOptions


@grouped(
    first="content style subject words prompt",
    pictures="colour_of height width",
    drawing="content style subject words prompt prompts_per_role keep_colour reference_scale strip",
)
class MixOptions(DrawOptions):
    """Draw the content of one B-LoRA in the style of another, either one alone, or a blend of several."""

    content: tuple[FileOrName, ...] = ()
    """Whose content: FILE or FILE:SCALE; the role @content is taken. Repeat the flag for several in one picture."""
    style: tuple[FileOrName, ...] = ()
    """Whose style: FILE or FILE:SCALE; the role @style is taken. Repeat the flag to blend several."""
    subject: str = ""
    """What to draw where no content is given, e.g. "a backpack"."""
    words: str = ""
    """What to add behind the content, e.g. "made of gold"."""
    prompt: str = ""
    """The whole prompt, in place of the one made from the parts above."""
    prompts_per_role: bool = False
    """Tell the content block the content's words alone, the others the whole prompt: for busy scenes."""
    keep_colour: float = Field(default=0.0, ge=0, le=2)
    """Keep the content's colours: scale of the content file's own style block; the paper finds 0.4 to 0.5 good."""
    colour_of: Path | None = None
    """Give the result the colour statistics of this picture: a plainer way to keep colours."""
    reference_scale: bool = False
    """Read scales as the official script does, squared: 1.1 means 1.21."""
    strip: int | None = Field(default=None, ge=2, le=50)
    """With two styles: draw a strip of so many pictures, from the first to the second."""
    height: int | None = Field(default=None, ge=8, le=8192)
    """In pixels; by default the base's own size."""
    width: int | None = Field(default=None, ge=8, le=8192)
    """In pixels; by default the base's own size."""


def check_parts(options: MixOptions) -> None:
    """Raise `ConfigError` where options contradict each other or have no effect."""
    has_content, draws_words = bool(options.content), bool(options.content or options.subject or options.prompt)
    wrong = {
        "give --content FILE, --style FILE, or both": not (has_content or options.style),
        "--prompt replaces --subject and --words: give one or the others": bool(
            options.prompt and (options.subject or options.words)
        ),
        "--subject has no effect with --content: say more about the content with --words": bool(
            has_content and options.subject
        ),
        "with --style alone, say what to draw, e.g. --subject 'a backpack'": not draws_words,
        "--keep-colour has no effect without --content: leave it out": bool(options.keep_colour and not has_content),
        "--prompts-per-role has no effect without --content: leave it out": options.prompts_per_role
        and not has_content,
        "--keep-colour and --colour-of are two ways to the same end: choose one": bool(
            options.keep_colour and options.colour_of
        ),
        f"--strip goes from one style to another: give two --style files, not {len(options.style)}": bool(
            options.strip and len(options.style) != 2
        ),
        f"--out {options.out} is one picture, --strip makes several: name a folder": bool(
            options.strip and options.is_one_file
        ),
        f"--num-images {options.num_images} has no effect with --strip: leave it out": bool(
            options.strip and options.num_images > 1
        ),
    }
    for message, is_wrong in wrong.items():
        if is_wrong:
            raise ConfigError(message)
