"""A training says after its first steps what it really takes."""

import json
from pathlib import Path

import pytest

from impasto.cli.main import main


def test_line_log_and_facts_hold_expected_and_measured(
    tmp_path: Path,
    tiny_folders,
    style_images: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    paths = f"--base {tiny_folders['sdxl']} --style-images {style_images} --out a.safetensors --run-dir run"
    flags = "--learn lora --rank 2 --steps 8 --sample-every 3 --device cpu --cache none"
    assert main(["train", "styleforge", *paths.split(), *flags.split()]) == 0
    printed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("measured  ")]
    assert len(printed) == 1
    assert " s a step (expected " in printed[0]
    assert "; peak " in printed[0]

    rows = [json.loads(line) for line in Path("run/events.jsonl").read_text("utf-8").splitlines()]
    (told,) = (row for row in rows if row["event"] == "Corrected")
    assert told["step"] == 6
    assert told["left"] == pytest.approx(2 * told["seconds"])
    facts = json.loads(Path("run/run.json").read_text("utf-8"))
    assert facts["expected"] == {"seconds_a_step": told["expected_seconds"], "peak_bytes": told["expected_peak"]}
    assert facts["measured"] == {"seconds_a_step": told["seconds"], "peak_bytes": told["peak"]}
    assert facts["outcome"] == "complete"
