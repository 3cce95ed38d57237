"""Read the file of an image prompt adapter: plain safetensors, never a pickle."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from impasto.core.errors import ConfigError, UnsafeFile
from impasto.core.precision import readable
from impasto.core.safetensors_header import PICKLE_STARTS
from impasto.core.shell import command

_PICKLES = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl"})
_CONVERSION = (
    "import io, pathlib, torch; from safetensors.torch import save_file; "
    "d = torch.load(io.BytesIO(pathlib.Path({source!r}).read_bytes()), map_location='cpu', weights_only=True); "
    "save_file({{f'{{a}}.{{b}}' if b else a: t.clone().contiguous() for a, p in d.items() "
    "for b, t in (p.items() if hasattr(p, 'items') else [('', p)])}}, {target!r})"
)


@dataclass(frozen=True, slots=True)
class AdapterFile:
    """What an adapter's file holds.

    Attributes:
        path: Where it was read from.
        tensors: All of it, by name.
    """

    path: Path
    tensors: Mapping[str, Tensor]

    def shape(self, name: str, dimensions: int) -> tuple[int, ...]:
        """Return the shape of a tensor.

        Raises:
            ConfigError: It is missing, or has another number of dimensions.
        """
        if name not in self.tensors:
            raise self.damaged(f"{name} is missing")
        shape = tuple(self.tensors[name].shape)
        if len(shape) != dimensions or 0 in shape:
            raise self.damaged(f"{name} is {written(shape)}, which needs {dimensions} dimensions")
        return shape

    def refuse_others(self, known: Collection[str]) -> None:
        """Raise `ConfigError` if a tensor's name begins with none of the `known` prefixes."""
        for name in sorted(self.tensors):
            if not name.startswith(tuple(known)):
                raise self.damaged(f"it holds {name}, which has no place in it")

    def damaged(self, why: str) -> ConfigError:
        """Return the error that says that the file is not what it should be."""
        return ConfigError(f"adapter {self.path} is damaged: {why}; download or convert it again")


def written(shape: Collection[int]) -> str:
    """Return a shape as messages write it, e.g. "640x2048"."""
    return "x".join(map(str, shape)) or "a single number"


def read_adapter_file(path: Path) -> AdapterFile:
    """Return what is in the `.safetensors` at `path`.

    Raises:
        ConfigError: There is no such file, or a tensor holds values that are not finite numbers.
        UnsafeFile: It is a pickle, which is never opened, or no safetensors file.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise ConfigError(
            f"adapter {path} {what}: name the .safetensors file of an image prompt adapter or a "
            "published one, see --help"
        )
    if path.suffix.lower() in _PICKLES:
        raise _pickle(path)
    try:
        with safe_open(path, framework="pt") as opened:
            tensors = {name: readable(opened.get_tensor(name)) for name in opened.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError) as error:
        with path.open("rb") as stream:
            is_pickle = stream.read(4).startswith(PICKLE_STARTS)
        if is_pickle:
            raise _pickle(path) from error
        raise UnsafeFile(f"adapter {path} is not a safetensors file ({error}): download or convert it again") from error
    file = AdapterFile(path, tensors)
    for name, tensor in tensors.items():
        if not tensor.is_floating_point() or not tensor.isfinite().all():
            raise file.damaged(f"{name} holds values that are not finite numbers")
    return file


def _pickle(path: Path) -> UnsafeFile:
    target = path.with_suffix(".safetensors")
    if target == path:
        target = path.with_name(f"{path.stem}-converted.safetensors")
    conversion = _CONVERSION.format(source=str(path), target=str(target))
    return UnsafeFile(
        f"adapter {path} is a pickle, which can run code when read: only .safetensors is read, convert it with "
        + command("python", "-c", conversion)
    )
