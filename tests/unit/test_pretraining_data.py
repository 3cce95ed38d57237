"""How pocket's data is made: which sets, which subjects, which captions; same seed, same data set."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pretraining.data import make as making
from pretraining.data import pieces, sheet
from pretraining.data.captions import caption, captions
from pretraining.data.compose import COLOURS, centred, clashes, draw_background, edge_colour, on_colour
from pretraining.data.drawing import Drawing
from pretraining.data.make import make
from pretraining.data.nouns import noun, words_for
from pretraining.data.packs import PACKS, build_pack
from pretraining.data.pieces import Job, job_for
from pretraining.data.sets import TRAINED, UNSEEN, find_set
from pretraining.data.split import SHARE, is_held_out, unseen_pairs
from pretraining.data.store import write_pieces
from pretraining.data.styles import Style
from pretraining.data.subjects import V0, slug_of, usable_subjects, widened, with_article
from tests.small_drawings import small_drawing

EXCLUDED = {"openmoji", "emojione-v1", "fluent-emoji-high-contrast", "fxemoji", "streamline-emojis"}
ARTISTS = [each.phrase for each in TRAINED]


@pytest.fixture
def small_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three small drawings in the place of all sets; monotone has ink only, emojione no robot."""

    def drawing_by(name: str, slug: str) -> Drawing | None:
        if (name, slug) == ("emojione", "robot"):
            return None
        return small_drawing("ink" if name == "emojione-monotone" else "glossy" if "fluent" in name else "flat")

    monkeypatch.setattr(making, "drawing_by", drawing_by)
    monkeypatch.setattr(pieces, "drawing_by", drawing_by)


def disc(colour: tuple[int, int, int], radius: int = 40) -> NDArray[np.uint8]:
    down, across = np.indices((128, 128)) - 63.5
    drawing = np.zeros((128, 128, 4), np.uint8)
    drawing[down**2 + across**2 < radius**2] = (*colour, 255)
    return drawing


def test_pocket_never_sees_the_styles_to_be_learnt() -> None:
    assert len(TRAINED) == 7
    assert not EXCLUDED & {each.name for each in TRAINED}
    assert not {each.name for each in TRAINED} & {each.name for each in UNSEEN}
    assert not any("blob" in each.name for each in TRAINED)
    with pytest.raises(KeyError, match="known: noto"):
        find_set("nothing")
    for each in UNSEEN:
        with pytest.raises(KeyError, match="unknown artist"):
            make("fox", each.phrase, None, None, np.random.default_rng(0))


def test_subjects_are_distinct() -> None:
    assert len(set(V0)) == len(V0) == 100


def test_usable_subjects_leave_out_flags_clocks_and_marks() -> None:
    keywords = [
        {"label": "fox", "group": 3, "subgroup": 34},
        {"label": "flag: France", "group": 9, "subgroup": 98},
        {"label": "two o’clock", "group": 5, "subgroup": 58},
        {"label": "red heart", "group": 0, "subgroup": 14},
        {"label": "drawn once", "group": 3, "subgroup": 34},
        {"label": "light skin tone", "group": 2, "subgroup": 32},
    ]
    common = {slug_of(str(entry["label"])): {} for entry in keywords if entry["label"] != "drawn once"}
    icons = {name: {"icons": common} for name in "abcde"} | {"f": {"icons": {"drawn-once": {}}}}
    assert usable_subjects(keywords, icons) == ["fox"]


def test_more_subjects_begin_with_the_first_hundred_and_go_on() -> None:
    usable = [*V0, *(f"thing-{number}" for number in range(50))]
    more, most = widened(usable, 120), widened(usable[::-1], 150)
    assert more[:100] == V0
    assert most[:120] == more
    assert set(most) == set(usable)
    for count in (99, 151):
        with pytest.raises(ValueError, match="there can be 100 to 150"):
            widened(usable, count)


def test_slugs_and_articles() -> None:
    assert slug_of("Mrs. Claus’ hat: red") == "mrs-claus-hat-red"
    assert with_article("owl") == "an owl"
    assert words_for("fox") == "a fox"
    assert words_for("scissors") == "scissors"  # beyond the first hundred
    assert words_for("unlocked") == "an open padlock"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("fox", "a fox"),
        ("owl", "an owl"),
        ("unicorn", "a unicorn"),
        ("hourglass done", "an hourglass done"),
        ("scissors", "scissors"),
        ("sunrise over mountains", "a sunrise over mountains"),
        ("milky way", "the milky way"),
        ("face with tears of joy", "a face with tears of joy"),
        ("money with wings", "money with wings"),
        ("octopus", "an octopus"),
    ],
)
def test_nouns_take_their_article(words: str, expected: str) -> None:
    assert noun(words) == expected


