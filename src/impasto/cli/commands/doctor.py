"""Show versions, device, memory, and what is missing."""

from __future__ import annotations

import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from impasto.cli.arguments import parse
from impasto.core.config import Config
from impasto.models.source import POCKET, find_base

_NEEDED = ("torch", "diffusers", "transformers", "peft", "accelerate", "safetensors")
EXTRAS = {
    "metrics": ("torch-fidelity", "open-clip-torch"),
    "studio": ("fastapi", "uvicorn"),
    "scale": ("ray",),
    "track": ("tensorboard",),
    "optim": ("bitsandbytes", "prodigyopt"),
}
"""What the package installs beyond what it needs, by extra."""


class Options(Config):
    """Show what this machine has and what impasto would use of it."""


def run(arguments: list[str]) -> int:
    """Examine."""
    parse(Options, arguments, command="doctor", description=Options.__doc__ or "")
    print(f"impasto        {version('impasto')}")
    print(f"python         {platform.python_version()} on {platform.system()} {platform.machine()}")
    for name in _NEEDED:
        print(f"{name:<14} {_version_of(name)}")
    for extra, packages in EXTRAS.items():
        missing = [name for name in packages if _version_of(name) == "missing"]
        state = f"not installed: pip install 'impasto[{extra}]'" if missing else "installed"
        print(f"[{extra}]{'':<{13 - len(extra)}}{state}")
    _show_devices()
    pocket = Path(find_base(POCKET).location)
    print(f"pocket         {'there' if (pocket / 'model_index.json').is_file() else 'missing: reinstall impasto'}")
    print(f"free disk      {shutil.disk_usage(Path.cwd()).free / 2**30:.1f} GiB here")
    is_offline = bool(os.environ.get("HF_HUB_OFFLINE"))
    print(f"hub            {'offline (HF_HUB_OFFLINE)' if is_offline else 'only when a hub name is given'}")
    return 0


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _show_devices() -> None:
    import torch

    from impasto.models.open import choose_device

    print(f"cpu            {os.cpu_count()} cores, {_memory_gib():.1f} GiB memory")
    for index in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(index)
        print(f"cuda:{index}         {facts.name}, {facts.total_memory / 2**30:.1f} GiB")
    print(f"would use      {choose_device('auto')}")


def _memory_gib() -> float:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (AttributeError, ValueError, OSError):
        return float("nan")
