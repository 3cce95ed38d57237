"""One call for all stages: what is said before and after, and that a rehearsal leaves the real state alone."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from pretraining import run
from pretraining.run import PRESETS, REHEARSAL, plan, reached


def test_minutes_of_a_preset_are_those_of_its_stages() -> None:
    *stages, whole = plan(PRESETS["cpu"])
    assert len(stages) == len(PRESETS["cpu"])
    assert float(whole.split()[1]) == sum(length.minutes for length in PRESETS["cpu"])
    assert sum(length.minutes for length in PRESETS["gpu"]) == 15


def test_what_a_stage_reached_is_its_last_line(tmp_path: Path) -> None:
    (tmp_path / "towers-log.jsonl").write_text('{"step": 1, "loss": 5.0}\n{"step": 2, "loss": 1.0}\n')
    (tmp_path / "judge").mkdir()
    (tmp_path / "judge/counters.json").write_text(json.dumps({"step": 7}))
    assert reached("towers", tmp_path).split(maxsplit=1) == ["towers", "step 2, loss 1.0"]
    assert reached("judge", tmp_path).split(maxsplit=1) == ["judge", "step 7"]
    assert reached("decoder", tmp_path).split(maxsplit=1) == ["decoder", "not trained"]


def commands(monkeypatch: pytest.MonkeyPatch, *options: str) -> list[tuple[list[str], str]]:
    """Return what would be run, with the folder of its stages."""
    called = []

    def remember(command: list[str], *, check: bool, env: dict[str, str]) -> SimpleNamespace:
        called.append((command[2:], env["POCKET_STAGES"]))
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(subprocess, "run", remember)
    monkeypatch.setattr("sys.argv", ["run", *options])
    run.main()
    return called


@pytest.mark.parametrize("preset", PRESETS)
def test_a_rehearsal_trains_a_few_steps_on_the_cpu_elsewhere(preset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsed = commands(monkeypatch, "--preset", preset, "--rehearse")
    assert [command[0] for command, _ in rehearsed] == [f"pretraining.{length.stage}" for length in PRESETS[preset]]
    for command, stages in rehearsed:
        assert stages == str(REHEARSAL)
        last = {name: command[len(command) - command[::-1].index(name)] for name in ("--steps", "--batch", "--device")}
        assert last == {"--steps": "3", "--batch": "4", "--device": "cpu"}  # the last one counts


def test_all_is_run_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = [command for command, _ in commands(monkeypatch, "--preset", "gpu")]
    names = [command[0] for command in ran]
    assert names[0] == "pretraining.data.fetch"
    assert names[-2:] == ["pretraining.package", "pretraining.evaluate"]
    assert names.index("pretraining.autoencoder") < names.index("pretraining.denoiser")
    assert all("cuda" in command for command in ran if "--minutes" in command)


def test_a_stage_that_fails_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=3))
    with pytest.raises(SystemExit, match=r"pretraining\.towers failed \(3\)"):
        run.run("pretraining.towers")


def test_stages_can_be_elsewhere() -> None:
    code = "from pretraining.checkpoint import STAGES; print(STAGES)"
    finished = subprocess.run(
        [sys.executable, "-c", code],
        env={"POCKET_STAGES": "elsewhere", "PYTHONPATH": ":".join(sys.path)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert finished.stdout.strip() == "elsewhere"
