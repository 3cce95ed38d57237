"""CSV files that people write: fields in quotes may hold commas and line breaks, which count as blanks."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from impasto.core.errors import DataError


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a CSV: where it ends in the file, and its fields by column, each on one line."""

    line: int
    fields: dict[str, str]


def columns_of(text: str) -> list[str]:
    """Return the columns that the first line names; none where it cannot be read."""
    try:
        return next(csv.reader(io.StringIO(text, newline="")), [])
    except csv.Error:
        return []


def rows_of(text: str, where: str) -> Iterator[Row]:
    """Yield the rows below the first line; a field that a row lacks is empty.

    Raises:
        DataError: The text is no CSV, named by `where`.
    """
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        for row in reader:
            fields = {str(name): " ".join((value or "").split()) for name, value in row.items() if name is not None}
            yield Row(reader.line_num, fields)
    except csv.Error as error:
        raise DataError(f"{where} line {reader.line_num + 1} is not CSV ({error}): correct or remove it") from error
