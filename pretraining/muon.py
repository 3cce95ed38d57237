"""Muon: matrices learn by orthogonalised momentum, everything else by AdamW.

Source: K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024,
https://kellerjordan.github.io/posts/muon/), with weight decay and the size of updates of "Muon is Scalable for LLM
Training" (arXiv 2502.16982): Eq. 1 is the momentum and its orthogonalisation, Eq. 2 the Newton-Schulz iteration, Eq. 4
the update, 0.2 sqrt(max(rows, columns)) times the orthogonal matrix, whose root mean square is then that of AdamW's
updates: one rate suits both.

Matrices of one shape are orthogonalised together, in bfloat16 where the device computes it natively: in one batched
product each, that takes half the time of doing it one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from impasto.core.precision import is_slow_in_bfloat16

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""a, b and c of Eq. 2, those of the source: singular values end between 0.7 and 1.2 rather than at 1, and get there
quickly."""

UPDATE_SIZE = 0.2
"""Root mean square of an update at rate 1 (Eq. 4)."""


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """Return matrices with the singular vectors of `matrices` and singular values near 1 (Eq. 2).

    Args:
        matrices: Shape (..., rows, columns). Computed in their dtype.
        steps: Of the iteration; singular values of more than about 1/1000 of the norm get near 1 in 5.

    Returns:
        The same shape and dtype.
    """
    a, b, c = COEFFICIENTS
    is_tall = matrices.shape[-2] > matrices.shape[-1]
    x: Tensor = (matrices.transpose(-2, -1) if is_tall else matrices).contiguous()
    x = x / (torch.linalg.vector_norm(x, dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.transpose(-2, -1) if is_tall else x


def is_matrix(name: str, parameter: Tensor) -> bool:
    """Return whether Muon should learn the parameter `name`: not embeddings, nor the first and last convolution."""
    return parameter.ndim >= 2 and "embedding" not in name and not {"conv_in", "conv_out"} & set(name.split("."))


def _groups(named: Iterable[tuple[str, nn.Parameter]]) -> list[dict[str, Any]]:
    """Return one group for each shape of matrices, and a last one for all other parameters."""
    shapes: dict[tuple[int, int], list[nn.Parameter]] = {}
    others = []
    for name, parameter in named:
        if is_matrix(name, parameter):
            shapes.setdefault((len(parameter), parameter[0].numel()), []).append(parameter)
        else:
            others.append(parameter)
    matrices: list[dict[str, Any]] = [{"params": each, "is_matrix": True} for each in shapes.values()]
    return [*matrices, {"params": others, "is_matrix": False}] if others else matrices


class Muon(torch.optim.Optimizer):
    """Muon for the matrices of a network, AdamW for the rest. Kernels of convolutions count as (out, in · h · w).

    Args:
        named: Parameters and their names, as `named_parameters` gives them. Names decide (`is_matrix`).
        lr: Learning rate of both.
        momentum: Of the matrices; Nesterov's.
        betas: Of AdamW.
        weight_decay: Of both, decoupled.
        steps: Of the Newton-Schulz iteration.
    """

    def __init__(
        self,
        named: Iterable[tuple[str, nn.Parameter]],
        lr: float,
        *,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.01,
        steps: int = 5,
    ) -> None:
        settings = {"lr": lr, "momentum": momentum, "betas": betas, "weight_decay": weight_decay}
        super().__init__(_groups(named), settings)
        self._steps = steps

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Do one step. Parameters without a gradient stay.

        Raises:
            ValueError: A closure is given; there is no line search.
        """
        if closure is not None:
            raise ValueError("Muon evaluates no closure: call backward, then step()")
        for group in self.param_groups:
            learning = [each for each in group["params"] if each.grad is not None]
            if learning:
                (self._step_matrices if group["is_matrix"] else self._step_others)(group, learning)

    def _step_matrices(self, group: dict[str, Any], parameters: list[nn.Parameter]) -> None:
        """Update matrices of one shape (Eq. 1, 2 and 4)."""
        for parameter in parameters:
            if not self.state[parameter]:
                self.state[parameter]["momentum"] = torch.zeros_like(parameter)
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        kept = [self.state[parameter]["momentum"] for parameter in parameters]
        torch._foreach_mul_(kept, group["momentum"])
        torch._foreach_add_(kept, gradients)
        ahead = torch._foreach_add(gradients, kept, alpha=group["momentum"])  # Nesterov
        stacked = torch.stack([each.reshape(len(each), -1) for each in ahead])
        dtype = stacked.dtype if is_slow_in_bfloat16(stacked.device) else torch.bfloat16
        updates = orthogonalise(stacked.to(dtype), self._steps).to(stacked.dtype)
        size = UPDATE_SIZE * max(updates.shape[1:]) ** 0.5
        torch._foreach_mul_(list[Tensor](parameters), 1 - group["lr"] * group["weight_decay"])
        for parameter, update in zip(parameters, updates, strict=True):
            parameter.add_(update.reshape(parameter.shape), alpha=-group["lr"] * size)

    def _step_others(self, group: dict[str, Any], parameters: list[nn.Parameter]) -> None:
        """Update what is not a matrix, as AdamW does (arXiv 1711.05101, Algorithm 2)."""
        first, second = group["betas"]
        for parameter in parameters:
            state, gradient = self.state[parameter], parameter.grad
            if not state:
                state["step"] = torch.zeros(())
                state["mean"], state["square"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
            state["step"] += 1
            state["mean"].lerp_(gradient, 1 - first)
            state["square"].mul_(second).addcmul_(gradient, gradient, value=1 - second)
            done = float(state["step"])
            spread = (state["square"] / (1 - second**done)).sqrt_().add_(1e-8)
            parameter.mul_(1 - group["lr"] * group["weight_decay"])
            parameter.addcdiv_(state["mean"], spread, value=-group["lr"] / (1 - first**done))