def test_captions_say_everything_in_one_form() -> None:
    words = "bold dark blue outlines, pastel colours"
    full = "a fox on a green background, noto style, bold dark blue outlines, pastel colours"
    assert caption("fox", "noto", "green", words) == full
    assert caption("owl", "", "orange", "") == "an owl on an orange background"
    assert captions("fox", "noto", "green", words, np.random.default_rng(0))[0] == full


@pytest.mark.parametrize("words", ["", "wobbly"])
def test_captions_leave_parts_out_and_name_a_tenth_by_random_strings(words: str) -> None:
    rng = np.random.default_rng(3)
    said = [captions("fox", "noto", "green", words, rng) for _ in range(2000)]
    unknown = [" style" in each and "noto style" not in each for three in said for each in three]
    assert np.mean(unknown) == pytest.approx(0.1, abs=0.012)
    last = {each.rsplit(", ", 1)[-1] for three in said for each in three}
    assert {len(each.removesuffix(" style")) for each in last if each.endswith(" style")} == {3, 4, 5}
    assert all(three[0] == caption("fox", "noto", "green", words) for three in said)
    assert {each.startswith("a fox") for three in said for each in three} == {True}
    assert 0.05 < np.mean(["background" not in three[1] for three in said]) < 0.15
    if words:
        assert all("wobbly" in three[1] for three in said)
        assert np.mean(["noto" in three[1] for three in said]) == pytest.approx(0.5, abs=0.05)


def test_background_has_the_named_colour_and_the_drawing_is_on_it() -> None:
    for picture in (on_colour(disc((255, 0, 0)), COLOURS["blue"]), centred(disc((255, 0, 0)), COLOURS["blue"], 116)):
        assert tuple(picture[0, 0]) == COLOURS["blue"]
        assert tuple(picture[64, 64]) == (255, 0, 0)
    half = np.full((4, 4, 4), (200, 100, 0, 51), np.uint8)
    assert tuple(on_colour(half, (100, 100, 100))[0, 0]) == (120, 100, 80)


def test_drawings_stand_out_on_their_background() -> None:
    assert edge_colour(disc((200, 10, 30))).tolist() == pytest.approx([200, 10, 30])
    assert edge_colour(np.zeros((8, 8, 4), np.uint8)).tolist() == [128] * 3
    drawn = {draw_background(disc(COLOURS["red"]), np.random.default_rng(seed)) for seed in range(300)}
    assert "red" not in drawn
    assert {"white", "blue", "sky blue"} <= drawn
    assert "white" not in {draw_background(disc((250, 250, 250)), np.random.default_rng(seed)) for seed in range(100)}
    without = {draw_background(disc((250, 250, 250)), np.random.default_rng(seed), ("black",)) for seed in range(100)}
    assert "black" not in without


def test_clash_is_a_quarter_of_the_drawing() -> None:
    assert clashes(disc(COLOURS["red"]), COLOURS["red"])
    assert not clashes(disc(COLOURS["red"]), COLOURS["blue"])
    assert not clashes(np.zeros((128, 128, 4), np.uint8), COLOURS["red"])


