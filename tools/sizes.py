"""Print how large files, functions and folders of the package are: the figures of docs/decisions/0007.

python tools/sizes.py
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from statistics import median

SOURCES = Path(__file__).parents[1] / "src" / "impasto"


@dataclass(frozen=True, slots=True)
class Sizes:
    """Lines of files and functions, and what folders hold.

    Attributes:
        files: Lines of each file that has any, but for `__init__.py`.
        functions: Lines of each function and method, its decorators left out.
        folders: Files and lines of each folder, without its subfolders, by path below the package.
    """

    files: Sequence[int]
    functions: Sequence[int]
    folders: dict[str, tuple[int, int]]

    def sentence(self) -> str:
        """Return the figures in one sentence."""
        files = max(files for files, _ in self.folders.values())
        lines = max(lines for _, lines in self.folders.values())
        return (
            f"{len(self.files)} files: the median has {median(self.files):.0f} lines and the largest "
            f"{max(self.files)}; functions have {percentile(self.functions, 95)} lines at the 95th percentile; a "
            f"folder has at most {files} files and {lines} lines."
        )


def percentile(values: Sequence[int], share: int) -> int:
    """Return the smallest value that at least `share` percent of all do not exceed."""
    return sorted(values)[ceil(len(values) * share / 100) - 1]


def measure(sources: Path = SOURCES) -> Sizes:
    """Return the sizes of all Python files of a package."""
    files, functions = [], []
    folders: dict[str, list[int]] = defaultdict(list)
    for path in sorted(sources.rglob("*.py")):
        if path.name == "__init__.py":  # which hold a line
            continue
        text = path.read_text("utf-8")
        files.append(len(text.splitlines()))
        folders[path.parent.relative_to(sources).as_posix()].append(files[-1])
        functions += [
            (node.end_lineno or node.lineno) - node.lineno + 1
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
    return Sizes(files, functions, {name: (len(lines), sum(lines)) for name, lines in folders.items()})


def main() -> None:
    """Print a line for each folder, and the sentence."""
    sizes = measure()
    for name, (files, lines) in sizes.folders.items():
        print(f"{lines:6} lines in {files:3} files  {name}")
    print(sizes.sentence())


if __name__ == "__main__":
    main()
