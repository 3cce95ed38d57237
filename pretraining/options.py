"""The command line that all training stages share."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from pretraining.data.build import BUILT


def stage_options(
    about: str, *, minutes: float, batch: int, rate: float, judges: bool = False
) -> argparse.ArgumentParser:
    """Return the options that all stages have, for a stage to add its own; these are the defaults.

    Args:
        about: What the stage is, for its help.
        minutes: Length of the run.
        batch: Rows of a step.
        rate: Learning rate at its highest.
        judges: Whether the stage is the judge, which can learn from several built data sets and is published alone.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--minutes", type=float, default=minutes)
    parser.add_argument("--steps", type=int, help="length in steps, not minutes: the end can be had again bit for bit")
    parser.add_argument("--batch", type=int, default=batch)
    parser.add_argument("--rate", type=float, default=rate, help="learning rate at its highest")
    parser.add_argument("--warm-up", type=float, default=0.02, help="share of the run in which the rate rises")
    parser.add_argument("--constant", type=float, default=0.3, help="share of the run in which the rate then stays")
    parser.add_argument("--end", type=float, default=0.02, help="share of the rate that is left at the end")
    parser.add_argument("--save-every", type=float, default=5, help="minutes between saves and sheets")
    parser.add_argument("--anew", action="store_true", help="keep the weights, let the rate start again")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"), help="cpu or cuda")
    parser.add_argument("--compile", action="store_true", help="compile the networks: slow to start, quicker after")
    if judges:
        parser.add_argument("--publish", action="store_true", help="at the end, write what is under version control")
        parser.add_argument("--built", type=Path, nargs="+", default=[BUILT], help="folders of built pictures")
    return parser


def read_options(about: str, *, minutes: float, batch: int, rate: float, judges: bool = False) -> argparse.Namespace:
    """Return the options of the command line of a stage that has none of its own, see `stage_options`."""
    return stage_options(about, minutes=minutes, batch=batch, rate=rate, judges=judges).parse_args()