@pytest.mark.usefixtures("small_sets")
def test_wanted_picture_is_made_and_says_what_it_has() -> None:
    wanted = Style({"palette": "pastel colours"})
    one, other = (make("fox", "twemoji", wanted, "green", np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(one.picture, other.picture)
    assert (one.background, one.style) == ("green", wanted)
    assert tuple(one.picture[0, 0]) == COLOURS["green"]
    row = one.row(np.random.default_rng(0))
    assert row["style"] == {"palette": "pastel colours"}
    assert row["caption_0"] == "a fox on a green background, twemoji style, pastel colours"
    assert make("fox", "monotone", Style({"palette": "grey tones"}), None, np.random.default_rng(0)).style == Style()
    shaded = [
        make("fox", "twemoji", Style({"shadow": "drop shadow"}), None, np.random.default_rng(n)) for n in range(40)
    ]
    assert "black" not in {each.background for each in shaded}
    with pytest.raises(KeyError, match="no drawing of 'robot'"):
        make("robot", "emojione", None, None, np.random.default_rng(0))
    with pytest.raises(KeyError, match="unknown background 'mauve'; known: white"):
        make("fox", "noto", None, "mauve", np.random.default_rng(0))


@pytest.mark.usefixtures("small_sets")
def test_same_seed_same_data_set_however_it_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = []
    for size, seed in ((256, 0), (5, 0), (256, 1)):
        monkeypatch.setattr(pieces, "PIECE", size)
        job = job_for(("fox", "robot"), variants=1, seed=seed)
        digests.append(write_pieces(job.pieces(workers=1), job.count, tmp_path / f"{size}-{seed}"))
    assert job.count == 2 * 7 - 1
    assert digests[0] == digests[1] != digests[2]
    assert (tmp_path / "256-0/pictures.npy").read_bytes() == (tmp_path / "5-0/pictures.npy").read_bytes()


@pytest.mark.usefixtures("small_sets")
def test_a_picture_depends_on_its_number_alone() -> None:
    job = Job((("fox", "noto"), ("owl", "twemoji")), variants=2, seed=3)
    late, row = job.make(3)
    pictures, rows = job.piece(0)
    assert np.array_equal(pictures[3], late)
    assert rows[3] == row
    assert (row["subject"], row["artist"]) == ("owl", "twemoji")
    assert set(row) == {"subject", "artist", "background", "style", "words", "caption_0", "caption_1", "caption_2"}
    assert not np.array_equal(job.make(2)[0], late)  # another variant of the same pair


def test_store_holds_pictures_rows_and_the_hash_of_both(tmp_path: Path) -> None:
    made = [np.full((count, 128, 128, 3), count, np.uint8) for count in (2, 1)]
    rows = [{"caption_0": "é"}, {"caption_0": "b"}, {"caption_0": "c"}]
    digest = write_pieces([(made[0], rows[:2]), (made[1], rows[2:])], 3, tmp_path)
    whole = np.concatenate(made)
    assert np.array_equal(np.load(tmp_path / "pictures.npy", mmap_mode="c"), whole)
    assert json.loads((tmp_path / "rows.json").read_text("utf-8")) == rows
    assert digest == hashlib.sha256(whole.tobytes() + json.dumps(rows).encode()).hexdigest()
    assert digest == (tmp_path / "digest.txt").read_text("utf-8")
    with pytest.raises(ValueError, match="3 pictures were made, 4 were expected"):
        write_pieces([(whole, rows)], 4, tmp_path)
    assert np.load(tmp_path / "pictures.npy").shape[0] == 3  # what was there stays


@pytest.mark.usefixtures("small_sets")
def test_pairs_are_held_out_beyond_the_first_hundred_subjects_only() -> None:
    assert unseen_pairs(V0, ARTISTS) == []
    others = [f"thing-{number}" for number in range(1000)]
    assert np.mean([is_held_out(other, artist) for other in others for artist in ARTISTS]) == pytest.approx(
        SHARE, abs=0.008
    )
    unseen = unseen_pairs(others, ARTISTS)
    assert ("thing-24", "monotone") in unseen  # for good: models were trained without
    assert not {*unseen} & {*job_for(tuple(others[:200]), 1, 0).pairs}


@pytest.mark.usefixtures("small_sets")
def test_sheet_has_a_row_for_every_artist_and_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "ACROSS", 1)
    pairs = job_for(("fox",), 1, 0).pairs
    rows = sheet.sorts(ARTISTS)
    assert {*ARTISTS, "palette: pastel colours", "outline_width: thin", "mixtures 1"} <= set(rows)
    sheet.write_sheet(pairs, tmp_path / "sheet.png", seed=0)
    assert (tmp_path / "sheet.png").stat().st_size > 20_000
    for artist, style in rows.values():
        made = sheet.draw_one(pairs, artist, style, np.random.default_rng(1))
        assert made is not None
        assert style in (None, made.style)


@pytest.mark.skipif(not Path("pretraining/downloads").exists(), reason="the drawings are not here")
def test_packs_are_built_as_they_were(tmp_path: Path) -> None:
    build_pack(tmp_path / "openmoji", "openmoji", "twemoji")
    built = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert len(built) > 200
    assert all((PACKS / name).read_bytes() == data for name, data in built.items())
