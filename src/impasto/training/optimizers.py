"""Optimisers by the names that people know."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol, TypedDict, cast

import torch
from torch import nn

from impasto.adapters.learnable import Learnable
from impasto.core.errors import ConfigError
from impasto.training.configs.optimizer import OptimizerName

MOMENT_BYTES = {"adamw": 8, "adamw-8bit": 2, "prodigy": 16, "adafactor": 0}
"""What is kept of one weight, in bytes; adafactor's rows and columns are too few to count."""


class Group(TypedDict):
    """Parameters of one learning rate.

    Attributes:
        params: What learns.
        lr: Learning rate of the step, as optimisers know it.
        rate: The same before the schedule.
    """

    params: list[nn.Parameter]
    lr: float
    rate: float


class _Maker(Protocol):
    def __call__(self, params: list[dict[str, object]], **settings: object) -> torch.optim.Optimizer: ...


def parameter_groups(learnable: Learnable, rate: float, text_rate: float | None = None) -> list[Group]:
    """Return what learns, in one group, or in two where text encoders have a rate of their own.

    Raises:
        ConfigError: They have one, and do not learn.
    """
    parameters, text = learnable.parameters(), learnable.text_parameters()
    if text_rate is None:
        return [_group(parameters, rate)]
    if not text:
        raise ConfigError(
            f"--text-learning-rate {text_rate:g} has no effect, no text encoder learns: give --learn-text where the "
            "method has it, or leave it out"
        )
    ids = {id(each) for each in text}
    rest = [each for each in parameters if id(each) not in ids]
    return [_group(part, its) for part, its in ((rest, rate), (text, text_rate)) if part]


def _group(parameters: list[nn.Parameter], rate: float) -> Group:
    return {"params": parameters, "lr": rate, "rate": rate}


def new_optimizer(
    name: OptimizerName,
    groups: Sequence[Group],
    rate: float,
    device: torch.device,
    weight_decay: float = 1e-2,
) -> torch.optim.Optimizer:
    """Return an optimiser over `groups`.

    "adamw" is torch's fused one. "adamw-8bit" is that of bitsandbytes, with moments of 8 bits for large tensors
    (arXiv:2110.02861): less memory, other numbers. "prodigy" (arXiv:2306.06101) finds its step size, `rate` times
    that is taken, with bias correction and the authors' safeguard for warm-up. "adafactor" (arXiv:1804.04235) keeps
    sums of rows and columns in place of second moments and no first ones; the rate is the one given, not a relative
    one.

    Raises:
        ConfigError: It cannot work here.
    """
    given: dict[str, object] = {"lr": rate, "weight_decay": weight_decay}
    if name == "adamw":
        return torch.optim.AdamW([dict(group) for group in groups], fused=True, lr=rate, weight_decay=weight_decay)
    why_not = _why_not(name, device)
    if why_not:
        raise ConfigError(f"--optimizer {name} {why_not}")
    module, attribute, extra = _ELSEWHERE[name]
    maker = cast(_Maker, getattr(import_module(module), attribute))
    with redirect_stdout(io.StringIO()):  # prodigyopt prints how it decays
        return maker([dict(group) for group in groups], **given, **extra)


_ELSEWHERE: dict[str, tuple[str, str, dict[str, object]]] = {
    "adamw-8bit": ("bitsandbytes.optim", "AdamW8bit", {}),
    "prodigy": ("prodigyopt", "Prodigy", {"use_bias_correction": True, "safeguard_warmup": True}),
    "adafactor": ("transformers.optimization", "Adafactor", {"scale_parameter": False, "relative_step": False}),
}
"""Module, class and settings of optimisers that torch does not have."""


def _why_not(name: OptimizerName, device: torch.device) -> str:
    if name == "adamw-8bit":
        return why_not_8bit(device)
    if name == "prodigy" and find_spec("prodigyopt") is None:
        return "needs prodigyopt: pip install 'impasto[optim]', or leave it out"
    return ""


def why_not_8bit(device: torch.device) -> str:
    """Return why moments of 8 bits are not possible, or nothing."""
    if device.type != "cuda":
        return f"needs a CUDA device, this run is on {device.type}: leave it out"
    if find_spec("bitsandbytes") is None:
        return "needs bitsandbytes: pip install 'impasto[optim]', or leave it out"
    return ""


def leaves_out_steps(optimizer: torch.optim.Optimizer) -> bool:
    """Return whether the optimiser can be told on the device to leave out a step (`found_inf`)."""
    return bool(optimizer.defaults.get("fused"))
