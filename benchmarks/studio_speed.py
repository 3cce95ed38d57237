"""How fast is the studio in a real Chromium: the first preview, four pictures, scrolling, idling, memory?

What depends on the processor is measured beside float32 convolutions just before, and its bar is in proportion to them.
With `--taught N` a style is learnt meanwhile, and the wait for its steps is measured too.

Run: `python -m benchmarks.studio_speed`; needs the extra `studio`, Playwright and an installed Chromium. Where others
use the machine, `OMP_NUM_THREADS=1` in front measures one core, and convolutions on one.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from playwright.sync_api import Page, sync_playwright
from pretraining.evaluate_speed import convolution_speed

from benchmarks.machine import save_result
from impasto.core.files import write_text
from impasto.data.packs import pictures_of
from impasto.studio.app import STATIC

REFERENCE_GFLOPS = 440.0
BARS: Mapping[str, float] = {"first_preview": 0.5, "four_pictures": 5.0}
"""Seconds where float32 convolutions reach `REFERENCE_GFLOPS`."""
MOST_ASSET_BYTES, MOST_IDLE_SHARE, MOST_STALL = 300_000, 0.01, 0.2
PICTURES, JOBS, MORE_MEMORY_MIB = 500, 50, 32
IDLE_SECONDS, PATIENCE = 30, 180
PROMPT = "a fox on a green background"

WATCH = """() => {
    window.seen = {};
    const note = (name) => { window.seen[name] ??= performance.now(); };
    document.addEventListener('click', (event) => event.target.closest('.button.accent') && note('click'), true);
    new PerformanceObserver((list) => list.getEntries().forEach((each) => {
        if (each.name.includes('/preview')) window.seen.preview ??= each.responseEnd;
    })).observe({ entryTypes: ['resource'] });
    document.addEventListener('load', (event) => {
        if (event.target.matches?.('button.picture img')) window.seen.last = performance.now();
    }, true);
}"""
SCROLL = """async () => {
    let longest = 0;
    const watch = new PerformanceObserver((list) => list.getEntries().forEach((each) => {
        longest = Math.max(longest, each.duration);
    }));
    watch.observe({ entryTypes: ['longtask'] });
    for (let at = 0; at < document.body.scrollHeight; at += 400) {
        window.scrollTo(0, at);
        await new Promise((then) => setTimeout(then, 16));
    }
    await new Promise((then) => setTimeout(then, 300));
    return longest;
}"""


@contextmanager
def served(workspace: Path) -> Iterator[tuple[str, int]]:
    """Yield address and process of a studio."""
    command = [sys.executable, "-m", "impasto", "studio", "--port", "0", "--no-browser", "--workspace", str(workspace)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1].rstrip("/"), process.pid
    finally:
        process.terminate()
        process.wait(60)


def family(pid: int) -> list[int]:
    """Return a process and its children, the one that draws among them."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in family(int(child)))]


def processor_seconds(pids: list[int]) -> float:
    """Return what processes computed so far."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")


def memory_mib(pids: list[int]) -> float:
    """Return the resident memory of processes that is theirs alone."""
    rows = [line.split() for pid in pids for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()]
    return sum(int(row[1]) for row in rows if row[0] in {"Private_Clean:", "Private_Dirty:"}) / 1024


def until(page: Page, condition: str) -> None:
    """Wait until an expression of the page is true; its policy lets no string be compiled, so it is asked."""
    give_up = time.monotonic() + PATIENCE
    while not page.evaluate(condition):
        if time.monotonic() > give_up:
            raise SystemExit(f"{PATIENCE} s went by without {condition}")
        time.sleep(0.02)


def ready(page: Page, address: str) -> None:
    """Open the screen that draws, and wait for the base."""
    page.goto(f"{address}/#/draw")
    until(page, "document.querySelector('.rail-state')?.textContent === ''")


def click_to_pictures(page: Page, count: int = 4) -> tuple[float, float]:
    """Draw; returns the seconds from the click to the first preview and to the last picture."""
    page.get_by_role("button", name=str(count), exact=True).click()
    before = page.locator("button.picture img").count()
    page.evaluate(WATCH)
    page.get_by_role("button", name="Draw", exact=True).click()
    until(page, f"document.querySelectorAll('button.picture img').length >= {before + count}")
    until(page, f"[...document.querySelectorAll('button.picture img')].slice(0, {count}).every((e) => e.complete)")
    seen = page.evaluate("window.seen")
    return (seen["preview"] - seen["click"]) / 1000, (seen["last"] - seen["click"]) / 1000


def drawing(page: Page, times: int) -> dict[str, object]:
    """Return medians of drawing four pictures, with the bars of this machine as it is now."""
    gflops = convolution_speed() / 1e9
    click_to_pictures(page)  # the first is slower: what a process does once
    taken = [click_to_pictures(page) for _ in range(times)]
    gflops = max(gflops, convolution_speed() / 1e9)
    measured = dict(zip(BARS, (statistics.median(each) for each in zip(*taken, strict=True)), strict=True))
    bars = {name: bar * REFERENCE_GFLOPS / gflops for name, bar in BARS.items()}
    return {
        "float32_convolutions_gflops": round(gflops),
        "threads": torch.get_num_threads(),
        "load": [round(each, 2) for each in os.getloadavg()],
        "seconds": {name: round(value, 3) for name, value in measured.items()},
        "bars": {name: round(value, 3) for name, value in bars.items()},
        "met": {name: measured[name] <= bars[name] for name in BARS},
    }


def while_learning(page: Page, address: str, steps: int, times: int) -> dict[str, object]:
    """Return the first preview's seconds while a style is learnt, beside the seconds of a step of that."""
    settings = {"style_images": "pack:openmoji", "aux_images": "pack:openmoji", "steps": steps, "sample_every": 0}
    asked = {"method": "styleforge", "title": "learnt", "settings": settings}
    name = page.evaluate("async (asked) => (await (await import('/static/api.js')).post('/teach', asked)).id", asked)
    state = "async (name) => (await (await import('/static/api.js')).get('/jobs')).find((job) => job.id === name)"
    while (job := page.evaluate(state, name))["step"] < 5:
        if job["state"] in {"failed", "done"}:
            raise SystemExit(f"the training could not be watched: {job['state']} {job['message']}")
        time.sleep(0.5)
    ready(page, address)
    taken = [click_to_pictures(page)[0] for _ in range(times)]
    page.evaluate("async (name) => (await import('/static/api.js')).post(`/jobs/${name}/cancel`)", name)
    return {"steps": steps, "first_preview_seconds": round(statistics.median(taken), 3), "of": times, "job": name}


