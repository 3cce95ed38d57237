"""Bases to choose from: what is on this machine, and what a name on the hub would fetch. No weights are loaded."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import metadata
from pathlib import Path

import torch

from impasto.core.errors import ImpastoError, ResourceError
from impasto.core.formatting import format_bytes
from impasto.core.paths import SAFETENSORS
from impasto.models.source import POCKET, find_base
from impasto.studio.workspace import Workspace, is_plain

_TIGHT = 0.5
"""Part of the memory above which weights alone make it tight: gradients and pictures come on top."""
_SECONDS = 8.0
_LICENCE = "license:"
_VARIANTS = (".fp16.", ".bf16.", ".non_ema.", ".ema_only.")


@dataclass(frozen=True, slots=True)
class BaseFacts:
    """A base that can be chosen.

    Attributes:
        name: By which it is chosen.
        where: "shipped", "here" or "hub".
        family: Its family.
        licence: As its card says; empty where nothing says it.
        weights: Size of its weights, in words; what is fetched where it is on the hub.
        fits: "fits", "tight" or "too large" for the memory of this machine; empty where the size is not known.
        problem: Why it cannot be used, in a sentence.
    """

    name: str
    where: str
    family: str = ""
    licence: str = ""
    weights: str = ""
    fits: str = ""
    problem: str = ""

    def as_json(self) -> dict[str, object]:
        """Return it for the page."""
        return asdict(self)


def bases_here(workspace: Workspace, own: str) -> list[BaseFacts]:
    """Return pocket, the base that the server was started with, those in `bases/` and those fetched before."""
    names = dict.fromkeys([POCKET, own, *_placed(workspace), *_fetched()])
    return [base_facts(workspace, name) for name in names]


def parts_of_base(location: str) -> Path | None:
    """Return the folder with the parts of a base, without asking the network; None where it is in no folder here."""
    if location == POCKET:
        return Path(find_base(POCKET).location)
    return Path(location) if Path(location).is_dir() else _cached_folder(location)


def base_facts(workspace: Workspace, name: str) -> BaseFacts:
    """Return what is known of a base on this machine, or of one on the hub by its name."""
    placed = workspace.root / "bases" / name
    location = str(placed) if is_plain(name) and placed.exists() else name
    cached = _cached_folder(name)
    if name != POCKET and not Path(location).exists() and cached is None:
        return _on_hub(name)
    where = "shipped" if name == POCKET else "here"
    try:
        found = find_base(location)
    except ImpastoError as error:
        return BaseFacts(name, where, problem=workspace.without_paths(str(error)))
    folder = cached or Path(found.location)
    size = folder.stat().st_size if folder.is_file() else _bytes_of(_weights_in(folder))
    licence = str(metadata("impasto").json.get("license_expression", "")) if name == POCKET else _licence_in(folder)
    return BaseFacts(name, where, found.family, licence, format_bytes(size), _fits(size))


def _placed(workspace: Workspace) -> list[str]:
    return sorted(path.name for path in (workspace.root / "bases").iterdir() if is_plain(path.name))


def _fetched() -> Iterator[str]:
    """Yield the names of pipelines that were fetched from the hub before."""
    from huggingface_hub.constants import HF_HUB_CACHE

    for folder in sorted(Path(HF_HUB_CACHE).glob("models--*")):
        name = folder.name.removeprefix("models--").replace("--", "/", 1)
        if _cached_folder(name) is not None:
            yield name


def _cached_folder(name: str) -> Path | None:
    """Return where a pipeline of the hub lies whose weights were fetched, not its index alone."""
    from huggingface_hub.constants import HF_HUB_CACHE

    indices = (Path(HF_HUB_CACHE) / f"models--{name.replace('/', '--')}").glob("snapshots/*/model_index.json")
    return next((path.parent for path in indices if _weights_in(path.parent)), None)


def _weights_in(folder: Path) -> list[tuple[str, int]]:
    found = (path for path in folder.glob(f"*/*{SAFETENSORS}") if path.is_file())
    return [(path.relative_to(folder).as_posix(), path.stat().st_size) for path in found]


def _bytes_of(files: Sequence[tuple[str, int]]) -> int:
    """Return the size of weights in folders of parts, of each part in one variant alone."""
    return sum(size for name, size in files if not any(variant in name for variant in _VARIANTS)) or sum(
        size for _, size in files
    )


def _licence_in(folder: Path) -> str:
    """Return the licence that the model card beside the weights names in its head."""
    try:
        lines = (folder / "README.md").read_text("utf-8").splitlines()[:60]
    except OSError:
        return ""
    return next((line.removeprefix(_LICENCE).strip() for line in lines if line.startswith(_LICENCE)), "")


def _on_hub(name: str) -> BaseFacts:
    """Return what would be fetched; asks the hub."""
    from huggingface_hub import HfApi

    try:
        found = HfApi().model_info(name, files_metadata=True, timeout=_SECONDS)
        family = find_base(name).family
    except ImpastoError as error:
        return BaseFacts(name, "hub", problem=str(error))
    except Exception as error:  # whatever the network and the hub may raise: the page says one sentence
        told = ResourceError(f"the hub does not answer for {name[:80]} ({type(error).__name__})")
        return BaseFacts(name, "hub", problem=str(told))
    files = [(each.rfilename, int(each.size or 0)) for each in found.siblings or []]
    size = _bytes_of([each for each in files if each[0].endswith(SAFETENSORS) and each[0].count("/") == 1])
    licence = found.card_data.get("license", "") if found.card_data else ""
    return BaseFacts(name, "hub", family, str(licence or ""), format_bytes(size), _fits(size))


def _fits(size: int) -> str:
    memory = _memory()
    if not memory or not size:
        return ""
    return "too large" if size > memory else "tight" if size > _TIGHT * memory else "fits"


def _memory() -> int:
    """Return the memory that computing has: that of the first GPU, or the machine's."""
    if torch.cuda.is_available():
        return int(torch.cuda.get_device_properties(0).total_memory)
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 0
