"""What `mkdocs.yml` hooks into the site: pages that stand outside `docs/`, links between them, and the API reference.

Pages link to each other as files of the repository, so that they can be read there. Here each link is looked up: one
to a page of the site leads to this page, one to any other file or folder leads into the public repository, and one that
leads nowhere stops the build.
"""

from __future__ import annotations

import posixpath
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import impasto

ROOT = Path(__file__).resolve().parents[1]

OUTSIDE: Mapping[str, str] = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "benchmarks/REPORT.md": "results.md",
    "pretraining/README.md": "pocket/making.md",
    "pretraining/ABLATIONS.md": "pocket/ablations.md",
    "pretraining/reader/README.md": "pocket/reader.md",
    "src/impasto/pocket/model/README.md": "pocket/card.md",
}
"""Files of the repository that are pages of the site, and their names there."""

REFERENCE: Mapping[str, tuple[str, ...]] = {
    "Bases and training": ("api.base", "api.training", "style.file"),
    "Methods": (
        "methods.styleforge",
        "methods.multi_styleforge",
        "methods.b_lora",
        "methods.dreambooth",
        "methods.lora",
        "methods.textual_inversion",
        "methods.custom_diffusion",
    ),
    "Controls": ("controls.style_studio", "controls.instant_style", "controls.style_aligned", "models.control"),
    "Events": ("core.events",),
    "Errors": ("core.errors",),
}
"""Sections of the reference, and the modules whose public names they show."""

_PICTURES = {".png", ".jpg", ".webp", ".svg"}
_LINK = re.compile(r"(?<=\]\()(?!https?://|mailto:|#)([^)\s#]+)(#[^)\s]*)?(?=\))")


def repository_url() -> str:
    """Return the public repository's address, which stands in `pyproject.toml` alone."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return str(project["urls"]["Repository"])


def reference_page() -> str:
    """Return the API reference: every public name under its section, made of its docstrings.

    Raises:
        PluginError: A public name is in no section.
    """
    homes = impasto._HOME_OF
    left = set(homes)
    parts = ["# Reference", "", "All of it is imported from `impasto`."]
    for title, modules in REFERENCE.items():
        parts += ["", f"## {title}"]
        for module in modules:
            names = [name for name, home in homes.items() if home == f"impasto.{module}"]
            left -= set(names)
            parts += [part for name in names for part in ("", f"::: impasto.{module}.{name}")]
    if left:
        raise PluginError(f"tools/site_hooks.py: REFERENCE has no section for {', '.join(sorted(left))}")
    return "\n".join([*parts, ""])


def site_place(path: str) -> str | None:
    """Return where a file of the repository stands in the site, or None if it is no part of it."""
    if path in OUTSIDE:
        return OUTSIDE[path]
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"pictures/{path}" if Path(path).suffix in _PICTURES else None


def pictures_outside() -> list[str]:
    """Return the pictures outside `docs/` that pages show or link to, as paths from the top of the repository."""
    found = set()
    for source in [*OUTSIDE, *(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))]:
        for link in _LINK.finditer((ROOT / source).read_text("utf-8")):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link[1]))
            if Path(target).suffix in _PICTURES and not target.startswith("docs/"):
                found.add(target)
    return sorted(found)


def relinked(text: str, source: str, url: str) -> str:
    """Return a page with its links led to pages of the site, or to the public repository.

    Args:
        text: Markdown.
        source: Path of its file from the top of the repository; links start from there.
        url: Of the public repository.

    Raises:
        PluginError: A link leads nowhere.
    """
    here = site_place(source) or source
    lines, is_code = [], False
    for line in text.splitlines():
        is_code ^= line.lstrip().startswith("```")
        lines.append(line if is_code else _LINK.sub(lambda found: _led(found, source, here, url), line))
    return "\n".join(lines) + "\n"


def _led(found: re.Match[str], source: str, here: str, url: str) -> str:
    target = posixpath.normpath(posixpath.join(posixpath.dirname(source), found[1]))
    path = ROOT / target
    if not path.exists():
        raise PluginError(f"{source}: the link to {found[1]} leads nowhere")
    place = site_place(target)
    if place is None or path.is_dir():
        kind = "tree" if path.is_dir() else "blob"
        return f"{url}/{kind}/main/{target}{found[2] or ''}"
    return posixpath.relpath(place, posixpath.dirname(here) or ".") + (found[2] or "")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Tell the site where the repository is, and list all decisions."""
    config.repo_url, config.repo_name = repository_url(), "impasto"
    decisions: list[object] = sorted(f"decisions/{path.name}" for path in (ROOT / "docs/decisions").glob("*.md"))
    config.nav = [*(config.nav or []), {"Decisions": decisions}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add pages and pictures that stand outside `docs/`, and the reference."""
    for source, place in OUTSIDE.items():
        files.append(File.generated(config, place, content=(ROOT / source).read_text("utf-8")))
    for picture in pictures_outside():
        files.append(File.generated(config, f"pictures/{picture}", abs_src_path=str(ROOT / picture)))
    files.append(File.generated(config, "reference.md", content=reference_page()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead the links of a page."""
    place = page.file.src_uri
    if place == "reference.md":
        return markdown
    sources = {name: source for source, name in OUTSIDE.items()}
    return relinked(markdown, sources.get(place, f"docs/{place}"), repository_url())
