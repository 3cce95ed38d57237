"""The command line that all training stages share."""

from __future__ import annotations

import argparse

import torch


def read_options(about: str, *, minutes: float, batch: int, rate: float) -> argparse.Namespace:
    """Return the options of the command line; these are the defaults."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--minutes", type=float, default=minutes)
    parser.add_argument("--batch", type=int, default=batch)
    parser.add_argument("--rate", type=float, default=rate)
    parser.add_argument("--save-every", type=float, default=5, help="minutes between saves and sheets")
    parser.add_argument("--anew", action="store_true", help="keep the weights, let the rate start again")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"), help="cpu or cuda")
    parser.add_argument("--compile", action="store_true", help="compile the networks: slow to start, quicker after")
    return parser.parse_args()
