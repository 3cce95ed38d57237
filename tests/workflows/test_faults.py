"""Small versions of `benchmarks/faults.py` and `benchmarks/fuzz.py`: the same code, a few cases."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.faults import measure
from benchmarks.fuzz import Watch, judge
from benchmarks.fuzz_targets import TARGETS, Prepared, prepare


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
@pytest.mark.timeout(900)  # a score of short processes: seconds alone, minutes on a busy machine
def test_six_killed_runs_go_on(tmp_path: Path) -> None:
    found = measure(6, 5, tmp_path, variants=(0,))
    assert found["failures"] == []
    assert found["deaths"] >= 4
    assert found["steps_lost_most"] <= found["checkpoint_every"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    with prepare(tmp_path_factory.mktemp("fuzz")) as files:
        yield files


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_damaged_files_are_refused_in_one_line(
    prepared: Prepared, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(prepared.folder)
    watch, refused = Watch(prepared.folder), 0
    for case in range(30):
        read = TARGETS[target](prepared, random.Random(f"test {target} {case}"))
        outcome, details = judge(read, watch)
        assert outcome != "failure", f"case {case}: {details}"
        refused += outcome == "refused"
    assert refused >= 8


def test_the_watch_sees_what_it_must(prepared: Prepared, tmp_path: Path) -> None:
    watch = Watch(prepared.folder)
    assert judge(lambda: (tmp_path / "outside").touch(), watch)[0] == "failure"
    assert judge(lambda: (prepared.folder / ".." / "outside").touch(), watch)[0] == "failure"
    assert judge(lambda: [os.system("true")].clear(), watch)[0] == "failure"
    assert judge(lambda: (prepared.folder / "inside").touch(), watch) == ("accepted", "")
    assert judge(lambda: int("x") and None, watch)[0] == "failure"
