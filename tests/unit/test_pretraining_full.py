"""The full grammar: same seed same data set, captions that say what was composed, pairs that are never shown."""

import hashlib
import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pretraining.data import pieces
from pretraining.data.captions import caption, ground_words, subject_words
from pretraining.data.compose import GROUNDS, compose
from pretraining.data.grammar import Grammar, Plan, is_seen, styles
from pretraining.data.grounds import SCENES, clashes, gradient, plain, scene
from pretraining.data.layouts import LAYOUTS
from pretraining.data.library import Library
from pretraining.data.nouns import noun, synonyms
from pretraining.data.pieces import Job, full_pieces, v0_pieces
from pretraining.data.sets import UNSEEN, find_set
from pretraining.data.sheet import sorts, write_sheet
from pretraining.data.split import SHARE, is_held_out, unseen_pairs
from pretraining.data.store import write_pieces

SUBJECTS = ("fox", "owl", "robot", "red-paper-lantern", "scissors", "cityscape", "sunset", "cityscape-at-dusk")
HANDS = ("noto", "twemoji", "emojione-monotone")


def draw_disc(colour: tuple[int, int, int], radius: int) -> NDArray[np.uint8]:
    down, across = np.indices((128, 128)) - 63.5
    drawing = np.zeros((128, 128, 4), np.uint8)
    drawing[down**2 + across**2 < radius**2] = (*colour, 255)
    return drawing


def make_library() -> Library:
    """Discs for subjects and filled squares for scenes, in colours that no ground has."""
    rows = {pair: row for row, pair in enumerate(itertools.product(HANDS, SUBJECTS))}
    drawings = np.stack([draw_disc((90 + row, 20, 60), 200 if pair[1] in SCENES else 50) for pair, row in rows.items()])
    return Library(drawings, rows)


@pytest.fixture(scope="module")
def grammar() -> Grammar:
    return Grammar(make_library(), {"fox": ("reynard",)})


def draw_plans(grammar: Grammar, count: int) -> list[Plan]:
    rng = np.random.default_rng(1)
    pairs = [grammar.pairs[int(rng.integers(len(grammar.pairs)))] for _ in range(count)]
    return [grammar.plan(hand, subject, rng) for hand, subject in pairs]


