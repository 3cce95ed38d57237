"""One run in a folder at a time, and a killed one is no obstacle."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from impasto.core.errors import ResourceError, RunError
from impasto.core.lock import FolderLock

HOLD = "import sys, time; from pathlib import Path; from impasto.core.lock import FolderLock\n"
HOLD += "lock = FolderLock(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"


def test_second_lock_names_the_holder(tmp_path: Path) -> None:
    first = FolderLock(tmp_path / "run")
    with pytest.raises(RunError, match=rf"is in use by another run \(process {os.getpid()}, since 2\d\d\d-"):
        FolderLock(tmp_path / "run")
    first.release()
    first.release()
    FolderLock(tmp_path / "run").release()


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(RunError, match=rf"process {process.pid}"):
            FolderLock(tmp_path)
        process.send_signal(signal.SIGKILL)
        process.wait()
    FolderLock(tmp_path).release()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": "x"}', b"\xff" * 300])
def test_whatever_the_file_says(tmp_path: Path, content: bytes) -> None:
    lock = FolderLock(tmp_path)
    (tmp_path / ".lock").write_bytes(content)
    with pytest.raises(RunError, match="a process that has just begun"):
        FolderLock(tmp_path)
    lock.release()


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match=r"cannot write .*file/run: not a directory; name another --run-dir"):
        FolderLock(tmp_path / "file" / "run")


def test_a_full_disk_is_told_and_the_folder_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("impasto.core.lock.os.write", full)
        with pytest.raises(ResourceError, match="no space left on device; name another --run-dir"):
            FolderLock(tmp_path)
    FolderLock(tmp_path).release()
