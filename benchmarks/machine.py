"""What a result was measured on."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from impasto.core.versions import library_versions

RESULTS = Path(__file__).parent / "results"
POCKET = 1
"""Version of the embedded base that is packaged: raised when new weights land, and noted in every result."""


def describe_machine() -> dict[str, object]:
    """Return processor, cores and library versions."""
    processor = platform.processor() or platform.machine()
    cpu_info = Path("/proc/cpuinfo")
    if cpu_info.exists():
        names = [line.partition(":")[2].strip() for line in cpu_info.read_text().splitlines() if "model name" in line]
        processor = names[0] if names else processor
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "system": platform.system(),
        "versions": library_versions(),
    }


def save_result(name: str, result: dict[str, object]) -> Path:
    """Write `results/NAME.json` with the machine and the day."""
    facts = {"date": datetime.now(UTC).date().isoformat(), "machine": describe_machine(), "pocket": POCKET} | result
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
    return path
