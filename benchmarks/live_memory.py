"""How much memory tensors take at most while something runs, counted storage by storage, on any device."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveMemory(TorchDispatchMode):
    """Counts the storages that operations make for as long as they live; what was there before does not count.

    Attributes:
        peak: Bytes at most.

    Example:
        >>> import torch
        >>> with LiveMemory() as memory:
        ...     kept = torch.zeros(256)
        ...     for _ in range(3):
        ...         freed = kept + 1
        ...         del freed
        >>> memory.peak
        2048
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch does not annotate it
        self.peak = 0
        self._live = 0
        self._known: set[int] = set()

    def __torch_dispatch__(
        self,
        func: Callable[..., object],
        types: object,
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        """Run an operation and count what it made."""
        given = {id(each.untyped_storage()) for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)}
        result = func(*args, **(kwargs or {}))
        for each in tree_leaves(result):
            if isinstance(each, Tensor) and id(each.untyped_storage()) not in given | self._known:
                self._count(each)
        self.peak = max(self.peak, self._live)
        return result

    def _count(self, made: Tensor) -> None:
        storage = made.untyped_storage()
        name, size = id(storage), storage.nbytes()
        self._live += size
        self._known.add(name)
        weakref.finalize(storage, self._forget, name, size)

    def _forget(self, name: int, size: int) -> None:
        self._live -= size
        self._known.discard(name)
