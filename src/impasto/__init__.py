"""impasto: teach a text-to-image diffusion model a style, and keep the words in control.

The public names load on first use, so that `import impasto` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from impasto.style.attach import attached
    from impasto.style.file import Style, load_style, read_card, save_style
    from impasto.workflows.draw import Look, Request, draw
    from impasto.workflows.open_base import open_base
    from impasto.workflows.train import train
    from impasto.workflows.train_options import TrainOptions
    from impasto.workflows.transfer import transfer
    from impasto.workflows.transfer_options import TransferOptions

__version__ = "0.1.0"
__all__ = [
    "Look",
    "Request",
    "Style",
    "TrainOptions",
    "TransferOptions",
    "__version__",
    "attached",
    "draw",
    "load_style",
    "open_base",
    "read_card",
    "save_style",
    "train",
    "transfer",
]

_HOMES = {
    "attached": "impasto.style.attach",
    "Style": "impasto.style.file",
    "load_style": "impasto.style.file",
    "read_card": "impasto.style.file",
    "save_style": "impasto.style.file",
    "Look": "impasto.workflows.draw",
    "Request": "impasto.workflows.draw",
    "draw": "impasto.workflows.draw",
    "open_base": "impasto.workflows.open_base",
    "train": "impasto.workflows.train",
    "TrainOptions": "impasto.workflows.train_options",
    "transfer": "impasto.workflows.transfer",
    "TransferOptions": "impasto.workflows.transfer_options",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"impasto has no public name {name!r}; it has {', '.join(__all__)}")
    found: object = getattr(import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return __all__