def idle(pid: int) -> dict[str, object]:
    """Return the share of a core that server and painter take when nothing goes on."""
    pids = family(pid)
    before = processor_seconds(pids)
    time.sleep(IDLE_SECONDS)
    share = (processor_seconds(pids) - before) / IDLE_SECONDS
    return {"seconds": IDLE_SECONDS, "share_of_a_core": round(share, 4), "met": share <= MOST_IDLE_SHARE}


def memory(page: Page, pid: int) -> dict[str, object]:
    """Return the memory of server and painter before and after many drawings."""
    page.get_by_label("Steps").first.evaluate("(field) => { field.closest('details').open = true }")
    page.get_by_label("Steps", exact=True).fill("3")
    for _ in range(5):
        click_to_pictures(page, 1)
    before = memory_mib(family(pid))
    for _ in range(JOBS):
        click_to_pictures(page, 1)
    time.sleep(2)
    after = memory_mib(family(pid))
    met = after - before <= MORE_MEMORY_MIB
    return {"jobs": JOBS, "mib_before": round(before), "mib_after": round(after), "met": met}


def many_drawings(workspace: Path) -> None:
    """Write drawings with 500 pictures in all into a workspace that is not served."""
    source = pictures_of("pack:openmoji/1", "style", "pack")[0]
    for number in range(PICTURES // 4):
        folder = workspace / "jobs" / f"20200101-0000{number:02d}-{number:03d}-0000"
        names = [f"picture-{index}.png" for index in range(4)]
        (folder / "pictures").mkdir(parents=True)
        for name in names:
            shutil.copyfile(source, folder / "pictures" / name)
        form = {"prompt": [PROMPT], "num_images": 4, "seed": number}
        spec = {"kind": "generate", "title": PROMPT, "command": ["generate"], "settings": form, "form": form}
        write_text(folder / "job.json", json.dumps(spec | {"created": "2020-01-01T00:00:00+00:00"}))
        write_text(folder / "outcome.json", '{"code": 0, "message": ""}\n')
        events = [{"event": "Generated", "path": f"pictures/{name}", "prompt": PROMPT, "seed": 0} for name in names]
        write_text(folder / "events.jsonl", "".join(json.dumps(event) + "\n" for event in events))


def many_thumbnails(workspace: Path) -> None:
    """Write a set of 500 pictures into a workspace."""
    source = pictures_of("pack:openmoji/1", "style", "pack")[0]
    folder = workspace / "sets" / "many"
    folder.mkdir(parents=True)
    for index in range(PICTURES):
        shutil.copyfile(source, folder / f"picture-{index:03d}.png")


def scrolling(page: Page, address: str) -> dict[str, object]:
    """Return the longest task while 500 pictures go by, on the screen that draws and on the one that teaches."""
    ready(page, address)
    until(page, f"document.querySelectorAll('button.picture').length >= {PICTURES}")
    drawn = page.evaluate(SCROLL)
    page.goto(f"{address}/#/teach")
    page.get_by_role("button", name="many").click()
    until(page, f"document.querySelectorAll('.thumb').length >= {PICTURES}")
    shown = page.evaluate(SCROLL)
    longest = {"drawings": round(drawn / 1000, 3), "thumbnails": round(shown / 1000, 3)}
    return {"pictures": PICTURES, "longest_task_seconds": longest, "met": max(longest.values()) <= MOST_STALL}


def measured(page: Page, workspace: Path, times: int, taught: int) -> dict[str, Any]:
    """Return all measurements."""
    found: dict[str, Any] = {}
    with served(workspace) as (address, pid):
        ready(page, address)
        found["drawing"] = drawing(page, times)
        page.goto("about:blank")
        found["idle"] = idle(pid)
        ready(page, address)
        found["memory"] = memory(page, pid)
        if taught:
            found["while_learning"] = while_learning(page, address, taught, times)
    many_drawings(workspace)
    many_thumbnails(workspace)
    with served(workspace) as (address, _):
        found["scrolling"] = scrolling(page, address)
    return found


def main() -> None:
    """Measure and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5, help="drawings whose median is taken")
    parser.add_argument("--taught", type=int, default=60, help="steps of the training that is drawn beside; 0 is none")
    given = parser.parse_args()
    assets = sum(path.stat().st_size for path in STATIC.rglob("*") if path.is_file())
    result: dict[str, Any] = {"question": (__doc__ or "").splitlines()[0]}
    result["assets"] = {"bytes": assets, "met": assets <= MOST_ASSET_BYTES}
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        result["browser"] = f"Chromium {browser.version}"
        page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        page.set_default_timeout(30_000)
        result |= measured(page, Path(folder) / "workspace", given.times, given.taught)
        browser.close()
    print(json.dumps(result, indent=2))
    print(save_result("studio-speed", result))


if __name__ == "__main__":
    main()
