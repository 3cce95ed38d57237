"""Several at once: what was done stays done when a worker dies, and errors of the user are told in one line."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from impasto.comparison.executors import in_processes, on_ray, serial
from impasto.core.errors import PluginError
from small_trials import Trial, note, note_slowly, trials


def test_no_work_is_lost_when_a_worker_dies(tmp_path: Path) -> None:
    done = dict(in_processes_by_label(trials(tmp_path, 4)))
    assert done == {"key 0": "", "key 1": "one line", "key 2": "", "key 3": ""}
    assert [trial.file.is_file() for trial in trials(tmp_path, 4)] == [True, False, True, True]


def test_who_leaves_early_waits_for_no_trial_that_has_not_begun(tmp_path: Path) -> None:
    given = trials(tmp_path, 8)
    with closing(in_processes(given, note_slowly, 1)) as ends:
        assert next(ends) == (given[0], "")
    assert not given[-1].file.is_file()


def in_processes_by_label(given: Sequence[Trial]) -> list[tuple[str, str]]:
    return [(trial.key, told) for trial, told in in_processes(given, note, 2)]


def test_ray_gives_them_too_or_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tests = Path(__file__).parents[1]
    monkeypatch.setenv("PYTHONPATH", f"{tests}:{tests.parent / 'src'}")  # of Ray's workers
    try:
        import ray  # noqa: F401
    except ImportError:
        with pytest.raises(PluginError, match=r"needs ray, which is not installed: pip install 'impasto\[scale\]'"):
            list(on_ray(trials(tmp_path, 1), note, 2))
        return
    assert sorted((trial.key, told) for trial, told in on_ray(trials(tmp_path, 4), note, 2)) == [
        ("key 0", ""),
        ("key 1", "one line"),
        ("key 2", ""),
        ("key 3", ""),
    ]


def test_serial_runs_in_order(tmp_path: Path) -> None:
    order = [trial.index for trial, _ in serial([each for each in trials(tmp_path, 4) if each.index != 2], note)]
    assert order == [0, 1, 3]
