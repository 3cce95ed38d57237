"""impasto: teach a text-to-image diffusion model a style, and keep the words in control.

The public names load on first use, so that `import impasto` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from impasto.generation.draw import draw
    from impasto.generation.requests import ImageRequest, SamplingParams
    from impasto.generation.transfer import transfer
    from impasto.generation.transfer_options import TransferOptions
    from impasto.models.open import open_base
    from impasto.style.attach import attached
    from impasto.style.file import Style, load_style, read_card, save_style
    from impasto.training.options import TrainOptions
    from impasto.training.train import train

__version__ = "0.1.0"
__all__ = [
    "ImageRequest",
    "SamplingParams",
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
    "SamplingParams": "impasto.generation.draw",
    "ImageRequest": "impasto.generation.draw",
    "draw": "impasto.generation.draw",
    "open_base": "impasto.models.open",
    "train": "impasto.training.train",
    "TrainOptions": "impasto.training.options",
    "transfer": "impasto.generation.transfer",
    "TransferOptions": "impasto.generation.transfer_options",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"impasto has no public name {name!r}; it has {', '.join(__all__)}")
    found: object = getattr(import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return __all__
