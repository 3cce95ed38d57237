"""Bring the pinned picture sets with `npm pack` and unpack the two or three files that matter.

Run: `python -m pretraining.data.fetch`
"""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from pretraining.data.sets import KEYWORDS_PACKAGE, KEYWORDS_VERSION, TRAINED, UNSEEN, EmojiSet

DOWNLOADS = Path("pretraining/downloads")


def fetch_package(package: str, version: str, members: dict[str, str]) -> None:
    """Unpack `members` (path in the package -> path below `DOWNLOADS`) of one pinned npm package.

    Nothing is fetched when all the files are there already.
    """
    targets = {source: DOWNLOADS / target for source, target in members.items()}
    if all(path.exists() for path in targets.values()):
        return
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    printed = subprocess.run(
        ["npm", "pack", "--silent", f"{package}@{version}", "--pack-destination", str(DOWNLOADS)],
        check=True,
        capture_output=True,
        text=True,
    )
    archive = DOWNLOADS / printed.stdout.strip().splitlines()[-1]
    with tarfile.open(archive) as tar:
        for source, target in targets.items():
            stream = tar.extractfile(f"package/{source}")
            if stream is None:
                raise FileNotFoundError(f"{package}@{version} has no file {source}")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(stream.read())
    archive.unlink()


def fetch_set(emoji_set: EmojiSet) -> None:
    """Bring the drawings of one set."""
    fetch_package(
        f"@iconify-json/{emoji_set.name}",
        emoji_set.version,
        {"icons.json": f"{emoji_set.name}-{emoji_set.version}.json"},
    )


def read_icons(emoji_set: EmojiSet) -> dict[str, Any]:
    """Return the Iconify JSON of one set, fetching it if needed."""
    fetch_set(emoji_set)
    loaded: dict[str, Any] = json.loads((DOWNLOADS / f"{emoji_set.name}-{emoji_set.version}.json").read_text("utf-8"))
    return loaded


def read_keywords() -> list[dict[str, Any]]:
    """Return the label, group, subgroup and tags of every emoji, fetching them if needed."""
    names = f"keywords-{KEYWORDS_VERSION}.json"
    fetch_package(KEYWORDS_PACKAGE, KEYWORDS_VERSION, {"en/data.json": names})
    loaded: list[dict[str, Any]] = json.loads((DOWNLOADS / names).read_text("utf-8"))
    return loaded


def main() -> None:
    """Fetch everything."""
    read_keywords()
    for emoji_set in TRAINED + UNSEEN:
        fetch_set(emoji_set)
        print(f"{emoji_set.name} {emoji_set.version}  {emoji_set.licence}")


if __name__ == "__main__":
    main()
