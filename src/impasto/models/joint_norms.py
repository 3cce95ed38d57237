"""Group norms whose statistics are those of a row and its counterpart together, for the length of a `with`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from diffusers import ModelMixin
from torch import Tensor, nn

from impasto.diffusion.branches import Counterpart
from impasto.models.forward_context import ForwardContext


class _Joined:
    """What the hooks of one denoiser share: whose features join each row's in the pass that is under way."""

    def __init__(self, joins: Callable[[ForwardContext], Counterpart | None]) -> None:
        self._joins = joins
        self._counterpart: Counterpart | None = None

    def begin(self, _: nn.Module, __: object, keywords: dict[str, object]) -> None:
        """Look at what the pass is told."""
        told = keywords.get("cross_attention_kwargs")
        context = told.get("context") if isinstance(told, dict) else None
        self._counterpart = self._joins(context) if isinstance(context, ForwardContext) else None

    def join(self, _: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor] | None:
        """Put the counterpart's places behind a row's own."""
        if self._counterpart is None:
            return None
        (features,) = given
        return (torch.cat([features, features[self._counterpart.rows()]], dim=2),)

    def cut(self, _: nn.Module, given: tuple[Tensor, ...], normed: Tensor) -> Tensor | None:
        """Keep a row's own places."""
        (joined,) = given
        return None if self._counterpart is None else normed[:, :, : joined.shape[2] // 2]


@contextmanager
def joint_norms(denoiser: ModelMixin, joins: Callable[[ForwardContext], Counterpart | None]) -> Iterator[None]:
    """Let rows share the statistics of group norms with their counterparts.

    Args:
        denoiser: Its hooks are gone afterwards, also after an exception.
        joins: Asked at the beginning of every pass that comes with a `ForwardContext`; None leaves the pass alone.
    """
    shared = _Joined(joins)
    with ExitStack() as stack:
        stack.callback(denoiser.register_forward_pre_hook(shared.begin, with_kwargs=True).remove)
        for module in denoiser.modules():
            if isinstance(module, nn.GroupNorm):
                stack.callback(module.register_forward_pre_hook(shared.join).remove)
                stack.callback(module.register_forward_hook(shared.cut).remove)
        yield
