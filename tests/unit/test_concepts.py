"""Dividing a style: turns of concepts, prompts taken apart, zero-shot classes, the CSV, near-duplicates."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from impasto.core.errors import DataError
from impasto.data.decompose import decomposed
from impasto.data.duplicates import distinct
from impasto.data.streams import concepts_of, of_step
from impasto.data.subdivision import Divided, divide, read_concepts_csv, write_division
from impasto.training.concepts import Asked, picture_paths

WORDS = {"people": "[V] style", "backgrounds": "[W] style"}


@given(st.integers(1, 5), st.integers(0, 2**40), st.integers(0, 30))
def test_no_concept_is_starved_and_a_step_shows_one(count: int, seed: int, round_: int) -> None:
    names = [f"c{index}" for index in range(count)]
    streams = {f"{kind}:{name}": name for kind in ("style", "aux") for name in names}
    shown = [of_step(streams, 1 + round_ * count + place, seed) for place in range(count)]
    assert all(len(concepts_of(each)) == 1 and len(each) == 2 for each in shown)
    assert sorted(concepts_of(each)[0] for each in shown) == names
    assert shown[-1] == of_step(streams, (round_ + 1) * count, seed)  # whatever came before


def test_rounds_are_shuffled_and_undivided_styles_show_all() -> None:
    streams = {"style:a": 1, "style:b": 2, "style:c": 3}
    orders = {tuple(next(iter(of_step(streams, 3 * r + p, 0))) for p in (1, 2, 3)) for r in range(40)}
    assert len(orders) == 6
    assert of_step({"style": 1, "aux": 2}, 5, 0) == {"style": 1, "aux": 2}


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("an old woman in a garden", "an old woman, [V] style, in a garden, [W] style"),
        ("a castle on a pink background", "a castle on a pink background, [W] style"),
        ("a girl", "a girl, [V] style"),
        ("a man with a hat in front of the sea", "a man with a hat, [V] style, in front of the sea, [W] style"),
        ("a city at night, two children", "a city at night, [W] style, two children, [V] style"),
        ("a girl, red hair, smiling", "a girl, red hair, smiling, [V] style"),
        ("a red apple", None),
        ("", None),
    ],
)
def test_decomposition(prompt: str, expected: str | None) -> None:
    assert decomposed(prompt, WORDS) == expected


def test_division_by_hand() -> None:
    """match = log(mean exp(30 cos)) / 30, worked out for two prompts against one."""
    classes = {"x": torch.tensor([[1.0, 0], [0, 1]]), "y": torch.tensor([[0.6, 0.8]])}
    ((first, margin), (second, _)) = divide(torch.tensor([[1.0, 0], [0.6, 0.8]]), classes)
    assert (first, second) == ("x", "y")
    assert margin == pytest.approx(np.log((np.exp(30.0) + 1) / 2) / 30 - 0.6, abs=1e-5)


def test_csv_comes_back_as_corrected(tmp_path: Path) -> None:
    path, files = tmp_path / "a.csv", ["a.png", "b, c.png", "d.png"]
    write_division(path, [Divided(name, "people", 0.5 - i / 10) for i, name in enumerate(files)])
    assert path.read_text().splitlines()[1] == "d.png,people,0.3000"  # the least sure first
    assert read_concepts_csv(path, files, ["people", "backgrounds"]) == {"people": files, "backgrounds": []}
    path.write_text('\ufefffile,class\nd.png,backgrounds\na.png,people\n"b, c.png",none\n', "utf-8")
    assert read_concepts_csv(path, files, ["people", "backgrounds"]) == {"people": ["a.png"], "backgrounds": ["d.png"]}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name,kind\na.png,people\n", "has no columns 'file' and 'class'"),
        ("file,class\na.png,persons\n", "line 2: class 'persons' of 'a.png' is unknown: write one of people"),
        ("file,class\na.png,people\na.png,people\n", "line 3: 'a.png' comes twice"),
        ("file,class\nz.png,people\n", "there is no picture 'z.png'"),
        ("file,class\n", "says nothing about 'a.png'"),
        (None, "does not exist: make it with impasto subdivide"),
    ],
)
def test_bad_csv(tmp_path: Path, text: str | None, told: str) -> None:
    path = tmp_path / "a.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=told):
        read_concepts_csv(path, ["a.png"], ["people"])


def test_what_a_folder_of_kohyas_lists_twice_is_shown_twice_after_a_csv_too(tmp_path: Path) -> None:
    for name in ("1_a/x.png", "2_b/y.png"):
        (tmp_path / name).parent.mkdir()
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    csv = tmp_path / "a.csv"
    csv.write_text("file,class\nx.png,people\ny.png,backgrounds\n")
    found = picture_paths(Asked("style", str(tmp_path), "--style-images", csv), ["people", "backgrounds"], "pocket")
    counts = {stream: len(paths) for stream, paths in found.paths.items()}
    assert counts == {"style:people": 1, "style:backgrounds": 2}


def test_pictures_beside_the_subfolders_of_concepts_are_mentioned(tmp_path: Path) -> None:
    asked, concepts = Asked("style", str(tmp_path), "--style-images"), ["people", "backgrounds"]
    for name in ("people/a.png", "backgrounds/b.png", "backgrounds/.hidden.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    assert picture_paths(asked, concepts, "pocket").notes == ()
    for name in ("c.png", "animals/d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    (note,) = picture_paths(asked, concepts, "pocket").notes
    assert "2 pictures outside of these are not shown, such as d.png" in note


def test_near_duplicates() -> None:
    rng = np.random.default_rng(0)
    pictures = [
        Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)).resize((64, 64), Image.Resampling.BICUBIC)
        for _ in range(3)
    ]
    scaled = pictures[0].resize((90, 90), Image.Resampling.LANCZOS)
    noisy = Image.fromarray((np.asarray(pictures[1]) // 16 * 16).astype(np.uint8))
    every = [pictures[0], scaled, pictures[1], noisy, pictures[2], pictures[0]]
    assert distinct(every) == [0, 2, 4]
    assert distinct(every, 0.0) == list(range(6))
    assert distinct([Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")]) == [0, 1]
