"""Bars count pictures where their number is known, and are not shown where files of a report are written."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from impasto.cli.console import show
from impasto.core.events import Generated


@pytest.mark.parametrize(("num_pictures", "told"), [(0, None), (2, "2/2")])
def test_a_bar_never_counts_more_than_there_are(num_pictures: int, told: str | None) -> None:
    printed = io.StringIO()
    files = [Generated(Path(name), "", 0) for name in ("grid.png", "index.html")]
    show(Console(file=printed, force_terminal=True, width=100), files, num_pictures=num_pictures)
    assert ("drawing" in printed.getvalue()) == (told is not None)
    assert all(file.path.name in printed.getvalue() for file in files)
    assert told is None or told in printed.getvalue()
