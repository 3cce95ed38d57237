"""Full fine-tuning: weights of the chosen networks are learnt, and saved as their difference from the base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from impasto.adapters.names import file_name

DELTA = "delta."
"""Prefix of weight differences in style files."""
WHOLE = "whole."
"""Prefix of whole weights among the tensors of a style that another tool made."""


class FullWeights:
    """Weights of some networks.

    Args:
        networks: The base's networks by component name.
        names: Which of them learn.
        endings: Only weights whose names end so learn; all do by default.
    """

    def __init__(
        self, networks: Mapping[str, nn.Module], names: Sequence[str], endings: tuple[str, ...] = ("",)
    ) -> None:
        # Listed now: what others attach later, such as a new token, is not a weight of the base.
        self._modules = {name: networks[name] for name in names}
        self._weights = {
            file_name(network, path): parameter
            for network, module in self._modules.items()
            for path, parameter in module.named_parameters()
            if path.endswith(endings)
        }
        self._originals: dict[str, Tensor] = {}

    def attach(self) -> None:
        """Keep a copy of the base's weights and let them learn."""
        for name, parameter in self._weights.items():
            self._originals[name] = parameter.detach().cpu().clone()
            parameter.requires_grad_(True)

    def detach(self) -> None:
        """Copy the base's weights back."""
        with torch.no_grad():
            for name, parameter in self._weights.items():
                if name in self._originals:
                    parameter.copy_(self._originals[name])
                parameter.requires_grad_(False)
                parameter.grad = None
        self._originals.clear()

    def parameters(self) -> list[nn.Parameter]:
        """Return the weights that learn."""
        return list(self._weights.values())

    def text_parameters(self) -> list[nn.Parameter]:
        """Return those of text encoders."""
        return [parameter for name, parameter in self._weights.items() if name.startswith("text_encoder")]

    def tensors(self) -> dict[str, Tensor]:
        """Return W - W0 of every weight that changed, float16."""
        deltas = {}
        for name, parameter in self._weights.items():
            delta = parameter.detach().cpu().float() - self._originals[name].float()
            if delta.any():
                deltas[DELTA + name] = delta.to(torch.float16).contiguous()
        return deltas

    def learns_text(self) -> bool:
        """Return whether a text encoder is among the networks."""
        return any(name.startswith("text_encoder") for name in self._modules)
