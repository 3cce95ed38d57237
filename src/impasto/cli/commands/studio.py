"""Open the studio in the browser: teach a style, draw, compare."""

from __future__ import annotations

from importlib.util import find_spec

from impasto.cli.arguments import parse
from impasto.core.errors import ConfigError
from impasto.studio.options import StudioOptions


def run(arguments: list[str]) -> int:
    """Serve until interrupted."""
    options = parse(StudioOptions, arguments, command="studio", description=StudioOptions.__doc__ or "")
    refuse_without_extra()
    from impasto.studio.serve import serve

    serve(options, lambda address: print(f"studio  {address}\nCtrl+C ends it; what is queued goes on next time"))
    return 0


def refuse_without_extra() -> None:
    """Raise `ConfigError` if what serves pages is not installed."""
    if any(find_spec(name) is None for name in ("fastapi", "uvicorn")):
        raise ConfigError("the studio needs more packages: pip install 'impasto[studio]'")
