"""Checkpoints: what is read is exactly what was written, or it is refused; what was half-written is never read."""

import errno
import json
import os
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from impasto.core import checkpoints
from impasto.core.checkpoints import clear_leftovers, newest_checkpoint, remove_checkpoints, write_checkpoint
from impasto.core.errors import ResourceError, RunError

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "step": torch.tensor(3.0), "rng": torch.arange(5, dtype=torch.uint8)}
FACTS = {"identity": {"steps": 3, "roles": ["style"]}, "rate": 0.1, "nothing": None}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        torch.equal(tensor, other[name]) and tensor.dtype == other[name].dtype for name, tensor in one.items()
    )


def test_what_was_written_is_read(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "checkpoints", 3, TENSORS, FACTS)
    found = newest_checkpoint(tmp_path / "checkpoints")
    assert (found.folder, found.step, found.facts) == (folder, 3, FACTS)
    assert same(found.tensors(), TENSORS)


def test_the_newest_counts_and_the_older_go(tmp_path: Path) -> None:
    for step in (2, 10):
        write_checkpoint(tmp_path, step, TENSORS, FACTS)
    assert newest_checkpoint(tmp_path).step == 10
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000010"]


def test_nothing_there(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path / "none") is None
    (tmp_path / "step-1").mkdir()
    (tmp_path / ".step-000000007.12.part").mkdir()
    (tmp_path / "step-000000009").write_text("a file")
    assert newest_checkpoint(tmp_path) is None
    clear_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000000009", "step-1"]
    remove_checkpoints(tmp_path)
    assert not tmp_path.exists()


@pytest.mark.parametrize("name", ["state.safetensors", "checkpoint.json"])
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_every_changed_byte_is_found(tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject) -> None:
    root = tmp_path_factory.mktemp("checkpoints")
    path = write_checkpoint(root, 3, TENSORS, FACTS) / name
    raw = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    if name == "checkpoint.json" and json_or_none(bytes(raw)) == json.loads(path.read_text("utf-8")):
        return  # another spelling of the same
    path.write_bytes(raw)
    with pytest.raises(RunError, match=r"is damaged \(.*\): the run cannot go on") as refused:
        newest_checkpoint(root).tensors()
    assert "\n" not in str(refused.value)


def json_or_none(raw: bytes) -> object:
    try:
        return json.loads(raw)
    except ValueError:
        return None


@pytest.mark.parametrize("name", ["state.safetensors", "checkpoint.json"])
def test_missing_and_cut_files(tmp_path: Path, name: str) -> None:
    path = write_checkpoint(tmp_path, 3, TENSORS, FACTS) / name
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RunError, match="is damaged"):
        newest_checkpoint(tmp_path).tensors()
    path.unlink()
    with pytest.raises(RunError, match="is damaged"):
        newest_checkpoint(tmp_path).tensors()


@pytest.mark.parametrize("name", ["save_file", "_write_facts", "sync_folder"])
def test_a_failure_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    write_checkpoint(tmp_path, 3, TENSORS, FACTS)

    def fill(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoints, name, fill)
    with pytest.raises(ResourceError, match="no space left on the disk, free some and repeat"):
        write_checkpoint(tmp_path, 5, TENSORS, FACTS)
    assert newest_checkpoint(tmp_path).step == 3
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000003"]


def test_a_later_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "FORMAT", 2)
    write_checkpoint(tmp_path, 3, TENSORS, FACTS)
    monkeypatch.setattr(checkpoints, "FORMAT", 1)
    with pytest.raises(RunError, match="has format 2, this version reads 1: update impasto"):
        newest_checkpoint(tmp_path)
