"""What a job does follows from its folder: the table in `jobs.py`, line by line."""

import threading
from pathlib import Path

import pytest

from impasto.core.lock import FolderLock, is_locked
from impasto.studio.queue.jobs import (
    RUN,
    Spec,
    State,
    Wish,
    note_start,
    read_outcome,
    state_of,
    wish,
    wish_of,
    write_spec,
)
from impasto.studio.queue.process import computing, write_outcome
from impasto.training.control_files import GIVE_WAY, Steering


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "job"
    made.mkdir()
    write_spec(made, Spec("train", "fox", ("train",)))
    return made


@pytest.mark.parametrize(("asked", "state"), [(None, State.RUNNING), *((each, State.STOPPING) for each in Wish)])
def test_a_held_lock_is_a_process(folder: Path, asked: Wish | None, state: State) -> None:
    write_outcome(folder, 0)  # of an earlier life: the lock says more
    wish(folder, asked)
    lock = FolderLock(folder)
    assert state_of(folder) is state
    lock.release()
    assert state_of(folder) is not state


@pytest.mark.parametrize(
    ("code", "asked", "state"),
    [
        (0, None, State.DONE),
        (0, Wish.PAUSED, State.DONE),
        (2, None, State.FAILED),
        (2, Wish.CANCELLED, State.CANCELLED),
        (130, None, State.WAITING),
        (130, Wish.PAUSED, State.PAUSED),
        (130, Wish.KEPT, State.KEPT),
        (None, None, State.WAITING),
        (None, Wish.PAUSED, State.PAUSED),
        (None, Wish.CANCELLED, State.CANCELLED),
    ],
)
def test_without_a_process_the_files_decide(folder: Path, code: int | None, asked: Wish | None, state: State) -> None:
    if code is not None:
        write_outcome(folder, code, "why")
    wish(folder, asked)
    assert state_of(folder) is state


def test_nothing_says_stopping_for_ever(folder: Path) -> None:
    """The machine went down while a training was to be stopped and kept: it goes on, to stop and keep."""
    note_start(folder)
    wish(folder, Wish.KEPT)
    lock = FolderLock(folder)
    assert state_of(folder) is State.STOPPING
    lock.release()
    assert state_of(folder) is State.WAITING


def test_what_never_gets_further_has_failed(folder: Path) -> None:
    for _ in range(4):
        note_start(folder)
        assert state_of(folder) is State.WAITING
    note_start(folder)
    assert state_of(folder) is State.FAILED
    (folder / RUN / "checkpoints" / "step-000000010").mkdir(parents=True)
    note_start(folder)
    assert state_of(folder) is State.WAITING, "it got to a checkpoint in the meantime"


def test_asking_takes_back_what_was_asked_before(folder: Path) -> None:
    wish(folder, Wish.PAUSED)
    wish(folder, Wish.KEPT)
    assert wish_of(folder) is Wish.KEPT
    wish(folder, None)
    assert wish_of(folder) is None


def test_an_outcome_is_of_one_life(folder: Path) -> None:
    write_outcome(folder, 2, "why")
    with computing(folder):
        assert is_locked(folder)
        assert read_outcome(folder) is None
    assert not is_locked(folder)


def test_a_training_waits_while_the_way_is_held_and_no_longer(tmp_path: Path) -> None:
    """The lock goes with the process that held it, so no training waits for a painter that died."""
    steering = Steering(tmp_path, lambda: False)
    steering.give_way()  # nobody holds it: no waiting
    lock = FolderLock(tmp_path / GIVE_WAY)
    waiting = threading.Thread(target=steering.give_way, daemon=True)
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    lock.release()
    waiting.join(5)
    assert not waiting.is_alive()


def test_a_training_that_is_to_stop_does_not_wait(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path / GIVE_WAY)
    Steering(tmp_path, lambda: True).give_way()
    lock.release()
