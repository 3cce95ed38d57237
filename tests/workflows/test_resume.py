"""Interrupting, steering and going on, through the command line, on a tiny SDXL base."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from impasto.cli.main import main
from impasto.core.digest import digest_of_json
from impasto.core.errors import ResourceError
from impasto.core.events import Event, TrainStep
from impasto.core.former_names import OPTIONS
from impasto.core.lock import FolderLock, is_locked
from impasto.style.file import load_style
from impasto.training import runner as train_run
from impasto.training.control_files import Steering
from impasto.training.resources import disk as train_disk
from impasto.training.run_folder import RunFolder

LORA = ("--learn", "lora", "--rank", "2", "--learning-rate", "1e-2", "--sample-every", "0", "--no-learn-text")
Go = Callable[..., tuple[int, str, str]]
After = Callable[[int, Callable[[], object]], None]


@pytest.fixture
def go(
    tmp_path: Path,
    style_images: Path,
    tiny_folders: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Go:
    """Train four steps in an empty folder; returns exit code, output and errors. Later flags win."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    common = ("train", "styleforge", "--base", tiny_folders["sdxl"], "--style-images", "style-pictures", *LORA)

    def command(*flags: object) -> tuple[int, str, str]:
        own = ("--out", "fox.safetensors", "--overwrite", "--run-dir", "run", "--steps", 4)
        code = main([str(each) for each in (*common, *own, *flags)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return command


@pytest.fixture
def after(monkeypatch: pytest.MonkeyPatch) -> After:
    """Do something as soon as a step is logged."""
    log = RunFolder.log

    def arrange(step: int, act: Callable[[], object]) -> None:
        def noting(self: RunFolder, event: Event) -> None:
            log(self, event)
            if isinstance(event, TrainStep) and event.step == step:
                act()

        monkeypatch.setattr(RunFolder, "log", noting)

    return arrange


def refused(told: tuple[int, str, str]) -> str:
    code, _, error = told
    assert code == 2
    assert re.fullmatch(r"impasto: [^\n]+\n", error), error
    return error


def steps_logged(folder: Path) -> list[int]:
    rows = [json.loads(line) for line in (folder / "run/events.jsonl").read_text("utf-8").splitlines()]
    return [row["step"] for row in rows if row["event"] == "TrainStep"]


@pytest.fixture
def stopped(go: Go, after: After, tmp_path: Path) -> None:
    """A run of four steps that was stopped after the second one."""
    after(2, (tmp_path / "run/stop").touch)
    code, out, _ = go()
    assert code == 0
    assert "stopped after step 2: to go on, give the same command with --resume --run-dir run" in out
    assert load_style(tmp_path / "fox.safetensors").card.steps == 2


# Going on


def test_goes_on_and_is_finished(go: Go, stopped: None, tmp_path: Path) -> None:
    assert not (tmp_path / "run/stop").exists()
    (tmp_path / "run/checkpoints/.step-000000003.1.part").mkdir()
    (tmp_path / "run/checkpoints/.step-000000003.1.part/state.safetensors").write_bytes(b"half")
    (tmp_path / ".fox.safetensors.1.part").write_bytes(b"half")
    code, out, _ = go("--resume")
    assert (code, steps_logged(tmp_path)) == (0, [1, 2, 3, 4])
    assert "goes on after step 2" in out
    facts = json.loads((tmp_path / "run/run.json").read_text("utf-8"))
    assert (facts["outcome"], facts["resumed"][0]["after_step"]) == ("complete", 2)
    assert load_style(tmp_path / "fox.safetensors").card.is_complete
    assert not list(tmp_path.rglob("*.part"))
    assert not (tmp_path / "run/checkpoints").exists()
    told = refused(go("--resume"))
    assert "the run in run is finished after 4 steps: give more --steps, or another --run-dir" in told
    assert "is finished after 4 steps and kept no checkpoint of its end" in refused(go("--resume", "--steps", 9))


def test_a_run_folder_of_an_earlier_version_is_gone_on_with(go: Go, stopped: None, tmp_path: Path) -> None:
    (tmp_path / "run/checkpoints").rename(tmp_path / "run/bundles")
    (facts,) = tmp_path.glob("run/bundles/*/checkpoint.json")
    body = json.loads(facts.read_text("utf-8"))
    del body["digest"]
    former = {present: name for name, present in OPTIONS.items()}
    saved = body["facts"]["identity"]
    assert set(former) <= set(saved)
    del saved["lr_warmup"]  # an option that came later
    body["facts"]["identity"] = {former.get(name, name): value for name, value in saved.items()}
    facts.with_name("bundle.json").write_text(json.dumps(body | {"digest": digest_of_json(body)}), "utf-8")
    facts.unlink()
    code, out, _ = go("--resume")
    assert (code, steps_logged(tmp_path)) == (0, [1, 2, 3, 4])
    assert "run was written by an earlier version: " in out
    assert "pairs is batch_size now" in out


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--learning-rate", "0.02"], "learning_rate was 0.01 in run and is 0.02 now: give what was saved"),
        (["--rank", "4"], "rank was 2 in run and is 4 now"),
        (["--identifier", "qqx"], "identifier was 'zwx' in run and is 'qqx' now"),
        (["--captions"], "captions was False in run and is True now"),
        (["--seed", "1"], "seed was 0 in run and is 1 now"),
        (["--steps", "1"], "steps = 1, but run has done 2 already: give at least 2"),
        (["--aux-images", "style-pictures"], "aux pictures was nothing in run and is a list of 4 with "),
        (["--run-dir", "none"], "--run-dir none holds no run: leave out --resume to begin one there"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_another_run_is_refused_before_the_base_is_loaded(
    go: Go, stopped: None, monkeypatch: pytest.MonkeyPatch, flags: list[str], told: str
) -> None:
    monkeypatch.delattr("impasto.training.train.open_base")
    assert told in refused(go("--resume", *flags))


def test_other_pictures_are_refused(go: Go, stopped: None, tmp_path: Path) -> None:
    Image.new("RGB", (40, 40)).save(tmp_path / "style-pictures/2.png")
    told = refused(go("--resume"))
    which = r"a list of 4 with [0-9a-f]{16} as number 3"
    assert re.search(rf"style pictures was {which} in run and is {which} now", told)


def test_other_weights_are_refused(go: Go, stopped: None, tmp_path: Path, tiny_folders: dict[str, Path]) -> None:
    (tmp_path / "sdxl").symlink_to(tiny_folders["sdxl-v"])
    told = refused(go("--resume", "--base", "sdxl"))
    assert re.search(r"the base's fingerprint was \w+/\w+ in run and is \w+/\w+ now: give the base that it began", told)


def test_another_length_is_refused_when_rates_depend_on_it(go: Go, after: After, tmp_path: Path) -> None:
    after(2, (tmp_path / "run/stop").touch)
    go("--lr-schedule", "cosine")
    told = refused(go("--lr-schedule", "cosine", "--resume", "--steps", 9))
    assert "steps was 4 in run and is 9 now: with --lr-schedule cosine every rate depends on it" in told


def test_resume_needs_a_folder(go: Go, tiny_folders: dict[str, Path]) -> None:
    flags = ("--base", tiny_folders["sdxl"], "--style-images", "style-pictures", "--out", "x.safetensors", "--resume")
    assert main(["train", "styleforge", *map(str, flags)]) == 2


def test_killed_before_the_first_checkpoint_begins_again(go: Go, after: After, tmp_path: Path) -> None:
    def kill() -> None:
        raise KeyboardInterrupt

    after(2, kill)
    assert go()[0] == 130
    after(9, kill)
    code, out, _ = go("--resume")
    assert (code, steps_logged(tmp_path)) == (0, [1, 2, 3, 4])
    assert "begins at step 1 again" in out


@pytest.mark.parametrize("name", ["run/run.json", "run/checkpoints/step-000000002/checkpoint.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"{}"])
def test_damaged_files_of_a_run(go: Go, stopped: None, tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    told = go("--resume")
    if name.endswith("run.json") and content == b"{}":
        assert told[0] == 0  # the checkpoint has it all
    else:
        assert "begin" in refused(told)
    assert not is_locked(tmp_path / "run")


def test_a_style_file_is_not_needed_to_go_on(go: Go, stopped: None, tmp_path: Path) -> None:
    (tmp_path / "fox.safetensors").unlink()
    assert go("--resume", "--out", "owl.safetensors")[0] == 0
    assert load_style(tmp_path / "owl.safetensors").card.is_complete


# Steering


def test_draw_now(go: Go, after: After, tmp_path: Path) -> None:
    after(2, (tmp_path / "run/draw").touch)
    assert go("--sample-prompts", "a fox")[0] == 0
    assert [path.name for path in (tmp_path / "run/samples").iterdir()] == ["step-000002.png"]
    assert not (tmp_path / "run/draw").exists()


def test_draw_without_prompts_says_so(go: Go, after: After, tmp_path: Path) -> None:
    after(2, (tmp_path / "run/draw").touch)
    (tmp_path / "none.toml").write_text("sample_prompts = []")
    assert "samples were asked for, but --sample-prompts is empty" in go("--config", "none.toml")[1]


def test_a_verdict_that_cannot_be_told_costs_no_style(go: Go, after: After, tmp_path: Path) -> None:
    after(2, (tmp_path / "run/stop").touch)
    assert go("--sample-every", 1, "--sample-prompts", "a fox")[0] == 0
    pictures = tmp_path / "style-pictures"
    after(3, lambda: shutil.copy(pictures / "1.png", pictures / "0.png"))
    code, out, _ = go("--resume", "--sample-prompts", "a fox")
    assert code == 0
    assert "no verdict: style-pictures/0.png was changed or removed since it was checked" in out
    assert load_style(tmp_path / "fox.safetensors").card.is_complete


@pytest.mark.parametrize("how", ["remove", "resume", "stop"])
def test_pause(go: Go, after: After, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    run, waited = tmp_path / "run", []

    def wait(self: Steering) -> None:
        waited.append(sorted(path.name for path in (run / "checkpoints").iterdir()))
        if len(waited) == 2:
            (run / "pause").unlink() if how == "remove" else (run / how).touch()

    monkeypatch.setattr(Steering, "wait", wait)
    after(2, (run / "pause").touch)
    code, out, _ = go()
    assert waited == [["step-000000002"]] * 2
    assert "paused after step 2: remove run/pause, or make run/resume, to go on" in out
    assert (code, steps_logged(tmp_path)) == (0, [1, 2] if how == "stop" else [1, 2, 3, 4])
    assert not (run / "resume").exists()
    assert (run / "pause").exists() == (how == "stop")


# Hard to break


def test_two_runs_in_one_folder(go: Go, stopped: None, tmp_path: Path) -> None:
    lock = FolderLock(tmp_path / "run")
    told = refused(go("--resume"))
    assert f"--run-dir run is in use by another run (process {os.getpid()}" in told
    lock.release()
    lock = FolderLock(tmp_path / "new")
    assert "--run-dir new is in use by another run" in refused(go("--run-dir", "new"))
    lock.release()
    assert "--run-dir run holds a run already: choose another folder, remove that one, or go on" in refused(go())


def test_low_disk_is_found_before_step_one(go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_disk.TrainState, "size", lambda self: 2**60)
    told = refused(go())
    assert re.search(r"the disk of run has .* free, samples and checkpoints may need 2147483648\.1 GiB", told)
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_that_does_not_fit_stops_nobody(go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, written = train_run.write_checkpoint, []

    def full(root: Path, step: int, *rest: object) -> Path:
        if step == 2:
            raise ResourceError("cannot write checkpoint: no space left on the disk")
        written.append(step)
        return write(root, step, *rest)

    monkeypatch.setattr(train_run, "write_checkpoint", full)
    code, out, _ = go("--checkpoint-every", 1)
    assert (code, written) == (0, [1, 3, 4])
    assert "no checkpoint of step 2: cannot write checkpoint: no space left on the disk" in out


def test_logs_hold_no_path_of_this_machine(go: Go, tmp_path: Path, style_images: Path) -> None:
    flags = ("--style-images", style_images, "--out", tmp_path / "fox.safetensors", "--run-dir", tmp_path / "run")
    assert go(*flags, "--checkpoint-every", 2)[0] == 0
    for path in (tmp_path / "run").rglob("*"):
        if path.is_file() and path.suffix in {".json", ".jsonl"}:
            text = path.read_text("utf-8")
            assert str(tmp_path) not in text
            assert str(Path.home()) + "/" not in text
            assert '"/' not in text, path


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_sigterm_writes_a_checkpoint(tmp_path: Path, style_images: Path, tiny_folders: dict[str, Path]) -> None:
    flags = ("--base", tiny_folders["sdxl"], "--style-images", "style-pictures", *LORA)
    own = ("--out", "fox.safetensors", "--run-dir", "run", "--steps", "100000")
    command = [sys.executable, "-m", "impasto", "train", "styleforge", *map(str, flags), *own]
    log = tmp_path / "run/events.jsonl"
    with subprocess.Popen(
        command, cwd=tmp_path, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            while not (log.is_file() and log.read_text("utf-8").count('"TrainStep"') > 1):
                assert process.poll() is None, process.communicate()
                time.sleep(0.02)
            process.send_signal(signal.SIGTERM)
            out, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert b"to go on, give the same command with --resume --run-dir run" in b" ".join(out.split())
    (checkpoint,) = (tmp_path / "run/checkpoints").iterdir()
    assert load_style(tmp_path / "fox.safetensors").card.steps == int(checkpoint.name.removeprefix("step-"))
