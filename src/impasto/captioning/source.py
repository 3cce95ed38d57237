"""Where the words for pictures may come from."""

from __future__ import annotations

from typing import Literal, TypeAlias

CaptionSource: TypeAlias = Literal["auto", "files", "names", "base"]
"""What stands in for .txt files: "auto" takes file names, else a captioner; "files" nothing; "base" a captioner."""
