"""The sizes that docs/decisions/0007 states are those of the code."""

import re
from pathlib import Path

import pytest
from tools.sizes import measure, percentile

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/decisions/0007-rooms-by-use-case.md"
STATED = re.compile(r"[\d,]+ files: the median .*?lines\.")


def numbers(sentence: str) -> list[int]:
    return [int(each) for each in re.findall(r"\d+", sentence)]


def test_sizes_are_counted(tmp_path: Path) -> None:
    (tmp_path / "room").mkdir()
    (tmp_path / "__init__.py").write_text('"""A package."""\n')
    (tmp_path / "a.py").write_text("def one():\n    return 1\n")
    (tmp_path / "room" / "b.py").write_text(
        "class B:\n    async def two(self):\n        x = 2\n        return x\n\n\n# end\n"
    )
    (tmp_path / "room" / "c.py").write_text("x = 1\n")
    sizes = measure(tmp_path)
    assert sorted(sizes.files) == [1, 2, 7]
    assert sorted(sizes.functions) == [2, 3]
    assert sizes.folders == {".": (1, 2), "room": (2, 8)}
    assert numbers(sizes.sentence()) == [3, 2, 7, 3, 95, 2, 8]


def test_percentile_is_a_value_that_so_many_do_not_exceed() -> None:
    assert [percentile(range(1, 101), share) for share in (1, 50, 95, 100)] == [1, 50, 95, 100]
    assert percentile([3, 1, 2], 95) == 3


def test_the_page_states_the_sizes_of_today() -> None:
    """About: a commit does not have to count lines, but the page stays true."""
    found = STATED.search(" ".join(PAGE.read_text("utf-8").split()))
    assert found is not None
    assert numbers(found[0]) == pytest.approx(numbers(measure().sentence()), rel=0.1)
