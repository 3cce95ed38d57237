"""What each block of pocket decides, for its card: the numbers of `impasto probe`, if they are of these weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from impasto.models.fingerprint import Fingerprint

PROBED = Path("benchmarks/results/probe-pocket.json")
"""The `probe.json` that `impasto probe` wrote."""


def block_numbers(fingerprint: Fingerprint, probed: Path = PROBED) -> dict[str, object] | None:
    """Return pairs, blocks and the families' effects; None where nobody probed a base of this `fingerprint`."""
    if not probed.is_file():
        return None
    found = json.loads(probed.read_text("utf-8"))
    if not Fingerprint.model_validate(found["fingerprint"]).matches(fingerprint):
        return None
    effects = {
        family: {block: measured["blocks"][block] for block in found["blocks"]}
        for family, measured in found["families"].items()
    }
    return {"pairs": found["pairs"], "effects": effects, "roles": found["roles"]}


def block_section(numbers: Mapping[str, Any] | None) -> str:
    """Return the card's section, or nothing where the blocks are not measured."""
    if numbers is None:
        return ""
    families = list(numbers["effects"])
    blocks = list(numbers["effects"][families[0]])
    rows = "\n".join(
        f"| {block} | " + " | ".join(_with_interval(numbers["effects"][family][block]) for family in families) + " |"
        for block in blocks
    )
    roles = "; ".join(f"{role}: {', '.join(found)}" for role, found in numbers["roles"].items())
    return f"""
## Which blocks decide (`impasto probe --pairs {numbers["pairs"]}`)

Another prompt is shown to one block at a time. 0: the picture stays that of its own prompt; 1: it becomes that of the
other. In brackets 95 % intervals over {numbers["pairs"]} pairs of prompts. Heat map:
`benchmarks/results/probe-pocket.png`.

| block | {" | ".join(families)} |
|---|{"---|" * len(families)}
{rows}

Roles in `roles.json`: {roles}.
"""


def _with_interval(effect: Mapping[str, float]) -> str:
    return f"{effect['mean']:.2f} ({effect['low']:.2f} to {effect['high']:.2f})"
