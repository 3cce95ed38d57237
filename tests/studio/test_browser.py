"""The studio in a real Chromium on pocket: drop, teach, reload, kill, pin, draw, slide, download, take home.

Run by `make browser`; skipped by name on a machine without Chromium, but never in CI.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from safetensors.torch import load_file
from tests.studio.furnished import COMPARED, LOST, furnish

from impasto.data.packs import pictures_of
from impasto.studio.queue.jobs import read_spec

sync_api = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(900),
    pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="no Chromium is installed"),
]
STEPS = os.environ.get("IMPASTO_BROWSER_STEPS", "30")
SCREENS = ["draw", "teach", "reference", "mix", "compare", "styles", "queue", f"teach/{LOST}", f"compare/{COMPARED}"]


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

    def kill_all(self, job: str) -> None:
        """End the server and the process of a training as a power cut would."""
        self.stop(signal.SIGKILL)
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if job.encode() in (process / "cmdline").read_bytes():
                    os.kill(int(process.name), signal.SIGKILL)

    def style(self, name: str) -> Path:
        """Return a style file."""
        return self.workspace / "styles" / name

    def stop(self, how: int = signal.SIGTERM) -> None:
        self.process.send_signal(how)
        self.process.wait(60)
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    workspace = tmp_path_factory.mktemp("browser") / "workspace"
    furnish(workspace)
    made = Server(workspace)
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


def undisturbed(server: Server, job: str, folder: Path) -> Path:
    """Return the style of the same training, done by its command line in one go."""
    command = list(read_spec(server.workspace / "jobs" / job).command)
    for option, path in (("--out", folder / "six.safetensors"), ("--run-dir", folder / "run")):
        command[command.index(option) + 1] = str(path)
    subprocess.run([sys.executable, "-m", "impasto", *command], check=True, stdout=subprocess.DEVNULL)
    return folder / "six.safetensors"


def teach(tab: Any, server: Server) -> str:
    """Drop pictures, take what is suggested, begin; returns the job."""
    tab.goto(f"{server.address}/#/teach")
    pictures = [str(path) for path in pictures_of("pack:openmoji/6", "style", "pack")]
    tab.locator(".dropzone input").first.set_input_files(pictures)
    count(tab, ".thumb", 6)
    suggested = tab.get_by_role("button", name="Take 6 suggested captions")
    suggested.wait_for()
    first = tab.locator(".thumb textarea").first
    first.click()
    sync_api.expect(first).not_to_have_value("")  # to be changed or taken
    suggested.click()
    count(tab, ".thumb.no-caption", 0)
    tab.get_by_label("What to call it").fill("six")
    tab.get_by_label("Steps", exact=True).fill(STEPS)
    tab.get_by_text("More settings").click()
    tab.get_by_label("Sample every", exact=True).fill("10")
    tab.get_by_role("button", name="Begin").click()
    tab.wait_for_url("**/#/teach/2*")
    return str(tab.url.rpartition("/")[2])


def draw(tab: Any, server: Server) -> None:
    """Draw with the style, then at another strength."""
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


def test_from_pictures_to_a_picture_in_their_style(tab: Any, browser: Any, server: Server, tmp_path: Path) -> None:
    job = teach(tab, server)
    tab.reload()
    tab.wait_for_selector(".strip >> visible=true")
    other = browser.new_page()
    other.goto(tab.url)
    other.wait_for_selector(".strip >> visible=true", timeout=240_000)
    other.close()

    far = re.compile("step ([3-9]|[12][0-9]) of")
    sync_api.expect(tab.locator(".screen-head .meter")).to_have_attribute("aria-label", far, timeout=300_000)
    server.kill_all(job)
    server.start()
    tab.goto(f"{server.address}/#/teach/{job}")
    tab.get_by_role("button", name="Pin it above").click()
    tab.get_by_text(re.compile("Step [12]0, pinned")).wait_for()
    tab.get_by_role("button", name="Take the pin out").click()
    tab.wait_for_selector("text='Untrained'")
    tab.get_by_role("button", name="Draw now").click()  # while it learns, with the step that was kept last
    tab.wait_for_url("**/#/draw")
    tab.get_by_role("button", name=re.compile("Leave out six-[12]0")).click()

    tab.goto(f"{server.address}/#/styles")
    tab.get_by_role("article", name="six", exact=True).wait_for()
    assert server.style("six.safetensors").read_bytes() == undisturbed(server, job, tmp_path).read_bytes()
    draw(tab, server)
    tab.locator("button.picture").first.click()
    with tab.expect_download() as downloading:
        tab.get_by_role("link", name="Download").click()
    downloading.value.save_as(tmp_path / "fox.png")
    assert (tmp_path / "fox.png").read_bytes().startswith(b"\x89PNG")


def test_a_style_is_taken_home(tab: Any, server: Server, tmp_path: Path) -> None:
    """In the dialog that the library opens."""
    if not server.style("six.safetensors").exists():
        pytest.skip("no style was taught before")
    tab.goto(f"{server.address}/#/styles")
    tab.get_by_role("article", name="six", exact=True).get_by_role("button", name="Export").click()
    with tab.expect_download() as downloading:
        tab.get_by_role("dialog").get_by_role("button", name="kohya, A1111, Forge").click()
    assert downloading.value.suggested_filename == "six-kohya.safetensors"
    downloading.value.save_as(tmp_path / "six.safetensors")
    assert any(name.endswith("lora_down.weight") for name in load_file(tmp_path / "six.safetensors"))


def test_a_strip_over_one_slider(tab: Any, server: Server) -> None:
    tab.goto(f"{server.address}/")
    wanted = {"reference": "pack:openmoji/style/butterfly.png", "prompt": "a castle", "more": {"steps": 4}}
    tab.evaluate("value => localStorage.setItem('impasto.reference', value)", json.dumps(wanted))
    tab.goto(f"{server.address}/#/reference")
    tab.get_by_role("button", name="Strip over Strength of the style (AdaIN)").click()
    strip = "article[aria-label='a castle, over Strength of the style (AdaIN)']"
    count(tab, f"{strip} button.picture img", 5)
    assert tab.locator(f"{strip} figcaption").all_inner_texts() == ["0", "0.25", "0.5", "0.75", "1"]


def test_a_training_that_loses_its_words_says_which_step_to_keep(tab: Any, server: Server) -> None:
    tab.goto(f"{server.address}/#/teach/{LOST}")
    tab.wait_for_selector("text='Words were lost from step 30 on.'")
    tab.get_by_role("button", name="Keep step 20").click()
    tab.wait_for_selector("text='Step 20 is a style of its own: lost-20.safetensors'")
    assert server.style("lost-20.safetensors").is_file()


def test_a_comparison_shows_what_each_method_drew(tab: Any, server: Server) -> None:
    tab.goto(f"{server.address}/#/compare/{COMPARED}")
    tab.get_by_text("Method × prompt").click()
    count(tab, ".method-sheet .picture img", 2)
    drawn = "() => [...document.querySelectorAll('.method-sheet img')].every((each) => each.naturalWidth === 128)"
    tab.wait_for_function(drawn)


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
    script = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text("utf-8")
    for name in SCREENS:
        tab.goto(f"{server.address}/#/{name}")
        tab.wait_for_selector("#screen > *")
        tab.evaluate(script)
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
