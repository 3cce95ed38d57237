"""Every error that a user can cause, as one tree.

ImpastoError
├── ConfigError       an option, a recipe or a combination of options is wrong
├── DataError         a picture, a folder or a caption cannot be used
├── StyleFileError    a style file cannot be used
│   ├── BaseMismatch  it was trained for another base
│   └── UnsafeFile    it is not safetensors, or is built to harm
├── PluginError       a plug-in is unknown or incomplete
├── ResourceError     disk, memory or device do not suffice
├── RunError          a run folder is in use, or does not hold what is to be gone on with
├── NotFinite         a picture, an embedding or a metric stopped being a number
└── TrainingDiverged  the loss stopped being a number

A message is one line: what was wrong, the value, what is allowed, what to do.
"""


class ImpastoError(Exception):
    """Base of all errors that are told in one line.

    What comes from files may hold line breaks, or characters that steer a terminal: they are told as blanks.

    Args:
        message: What was wrong, the value, what is allowed, what to do.
    """

    def __init__(self, message: str) -> None:
        super().__init__("".join(letter if letter.isprintable() else " " for letter in message))


def first_line(error: BaseException) -> str:
    """Return the first line of what another library says of an error, or the error's kind where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


class ConfigError(ImpastoError):
    """An option has a wrong value, or options contradict each other."""


class DataError(ImpastoError):
    """A picture or a folder of pictures cannot be used."""


class StyleFileError(ImpastoError):
    """A style file cannot be used."""


class BaseMismatch(StyleFileError):
    """A style was trained for another base model."""


class UnsafeFile(StyleFileError):
    """A file is not plain safetensors or declares impossible contents."""


class PluginError(ImpastoError):
    """A plug-in is unknown or incomplete."""


class ResourceError(ImpastoError):
    """Disk, memory or device do not suffice."""


class RunError(ImpastoError):
    """A run folder is in use by another run, or does not hold what is to be gone on with."""


class NotFinite(ImpastoError):
    """A picture, an embedding, a feature or a metric holds numbers that are not finite."""


class TrainingDiverged(ImpastoError):
    """The loss or a gradient stopped being a finite number."""
