"""Low-rank adapters on attention: W = W0 + B A, with PEFT doing the injection.

Paper: LoRA, arXiv:2106.09685, Eq. 3. Files have α = r, so that they mean the same in tools that ignore α.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

from impasto.adapters.names import file_name
from impasto.core.errors import ConfigError

DOWN, UP = ".lora_A.weight", ".lora_B.weight"
"""How style files call A and B, after the module's name (PEFT's own spelling)."""

_NAME = "impasto"


class LowRank:
    """Adapters of one rank on some layers of some networks.

    Args:
        networks: The base's networks by component name.
        targets: Endings of the paths of the layers that get adapters, by network.
        rank: r, the rows of A and the columns of B.
        rng: Draws A.
        blocks: Paths of modules; only layers below these get adapters. All do when it is None.
        alpha: W = W0 + (α / r) B A while learning; r unless given. Files hold B with α / r in it.
    """

    def __init__(
        self,
        networks: Mapping[str, nn.Module],
        targets: Mapping[str, tuple[str, ...]],
        rank: int,
        rng: torch.Generator,
        blocks: Sequence[str] | None = None,
        *,
        alpha: float | None = None,
    ) -> None:
        self._modules = {name: networks[name] for name in targets}
        self._endings = targets
        self._rank = rank
        self._alpha = rank if alpha is None else alpha
        self._rng = rng
        self._blocks = blocks
        self._refuse_too_high_rank()

    def _targets(self, network: str) -> list[str]:
        """Return the full paths of the layers that get adapters."""
        inside = tuple(f"{block}." for block in self._blocks) if self._blocks is not None else ""
        return [
            path
            for path, layer in self._modules[network].named_modules()
            if path.endswith(self._endings[network]) and path.startswith(inside) and isinstance(layer, nn.Linear)
        ]

    def _refuse_too_high_rank(self) -> None:
        for network, module in self._modules.items():
            for path in self._targets(network):
                layer = cast(nn.Linear, module.get_submodule(path))
                limit = min(layer.in_features, layer.out_features)
                if self._rank > limit:
                    raise ConfigError(
                        f"rank = {self._rank} is larger than the layer {network}.{path} "
                        f"({layer.in_features} x {layer.out_features}): use at most {limit}"
                    )

    def attach(self) -> None:
        """Wrap the attention layers; A is drawn from N(0, 1/r²) as diffusers does, B is zero."""
        for network, module in self._modules.items():
            config = LoraConfig(
                r=self._rank,
                lora_alpha=self._alpha,  # type: ignore[arg-type]  # a whole number to PEFT, which only divides it by r
                target_modules=self._targets(network),
            )
            inject_adapter_in_model(config, module, adapter_name=_NAME)
            for _, layer in _adapted_layers(module):
                down, up = _pair(layer)
                for matrix in (down, up):
                    matrix.float()  # small steps would round away in a base's half precision
                with torch.no_grad():
                    down.weight.copy_(torch.randn(down.weight.shape, generator=self._rng) / self._rank)

    def detach(self) -> None:
        """Unwrap the attention layers; the wrapped weights were never touched."""
        for module in self._modules.values():
            for path, layer in _adapted_layers(module):
                parent_path, _, child = path.rpartition(".")
                setattr(module.get_submodule(parent_path), child, layer.base_layer)
            if hasattr(module, "peft_config"):
                del module.peft_config

    def parameters(self) -> list[nn.Parameter]:
        """Return A and B of every layer."""
        return [matrix for module in self._modules.values() for matrix in _matrices(module)]

    def text_parameters(self) -> list[nn.Parameter]:
        """Return A and B of the layers of text encoders."""
        texts = [module for name, module in self._modules.items() if name.startswith("text_encoder")]
        return [matrix for module in texts for matrix in _matrices(module)]

    def tensors(self) -> dict[str, Tensor]:
        """Return A and B under the names that `load_lora_weights` of diffusers reads."""
        found = {}
        for network, module in self._modules.items():
            for path, layer in _adapted_layers(module):
                for suffix, matrix in zip((DOWN, UP), _pair(layer), strict=True):
                    scale = self._alpha / self._rank if suffix == UP else 1.0
                    found[file_name(network, path) + suffix] = matrix.weight.detach().float().cpu() * scale
        return found

    def learns_text(self) -> bool:
        """Return whether a text encoder is among the networks."""
        return any(name.startswith("text_encoder") for name in self._modules)


def _matrices(module: nn.Module) -> list[nn.Parameter]:
    return [cast(nn.Parameter, matrix.weight) for _, layer in _adapted_layers(module) for matrix in _pair(layer)]


def _pair(layer: LoraLayer) -> tuple[nn.Linear, nn.Linear]:
    """Return A and B."""
    return cast(nn.Linear, layer.lora_A[_NAME]), cast(nn.Linear, layer.lora_B[_NAME])


def _adapted_layers(module: nn.Module) -> list[tuple[str, LoraLayer]]:
    return [(path, layer) for path, layer in module.named_modules() if isinstance(layer, LoraLayer)]
