"""Show what the cache of encoded pictures and prompts takes, or clear it."""

from __future__ import annotations

from impasto.cli.arguments import parse
from impasto.core.config import Config
from impasto.core.option_groups import grouped
from impasto.core.paths import FileOrName


@grouped(run="cache clear")
class CacheOptions(Config):
    """Encoded pictures and prompts are kept between runs, and made again where they are missing."""

    cache: FileOrName = "auto"
    """The folder, or auto: $IMPASTO_CACHE, or impasto in the user's cache folder."""
    clear: bool = False
    """Remove all entries."""


def run(arguments: list[str]) -> int:
    """Print where the cache is and what it takes."""
    options = parse(CacheOptions, arguments, command="cache", description=CacheOptions.__doc__ or "")
    from impasto.core.errors import ConfigError
    from impasto.core.store import clear, store_folder, usage

    folder = store_folder(options.cache)
    if folder is None:
        raise ConfigError("--cache none keeps nothing: name a folder, or leave it out")
    if options.clear:
        clear(folder)
    print(f"cache  {folder}")
    for each in usage(folder):
        print(f"  {each.kind:<10} {each.entries:>6} entries  {each.size / 2**20:>8.1f} MiB")
    if not usage(folder):
        print("  empty")
    return 0
