"""Photograph every screen of a studio, light and dark, for the docs.

A style must have been taught in it: begin one with the shipped recipe on `pack:openmoji`, let it end, draw with it.

Run: `impasto studio --no-browser`, then `python tools/studio_screens.py --address http://localhost:8420`; needs
Playwright and an installed Chromium.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import urllib.request
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright

OUT = Path("docs/studio")
DESKTOP, PHONE = (1280, 860), (390, 780)
SETTLED = 3500
"""Milliseconds after which thumbnails are there."""


def remembered(style: str) -> dict[str, object]:
    """Return what a person had filled in on each screen."""
    chip = {"name": style, "scale": 0.7}
    draw = {"prompt": "a fox on a green background", "chips": [chip], "seed": 11, "count": 4, "isLocked": True}
    return {
        "impasto.draw": draw | {"more": {}},
        "impasto.teach": {"set": "pack:openmoji"},
        "impasto.reference": {"reference": "pack:openmoji/style/butterfly.png"},
        "impasto.mix": {"picture": "pack:openmoji/style/castle.png", "chips": [chip]},
    }


def photograph(page: Page, address: str, screen: str, name: str) -> None:
    """Open a screen, wait until it has settled, and keep its picture."""
    page.goto(f"{address}/#/{screen}")
    page.reload()
    page.wait_for_selector("#screen > *")
    page.wait_for_timeout(SETTLED)
    with Image.open(io.BytesIO(page.screenshot())) as shot:
        shot.convert("RGB").save(OUT / f"{name}.webp", quality=78, method=6)


def finished_training(address: str) -> dict[str, Any]:
    """Return the newest training that is done; raises `SystemExit` if there is none."""
    with urllib.request.urlopen(f"{address}/api/jobs") as answer:
        jobs: list[dict[str, Any]] = json.load(answer)
    done = [job for job in jobs if job["kind"] == "train" and job["state"] == "done"]
    if not done:
        raise SystemExit(f"{address}: no training is done there; teach a style first")
    return done[-1]


def main() -> None:
    """Photograph all screens."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="http://localhost:8420")
    address: str = parser.parse_args().address
    training = finished_training(address)
    screens = {name: name for name in ("draw", "teach", "reference", "compare", "styles")}
    screens |= {"restyle": "mix", "jobs": "queue", "training": f"teach/{training['id']}"}
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for theme in ("light", "dark"):
            size = {"width": DESKTOP[0], "height": DESKTOP[1]}
            page = browser.new_context(viewport=size, color_scheme=theme).new_page()
            page.goto(f"{address}/")
            page.wait_for_timeout(SETTLED)  # until the screen has kept what it was opened with
            for key, value in remembered(training["saved"]).items():
                page.evaluate("([key, value]) => localStorage.setItem(key, value)", [key, json.dumps(value)])
            for name, screen in screens.items():
                photograph(page, address, screen, f"{name}-{theme}")
            if theme == "light":
                page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
                photograph(page, address, screens["training"], "training-phone")
        browser.close()


if __name__ == "__main__":
    main()