def test_same_seed_same_data_set_however_it_is_cut(
    grammar: Grammar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = []
    for size, seed in ((256, 0), (5, 0), (256, 1)):
        monkeypatch.setattr(pieces, "PIECE", size)
        job = Job(grammar, variants=1, seed=seed)
        digests.append(write_pieces(full_pieces(job, SUBJECTS, workers=1), job.count, tmp_path / f"{size}-{seed}"))
    assert digests[0] == digests[1] != digests[2]
    assert (tmp_path / "256-0/pictures.npy").read_bytes() == (tmp_path / "5-0/pictures.npy").read_bytes()


def test_a_picture_depends_on_its_number_alone(grammar: Grammar) -> None:
    job = Job(grammar, variants=2, seed=3)
    late, row = job.make(7)
    pictures, rows = job.piece(0)
    assert np.array_equal(pictures[7], late)
    assert rows[7] == row
    assert not np.array_equal(job.make(6)[0], late)  # another variant of the same pair


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


def test_first_grammar_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    drawings = {subject: draw_disc((200, 0, 0), 40) for subject in ("fox", "owl")}
    monkeypatch.setattr(pieces, "render_set", lambda _hand, _subjects: drawings)
    made = list(v0_pieces(("fox", "owl"), variants=3, seed=0))
    rows = [row for _, piece in made for row in piece]
    assert len(rows) == 7 * 2 * 3
    assert hashlib.sha256(json.dumps(rows).encode()).hexdigest() == (
        "480a2ebb9551cdc7a6c493ec098505bec3f6317345638deab766e2c6e27614b9"
    )
    first = compose("fox", find_set("noto"), drawings["fox"], np.random.default_rng(0))
    assert np.array_equal(made[0][0][0], first.picture)


def test_share_of_pairs_is_held_out_for_good() -> None:
    pairs = [(f"subject-{number}", style) for number in range(1000) for style in styles()]
    assert np.mean([is_held_out(*pair) for pair in pairs]) == pytest.approx(SHARE, abs=0.006)
    known = {("fox", "sepia engraving")}
    assert known <= set(unseen_pairs(SUBJECTS, styles()))
    assert not is_held_out("fox", "twemoji")


def test_held_out_pairs_are_never_shown(grammar: Grammar) -> None:
    for plan in draw_plans(grammar, 300):
        shown = [*plan.subjects, *(each for each in SCENES if plan.ground.words.endswith(each.replace("-", " ")))]
        assert all(is_seen(subject, plan.hand, plan.treatment) for subject in shown)
    assert all(is_held_out(*pair) for pair in unseen_pairs(SUBJECTS, styles()))


def test_excluded_and_unknown_sets_are_refused() -> None:
    drawing = draw_disc((200, 0, 0), 40)[None]
    for each in UNSEEN:
        with pytest.raises(ValueError, match=f"never sees: {each.name}"):
            Library(drawing, {(each.name, "fox"): 0})
    with pytest.raises(ValueError, match="unknown sets: mine"):
        Library(drawing, {("mine", "fox"): 0})


def test_words_say_what_was_composed(grammar: Grammar) -> None:
    rng = np.random.default_rng(2)
    plans = draw_plans(grammar, 400)
    for plan in plans:
        what = subject_words(plan, grammar, rng)
        for subject, spot in itertools.zip_longest(plan.subjects, plan.spots):
            assert subject.replace("-", " ") in what or "reynard" in what
            assert spot is None or spot.size in what
            assert spot is None or len(plan.subjects) == 2 or spot.place in what
        if len(plan.subjects) == 2:
            assert " and " in what
    kinds = {(len(plan.subjects), plan.ground.kind) for plan in plans}
    assert kinds == {*itertools.product((1, 2), ("plain", "gradient", "scene")), (1, "full")}


def test_captions_name_the_hand_and_sometimes_leave_it_out(grammar: Grammar) -> None:
    rng = np.random.default_rng(4)
    plan = next(plan for plan in draw_plans(grammar, 200) if plan.treatment is None and plan.hand == "noto")
    said = [caption(plan, grammar, rng) for _ in range(300)]
    assert 0.7 < np.mean(["noto style" in words for words in said]) < 0.95
    assert 0.02 < np.mean(["style" not in words for words in said]) < 0.2


def test_captions_always_name_the_treatment(grammar: Grammar) -> None:
    rng = np.random.default_rng(4)
    plan = next(plan for plan in draw_plans(grammar, 200) if plan.treatment and plan.treatment.phrase == "pixel art")
    said = [caption(plan, grammar, rng) for _ in range(100)]
    assert all(any(name in words for name in ("pixel art style", "8 bit style", "pixelated style")) for words in said)


def test_lost_colours_are_not_named(grammar: Grammar) -> None:
    lost = [plan for plan in draw_plans(grammar, 300) if plan.treatment and not plan.treatment.coloured]
    assert lost
    assert {ground_words(plan) for plan in lost if plan.ground.kind == "plain"} == {""}
    assert all("in front of" in ground_words(plan) for plan in lost if plan.ground.kind == "scene")


def test_places_are_where_the_words_say(grammar: Grammar) -> None:
    plans = [plan for plan in draw_plans(grammar, 400) if not plan.treatment and plan.ground.kind == "plain"]
    found = {"on the left": 0.0, "on the right": 0.0}
    for plan in plans:
        if len(plan.spots) == 1 and plan.spots[0].place:
            picture = grammar.render(plan, np.random.default_rng(0)).astype(int)
            inked = np.abs(picture - plan.ground.picture).sum(axis=2) > 60
            found[plan.spots[0].place] = float(np.nonzero(inked)[1].mean())
    assert 20 < found["on the left"] < 50
    assert 78 < found["on the right"] < 108


def test_layout_shares_add_up() -> None:
    assert sum(share for share, _ in LAYOUTS) == pytest.approx(1)


def test_gradient_goes_between_the_named_colours() -> None:
    made = gradient("blue", "pink", downwards=True)
    assert made.words == "on a blue to pink gradient"
    assert tuple(made.picture[0, 5]) == GROUNDS["blue"]
    assert tuple(made.picture[-1, 5]) == GROUNDS["pink"]
    assert tuple(gradient("orange", "red", downwards=False).picture[5, -1]) == GROUNDS["red"]
    assert gradient("orange", "red", downwards=False).words == "on an orange to red gradient"


def test_scene_fills_the_picture_and_its_corners_are_cut() -> None:
    drawing = np.zeros((128, 128, 4), np.uint8)
    drawing[10:118, 10:118] = (0, 120, 0, 255)
    made = scene("cityscape-at-dusk", drawing, np.random.default_rng(0))
    assert made.words == "in front of a cityscape at dusk"
    assert np.array_equal(np.unique(made.picture.reshape(-1, 3), axis=0), [(0, 120, 0)])


def test_clash_is_a_quarter_of_the_drawing() -> None:
    assert clashes(draw_disc(GROUNDS["red"], 40), plain("red").picture)
    assert not clashes(draw_disc(GROUNDS["red"], 40), plain("blue").picture)
    assert not clashes(np.zeros((128, 128, 4), np.uint8), plain("red").picture)


@pytest.mark.parametrize(
    ("words", "size", "expected"),
    [
        ("fox", "", "a fox"),
        ("owl", "small", "a small owl"),
        ("unicorn", "", "a unicorn"),
        ("hourglass done", "", "an hourglass done"),
        ("scissors", "large", "large scissors"),
        ("sunrise over mountains", "", "a sunrise over mountains"),
        ("milky way", "", "the milky way"),
        ("face with tears of joy", "", "a face with tears of joy"),
        ("money with wings", "", "money with wings"),
        ("octopus", "", "an octopus"),
    ],
)
def test_nouns_take_their_article(words: str, size: str, expected: str) -> None:
    assert noun(words, size) == expected


def test_synonyms_belong_to_few_subjects_and_are_nobodys_name() -> None:
    keywords = [
        {"label": "cat face", "tags": ["kitty", "kitten", "meow"]},
        {"label": "cat", "tags": ["kitten", "puppy"]},
        {"label": "wolf", "tags": ["puppy"]},
        {"label": "dog face", "tags": ["puppy"]},
        {"label": "automobile", "tags": ["van"]},
        {"label": "van", "tags": []},
    ]
    found = synonyms(keywords, ["cat-face", "cat", "wolf", "dog-face", "automobile", "van"])
    assert found == {"cat-face": ("kitten", "kitty"), "cat": ("kitten",), "automobile": ("car",)}


def test_sheet_has_a_row_for_everything(grammar: Grammar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pretraining.data.sheet.ACROSS", 1)
    monkeypatch.setattr("pretraining.data.sheet.TRIES", 50)
    write_sheet(grammar, tmp_path / "sheet.png", seed=0)
    assert (tmp_path / "sheet.png").stat().st_size > 10_000
    assert set(styles()) <= set(sorts())


def test_plain_compositions_are_one_subject_in_the_middle_by_hand_alone(grammar: Grammar) -> None:
    plans = draw_plans(replace(grammar, plain=1.0), 60)
    assert {(len(plan.subjects), plan.spots[0].place, plan.treatment, plan.ground.kind) for plan in plans} == {
        (1, "", None, plans[0].ground.kind)
    }
    mixed = draw_plans(replace(grammar, plain=0.5), 200)
    assert any(plan.treatment for plan in mixed)


def test_favoured_treatment_is_given_to_a_third_of_the_simple_compositions_in_colour(grammar: Grammar) -> None:
    plans = draw_plans(replace(grammar, plain=1.0, favoured="comic outline"), 300)
    by_hand = {hand: [plan.treatment for plan in plans if plan.hand == hand] for hand in HANDS}
    assert not any(by_hand["emojione-monotone"])
    treated = [each for hand in ("noto", "twemoji") for each in by_hand[hand]]
    assert 0.2 < np.mean([each is not None for each in treated]) < 0.45
    assert {each.phrase for each in treated if each} == {"comic outline"}
