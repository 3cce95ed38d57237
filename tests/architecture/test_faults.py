"""docs/faults.md names tests that exist, and says so where something is not done."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = [line for line in (ROOT / "docs/faults.md").read_text("utf-8").splitlines() if re.match(r"\| [A-J][. |]", line)]
NAMED = re.compile(r"`(tests/[\w/]+\.py)`: `(test_\w+)`")


def test_there_are_rows_for_every_kind() -> None:
    assert {row[2] for row in ROWS} == set("ABCDEFGHIJ")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[2].strip()[:40])
def test_the_named_test_exists(row: str) -> None:
    found = NAMED.findall(row)
    assert found or "**not done" in row
    for path, name in found:
        tree = ast.parse((ROOT / path).read_text("utf-8"))
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, row
