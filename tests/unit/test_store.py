"""The store: what is read is what was made; damage is found, two at once do no harm, a bad disk stops nobody."""

import multiprocessing
import os
from pathlib import Path

import pytest
import torch
from torch import Tensor

from impasto.core.errors import ConfigError
from impasto.core.store import TensorStore, clear, store_folder, usage


class Maker:
    def __init__(self, value: float = 1.0) -> None:
        self.calls, self.value = 0, value

    def __call__(self) -> dict[str, Tensor]:
        self.calls += 1
        return {"x": torch.full((3,), self.value), "y": torch.zeros((), dtype=torch.bfloat16)}


def entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def get(store: TensorStore, maker: Maker, **key: object) -> dict[str, Tensor]:
    return store.get("latents", lambda: key, maker)


def test_made_once(tmp_path: Path) -> None:
    maker = Maker(0.5)
    for _ in range(2):
        found = get(TensorStore(tmp_path), maker, a=1, b=(2, 3))
        assert torch.equal(found["x"], torch.full((3,), 0.5))
        assert found["y"].dtype == torch.bfloat16
    assert maker.calls == 1
    get(TensorStore(tmp_path), maker, b=[2, 3], a=1)
    assert maker.calls == 1
    get(TensorStore(tmp_path), maker, a=1, b=(2, 4))
    assert (maker.calls, len(entries(tmp_path))) == (2, 2)


def test_nothing_is_kept_without_a_folder(tmp_path: Path) -> None:
    maker, store = Maker(), TensorStore(None)
    for _ in range(2):
        store.get("latents", lambda: pytest.fail("asked for a key"), maker)
    assert maker.calls == 2


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "pickle"])
def test_damaged_entry_is_made_anew_with_a_note(tmp_path: Path, damage: str) -> None:
    get(TensorStore(tmp_path), Maker(), a=1)
    (path,) = entries(tmp_path)
    raw = path.read_bytes()
    flipped = raw[:-3] + bytes([raw[-3] ^ 1]) + raw[-2:]
    path.write_bytes({"cut": raw[:-3], "flip": flipped, "empty": b"", "pickle": b"\x80\x04N."}[damage])
    maker, store = Maker(), TensorStore(tmp_path)
    assert torch.equal(get(store, maker, a=1)["x"], torch.ones(3))
    assert maker.calls == 1
    assert len(store.notes) == 1
    assert store.notes[0].startswith(f"cache entry latents/{path.name[:12]} is damaged (")
    assert path.read_bytes() == raw


def test_what_is_not_finite_is_not_kept(tmp_path: Path) -> None:
    get(TensorStore(tmp_path), Maker(float("nan")), a=1)
    assert entries(tmp_path) == []


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "latents").write_text("a file")
    maker, store = Maker(), TensorStore(tmp_path)
    for value in range(3):
        assert torch.equal(get(store, maker, a=value)["x"], torch.ones(3))
    assert maker.calls == 3
    assert len(store.notes) == 1
    assert "the cache is not used (cannot write" in store.notes[0]


def fill(folder: str) -> None:
    for round_ in range(30):
        store = TensorStore(Path(folder))
        for value in range(5):
            found = get(store, Maker(value), a=value)
            assert torch.equal(found["x"], torch.full((3,), float(value)))
        assert not store.notes, store.notes
        if round_ % 7 == 0:
            clear(Path(folder))


@pytest.mark.skipif(os.name == "nt", reason="fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_two_processes_on_one_store(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    both = [context.Process(target=fill, args=(str(tmp_path),)) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join(60)
    assert [each.exitcode for each in both] == [0, 0]


def test_usage_and_clear(tmp_path: Path) -> None:
    assert usage(tmp_path / "none") == []
    for value in range(3):
        get(TensorStore(tmp_path), Maker(), a=value)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/keep.txt").write_text("mine")
    (tmp_path / "latents/keep.txt").write_text("mine")
    ((found,),) = [usage(tmp_path)]
    assert (found.kind, found.entries) == ("latents", 3)
    assert found.size == sum(path.stat().st_size for path in entries(tmp_path) if path.suffix == ".safetensors")
    clear(tmp_path)
    assert usage(tmp_path) == []
    assert [path.name for path in entries(tmp_path)] == ["keep.txt", "keep.txt"]


def test_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert store_folder("none") is None
    assert store_folder(str(tmp_path)) == tmp_path
    monkeypatch.setenv("IMPASTO_CACHE", "/there")
    assert store_folder("auto") == Path("/there")
    monkeypatch.delenv("IMPASTO_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert store_folder("auto") == Path("/caches/impasto")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert store_folder("auto") == Path.home() / ".cache" / "impasto"
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="is a file: name a folder, or none"):
        store_folder(str(tmp_path / "file"))
