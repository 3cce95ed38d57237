"""The studio in a real Chromium on pocket: drop, teach, reload, kill, draw, slide, download.

Run by `make browser`; skipped by name on a machine without Chromium.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from impasto.data.packs import pictures_of

sync_api = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(900),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
]
STEPS = os.environ.get("IMPASTO_BROWSER_STEPS", "30")
SCREENS = ["draw", "teach", "reference", "mix", "compare", "styles", "queue"]


class Server:
    """`impasto studio` as a process."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self.address = ""
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "impasto", "studio", "--port", "0", "--no-browser", "--workspace"]
        self.process = subprocess.Popen([*command, str(self.workspace)], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().split()[-1].rstrip("/")

    def stop(self, how: int = signal.SIGTERM) -> None:
        self.process.send_signal(how)
        self.process.wait(60)
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("browser") / "workspace")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def tab(browser: Any) -> Iterator[Any]:
    """A tab; whatever the page complains about fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    opened = context.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("request", lambda request: problems.extend([request.url] if "//127.0.0.1:" not in request.url else []))
    opened.set_default_timeout(240_000)
    yield opened
    context.close()
    assert [each for each in problems if not each.startswith(("data:", "blob:"))] == []


def count(tab: Any, selector: str, number: int) -> None:
    """Wait until there are so many."""
    sync_api.expect(tab.locator(selector)).to_have_count(number, timeout=300_000)


def test_from_pictures_to_a_picture_in_their_style(tab: Any, browser: Any, server: Server, tmp_path: Path) -> None:
    tab.goto(f"{server.address}/#/teach")
    pictures = [str(path) for path in pictures_of("pack:openmoji/6", "style", "pack")]
    tab.locator(".dropzone input").first.set_input_files(pictures)
    count(tab, ".thumb", 6)
    first = tab.locator(".thumb textarea").first
    first.click()
    sync_api.expect(first).not_to_have_value("")  # what is suggested, to be changed or taken
    tab.get_by_role("button", name="Take 6 suggested captions").click()
    count(tab, ".thumb.no-caption", 0)
    tab.get_by_label("What to call it").fill("six")
    tab.get_by_label("Steps", exact=True).fill(STEPS)
    tab.get_by_role("button", name="Begin").click()
    tab.wait_for_url("**/#/teach/2*")

    tab.reload()
    tab.wait_for_selector(".strip >> visible=true")
    other = browser.new_page()
    other.goto(tab.url)
    other.wait_for_selector(".strip >> visible=true", timeout=240_000)
    other.close()

    far = re.compile("step ([3-9]|[12][0-9]) of")
    sync_api.expect(tab.locator(".screen-head .meter")).to_have_attribute("aria-label", far, timeout=300_000)
    server.stop(signal.SIGKILL)
    server.start()
    tab.goto(f"{server.address}/#/styles")
    tab.wait_for_selector(".tile")
    tab.goto(f"{server.address}/#/draw")
    tab.get_by_label("Add a style").select_option("six.safetensors")
    tab.get_by_label("What to draw").fill("a fox on a green background")
    tab.get_by_role("button", name="2", exact=True).click()
    tab.get_by_role("button", name="Draw", exact=True).click()
    tab.wait_for_selector(".emerging", state="attached")
    count(tab, "button.picture img", 2)
    slider = tab.get_by_label("strength: strength")
    slider.focus()
    for _ in range(4):
        slider.press("ArrowLeft")
    tab.get_by_role("button", name="Draw", exact=True).click()
    count(tab, "button.picture img", 4)
    assert "six at 0.8" in tab.locator(".drawing").first.inner_text()
    tab.locator("button.picture").first.click()
    with tab.expect_download() as downloading:
        tab.get_by_role("link", name="Download").click()
    downloading.value.save_as(tmp_path / "fox.png")
    assert (tmp_path / "fox.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_control_has_a_name_and_nothing_overflows(tab: Any, server: Server, theme: str) -> None:
    """What a screen reader says of each screen; and no screen scrolls sideways, on a phone neither."""
    tab.emulate_media(color_scheme=theme)
    for name in SCREENS:
        for width in (1024, 390):
            tab.set_viewport_size({"width": width, "height": 800})
            tab.goto(f"{server.address}/#/{name}")
            tab.wait_for_selector("#screen > *")
            unnamed = tab.evaluate(
                """() => [...document.querySelectorAll('button, a[href], input, select, textarea')].filter((node) => {
                    if (node.checkVisibility && !node.checkVisibility()) return false;
                    const labels = node.labels ? [...node.labels].map((label) => label.textContent).join('') : '';
                    return !(node.getAttribute('aria-label') || labels || node.textContent || node.title).trim();
                }).map((node) => node.outerHTML.slice(0, 120))"""
            )
            assert unnamed == [], name
            wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert tab.evaluate(wide) <= 0, (name, width)


def test_axe_finds_nothing_serious(tab: Any, server: Server) -> None:
    script = os.environ.get("IMPASTO_AXE", "")
    if not Path(script).is_file():
        pytest.skip("axe-core is not there: set IMPASTO_AXE to its axe.min.js")
    for name in SCREENS:
        tab.goto(f"{server.address}/#/{name}")
        tab.wait_for_selector("#screen > *")
        tab.evaluate(Path(script).read_text("utf-8"))
        found = tab.evaluate("axe.run()")["violations"]
        serious = [each for each in found if each["impact"] in {"serious", "critical"}]
        told = [f"{each['id']}: {node['html'][:160]}" for each in serious for node in each["nodes"][:3]]
        assert told == [], name


def test_five_hundred_pictures_scroll_without_stalling(tab: Any, server: Server) -> None:
    source = pictures_of("pack:openmoji/1", "style", "pack")[0].read_bytes()
    folder = server.workspace / "sets" / "many"
    folder.mkdir(parents=True)
    for index in range(500):
        (folder / f"picture-{index:03d}.png").write_bytes(source)
    tab.goto(f"{server.address}/#/teach")
    tab.get_by_role("button", name="many").click()
    count(tab, ".thumb", 500)
    longest = tab.evaluate(
        """async () => {
            let longest = 0;
            const took = (list) => list.getEntries().forEach((each) => { longest = Math.max(longest, each.duration); });
            const watch = new PerformanceObserver(took);
            watch.observe({ entryTypes: ['longtask'] });
            for (let at = 0; at < document.body.scrollHeight; at += 600) {
                window.scrollTo(0, at);
                await new Promise((then) => setTimeout(then, 16));
            }
            return longest;
        }"""
    )
    shutil.rmtree(folder)
    assert longest < 200 * float(os.environ.get("IMPASTO_SLOWNESS", "1")), longest


def test_assets_are_small() -> None:
    from impasto.studio.app import STATIC

    assert sum(path.stat().st_size for path in STATIC.rglob("*") if path.is_file()) <= 300_000


def test_it_is_quiet_when_nothing_goes_on(server: Server) -> None:
    """At most one percent of a core, over ten seconds; what a page left behind may still be drawn before that."""
    if not Path("/proc").is_dir():
        pytest.skip("needs /proc")

    def ticks() -> int:
        fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    taken = []
    for _ in range(3):
        before = ticks()
        time.sleep(10)
        taken.append((ticks() - before) / os.sysconf("SC_CLK_TCK"))
        if taken[-1] <= 0.1:
            return
    pytest.fail(f"seconds of a core in ten: {taken}")
