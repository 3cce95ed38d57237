"""Sheets for a reader and what answers come to: names, ratings, rows; choice and order by hash."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pretraining.data.subjects import V0
from pretraining.reader_score import is_named, medians, read_scores, read_synonyms, scores_of
from pretraining.reader_sheets import COLUMNS, ROWS, Shown, by_hash, chosen_prompts, sheet, write_pictures, write_rows

from impasto.data.held_out import HeldOut


def test_every_subject_has_names_and_its_own_name_is_one_of_them() -> None:
    synonyms = read_synonyms()
    assert set(synonyms) >= set(V0)
    assert all(is_named(names[0], subject, synonyms) for subject, names in synonyms.items())


@pytest.mark.parametrize(
    ("answer", "subject", "right"),
    [
        ("A blue car.", "automobile", True),
        ("an old man", "old-man", True),
        ("an old man", "man", False),  # the longest synonym in it is that of another subject
        ("Smiling face with heart-eyes", "smiling-face-with-heart-eyes", True),
        ("smiling face with halo", "grinning-face", False),
        ("carpet", "automobile", False),
        ("a domed building", "hotel", False),
    ],
)
def test_an_answer_names_a_subject_by_its_longest_synonym(answer: str, subject: str, right: bool) -> None:
    assert is_named(answer, subject, read_synonyms()) is right


def test_an_answer_with_alternatives_is_refused() -> None:
    with pytest.raises(ValueError, match="one name"):
        is_named("a cat or a fox", "fox", read_synonyms())


KEY = {
    "pictures": {
        "1": {"subject": "fox", "kind": "drawn"},
        "2": {"subject": "owl", "kind": "drawn"},
        "3": {"subject": "owl", "kind": "control"},
    },
    "rows": {"1": "A", "2": "B"},
}
ANSWERS = {
    "reader": "a test",
    "pictures": {
        "1": {"name": "a fox", "rating": 4},
        "2": {"name": "a cat", "rating": 1},
        "3": {"name": "owl", "rating": 5},
    },
    "rows": {"1": "A", "2": "A"},
}


def test_scores_of_raw_answers() -> None:
    scores = scores_of(KEY, ANSWERS, read_synonyms())
    assert (scores["pictures"], scores["named"], scores["rating"], scores["missed"]) == (2, 1, 2.5, {"2": "a cat"})
    assert (scores["control_pictures"], scores["control_named"], scores["control_rating"]) == (1, 1, 5)
    assert scores["nearer"] == 1
    assert scores["reader"] == "a test"


def test_answers_have_to_be_complete_and_in_range() -> None:
    some = ANSWERS | {"pictures": {number: ANSWERS["pictures"][number] for number in ("1", "3")}}
    with pytest.raises(ValueError, match="pictures 2:"):
        scores_of(KEY, some, read_synonyms())
    rated = ANSWERS | {"pictures": ANSWERS["pictures"] | {"1": {"name": "a fox", "rating": 6}}}
    with pytest.raises(ValueError, match="1, 2, 3, 4 or 5"):
        scores_of(KEY, rated, read_synonyms())
    with pytest.raises(ValueError, match="A or B"):
        scores_of(KEY, ANSWERS | {"rows": {"1": "A", "2": "both"}}, read_synonyms())


def test_several_readers_come_to_the_median_of_each_number() -> None:
    ratings = {"a": (20, 2.5), "b": (23, 3.5), "c": (19, 3.0)}
    scores = [{"reader": who, "named": n, "rating": r, "missed": {"1": who}} for who, (n, r) in ratings.items()]
    expected = {"reader": "a", "named": 20, "rating": 3.0, "missed": {"1": "a"}, "readers": 3}
    assert medians(scores) == expected
    assert medians(scores[1:2])["named"] == 23


def test_scores_are_read_by_folder(tmp_path: Path) -> None:
    assert read_scores(tmp_path) == {}
    (tmp_path / "openmoji").mkdir()
    (tmp_path / "openmoji" / "scores.json").write_text(json.dumps({"named": 22}), "utf-8")
    (tmp_path / "openmoji" / "answers.json").write_text("{}", "utf-8")
    (tmp_path / "pairs").mkdir()  # read by other rules
    (tmp_path / "pairs" / "scores.json").write_text(json.dumps({"new": 9}), "utf-8")
    assert read_scores(tmp_path) == {"openmoji": {"named": 22}}


def plain(value: int) -> Image.Image:
    return Image.new("RGB", (128, 128), (value, value, value))


def test_pictures_are_numbered_by_hash_and_the_key_says_what_they_show(tmp_path: Path) -> None:
    shown = [Shown(f"s{n}", "drawn" if n % 3 else "control", f"prompt {n}", plain(n)) for n in range(14)]
    key = write_pictures(shown, tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.webp")) == ["pictures-1.webp", "pictures-2.webp"]
    assert [int(number) for number in key] == list(range(1, 15))
    assert [key[n]["subject"] for n in key] != [each.subject for each in shown]
    assert write_pictures(shown[::-1], tmp_path) == key  # the order of drawing does not matter
    with Image.open(tmp_path / "pictures-1.webp") as opened:
        width, height = opened.size
    assert width / COLUMNS == pytest.approx(height / ROWS, rel=0.05)


def test_rows_are_in_an_order_that_the_key_knows(tmp_path: Path) -> None:
    subjects = [HeldOut(f"subject {number}", "", plain(128)) for number in range(24)]
    first = write_rows(subjects, [plain(0)] * 24, [plain(255)] * 24, tmp_path)
    assert set(first.values()) == {"A", "B"}
    with Image.open(tmp_path / "rows-1.webp") as opened:
        pixels = np.asarray(opened.convert("RGB"))
    side = pixels.shape[1] // 6
    for column in range(6):
        row_a, row_b = (pixels[int((row + 0.6) * side), int((column + 0.5) * side), 0] for row in (1, 2))
        assert (row_a > row_b) == (first[str(column + 1)] == "A")


def test_the_prompts_of_the_reader_do_not_depend_on_the_order_of_hashing() -> None:
    rows = [
        {"subject": f"s{n % 50}", "artist": "noto", "background": "red", "style": {}, "words": ""} for n in range(100)
    ]
    drawn, control = chosen_prompts(rows, 1, 1)
    assert (len(drawn), len(control)) == (24, 12)
    assert not {each.prompt for each in drawn} & {each.prompt for each in control}
    assert drawn + control == by_hash([*control, *drawn], lambda each: each.prompt)


def test_a_sheet_shows_its_pictures_below_their_labels() -> None:
    made = sheet([[("1", plain(0)), ("2", plain(255))]])
    assert made.getpixel((made.width // 4, made.height // 2)) == (0, 0, 0)
    assert made.getpixel((made.width * 3 // 4, made.height // 2)) == (255, 255, 255)
