"""Staged writing: what was there before survives every failure, and nothing is left lying about."""

import errno
import os
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from impasto.core.errors import ConfigError, ResourceError
from impasto.core.files import refuse_folder, staged, write_text
from impasto.core.paths import without_folders


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "style.safetensors"
    path.write_text("old")
    return path


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_success_replaces_at_the_end_and_leaves_nothing_else(target: Path) -> None:
    with staged(target) as staging:
        staging.write_text("new")
        assert target.read_text() == "old"
        assert staging.parent == target.parent  # one rename must do
    assert target.read_text() == "new"
    assert names_in(target.parent) == [target.name]


def test_what_is_passed_on_holds_no_folders(tmp_path: Path) -> None:
    assert without_folders(str(tmp_path / "x")) == str(tmp_path / "x")  # nothing is there: it is a name
    (tmp_path / "x").mkdir()
    assert without_folders(str(tmp_path / "x")) == "x"
    for name in ("owner/model", ".", "a" * 5000):
        assert without_folders(name) == name


def test_folders_are_made(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b" / "notes.txt", "λ")
    assert (tmp_path / "a" / "b" / "notes.txt").read_bytes() == "λ".encode()


@pytest.mark.parametrize("error", [RuntimeError("boom"), KeyboardInterrupt()], ids=["error", "Ctrl+C"])
def test_failure_keeps_the_old_content(target: Path, error: BaseException) -> None:
    def fail() -> None:
        with staged(target) as staging:
            staging.write_text("half")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert target.read_text() == "old"
    assert names_in(target.parent) == [target.name]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
    ids=["OSError", "SafetensorError"],
)
def test_full_disk_names_the_target(target: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fill(path: Path, *_: object) -> None:
        path.touch()
        raise error

    monkeypatch.setattr(Path, "write_text", fill)
    with pytest.raises(ResourceError) as refused:
        write_text(target, "new")
    assert f"cannot write {target}: no space left on the disk, free some and repeat" in str(refused.value)
    assert "what was there before is untouched" in str(refused.value)
    assert target.read_text() == "old"
    assert names_in(target.parent) == [target.name]


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
def test_read_only_folder(target: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "write_text", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(ResourceError, match=rf"cannot write .*{target.name}: .*(denied|[Rr]ead-only)"):
        write_text(target, "new")
    assert target.read_text() == "old"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_the_right_to_write(target: Path) -> None:
    target.parent.chmod(0o500)
    try:
        with pytest.raises(ResourceError, match=r"cannot write .*style\.safetensors: permission denied"):
            write_text(target, "new")
        denied = pytest.raises(ResourceError, match=r"cannot write .*style\.safetensors: permission denied")
        with denied, staged(target) as staging:
            save_file({"x": torch.zeros(2)}, staging)
    finally:
        target.parent.chmod(0o700)
    assert target.read_text() == "old"


def test_file_where_a_folder_is_needed(target: Path) -> None:
    with pytest.raises(ResourceError, match=r"cannot write .*inside\.txt: "):
        write_text(target / "inside.txt", "new")
    assert target.read_text() == "old"


def test_name_that_the_disk_refuses(tmp_path: Path) -> None:
    """A refusal by the system inside safetensors, which has a class of its own for errors."""
    too_long = tmp_path / ("x" * 300)
    with pytest.raises(ResourceError, match=r"cannot write .*xxx: file name too long"), staged(too_long) as staging:
        save_file({"x": torch.zeros(2)}, staging)
    assert names_in(tmp_path) == []


def test_folder_in_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--out .* is a folder: name a file, for example .*style\.safetensors"):
        refuse_folder(tmp_path, "--out")
    refuse_folder(tmp_path / "new.safetensors", "--out")


def test_errors_are_one_line_whatever_is_in_them() -> None:
    assert str(ConfigError("style \x1b[31mred\nsays 'é λ'\x00\ud800")) == "style  [31mred says 'é λ'  "
