"""What is made with settings: whole ones, or single options by name."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar, cast

from impasto.core import config

Settings = TypeVar("Settings", bound=config.Config)


class Configured(Generic[Settings]):
    """A method or control with its settings.

    Args:
        settings: All of them; without, the defaults and `options`.
        options: Single settings by name, such as `rank=8`.

    Attributes:
        Config: The class that holds the settings.
        settings: What was chosen. `settings.model_fields_set` says what was named: recipes fill in the rest.

    Raises:
        ConfigError: An option is unknown or out of range.
    """

    Config: ClassVar[type[config.Config]]
    settings: Settings

    def __init__(self, settings: Settings | None = None, **options: object) -> None:
        chosen = config.validated(self.Config, options, source=type(self).__name__) if settings is None else settings
        self.settings = cast(Settings, chosen)
