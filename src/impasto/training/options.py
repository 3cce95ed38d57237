"""Options that every method's training shares. The CLI adds the method's own to them; recipes and TOML fill both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from impasto.core.config import Config
from impasto.core.option_tables import refuse_clashes
from impasto.training.configs.data import DataConfig
from impasto.training.configs.hardware import HardwareConfig
from impasto.training.configs.keeping import KeepingConfig
from impasto.training.configs.loss import LossConfig
from impasto.training.configs.model import ModelConfig
from impasto.training.configs.optimizer import OptimizerConfig
from impasto.training.configs.run import RunConfig
from impasto.training.configs.samples import SamplesConfig

TABLES: Mapping[str, type[Config]] = {
    "data": DataConfig,
    "model": ModelConfig,
    "optimizer": OptimizerConfig,
    "loss": LossConfig,
    "samples": SamplesConfig,
    "keeping": KeepingConfig,
    "hardware": HardwareConfig,
    "run": RunConfig,
}
"""Tables that options may stand in in a TOML file."""
OF_METHOD = "method"
"""The table of the method's own options."""

refuse_clashes(TABLES)


class TrainOptions(
    RunConfig, HardwareConfig, KeepingConfig, SamplesConfig, LossConfig, OptimizerConfig, ModelConfig, DataConfig
):
    """What is trained on what, for how long, and where it goes.

    A function that needs one part of it takes that part's type: `cuts_of(options: DataConfig, ...)`.
    """

    tables: ClassVar[Mapping[str, type[Config]]] = TABLES


def tables_with(settings: type[Config], method: str) -> dict[str, type[Config]]:
    """Return all tables of a training, the method's own among them.

    Raises:
        PluginError: One of the method's options has the name of an option that every training has.
    """
    tables = {**TABLES, OF_METHOD: settings}
    refuse_clashes(tables, f"method {method}")
    return tables
