"""The judge of every attribute: labels, what is held out, training, verdicts, and the way back from its files."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pretraining import checkpoint
from pretraining import judge as judge_stage
from pretraining.judge import Judge, judge_loss, load_judge, publish, remember
from pretraining.judge_classes import Classes, classes_of, is_held_out
from pretraining.judge_disturbance import disturbed, to_unit
from tests import tiny

from impasto.data.images import read_picture, to_tensor
from impasto.data.packs import find_pack
from impasto.features._pocket_judge import JudgeNetwork

OUTLINED = {"outline_colour": "red", "outline_width": "bold"}
ROWS = [
    {"subject": "owl", "artist": "noto", "background": "red", "style": {}, "words": ""},
    {"subject": "fox", "artist": "twemoji", "background": "blue", "style": OUTLINED, "words": "bold red outlines"},
    {"subject": "fox", "artist": "noto", "background": "red", "style": {"palette": "sepia"}, "words": "sepia"},
]
CLASSES = classes_of(ROWS)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_classes_and_labels_of_rows() -> None:
    assert CLASSES.of == {
        "subject": ("fox", "owl"),
        "artist": ("noto", "twemoji"),
        "outline_colour": ("", "red"),
        "outline_width": ("", "bold"),
        "palette": ("", "sepia"),
    }
    assert classes_of(ROWS[::-1]) == CLASSES
    assert CLASSES.kinds == ("outline_colour", "outline_width", "palette")
    labels = CLASSES.labels(ROWS)
    assert labels["subject"].tolist() == [1, 0, 0]
    assert labels["outline_colour"].tolist() == [0, 1, 0]
    assert labels["palette"].tolist() == [0, 0, 1]
    with pytest.raises(ValueError, match="palette 'pastel' is unknown to the judge"):
        CLASSES.labels([ROWS[0] | {"style": {"palette": "pastel"}}])


def test_held_out_compositions_are_held_out_together() -> None:
    rows = [ROWS[0] | {"subject": f"s{number}"} for number in range(4000)]
    assert np.mean([is_held_out(row) for row in rows]) == pytest.approx(0.05, abs=0.012)
    assert all(is_held_out(row) == is_held_out(row | {"caption_0": "other words"}) for row in rows[:100])
    assert any(is_held_out(row) != is_held_out(row | {"words": "wobbly"}) for row in rows)


def test_judge_learns_and_takes_bytes_or_floats() -> None:
    tiny.seeded()
    judge = Judge(CLASSES, JudgeNetwork(CLASSES.counts(), width=8))
    optimizer = torch.optim.AdamW(judge.network.parameters(), lr=3e-3)
    pictures = torch.randint(0, 256, (3, 3, 1, 1), generator=rng(), dtype=torch.uint8).expand(3, 3, 128, 128)
    losses = []
    for _ in range(12):
        loss = judge_loss(judge.network.train()(to_unit(pictures)), CLASSES.labels(ROWS))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    logits = judge.judge_pictures(pictures)
    assert {name: tuple(each.shape) for name, each in logits.items()} == dict.fromkeys(CLASSES.of, (3, 2))
    as_floats = judge.judge_pictures(pictures.float() / 127.5 - 1)
    torch.testing.assert_close(as_floats["subject"], logits["subject"])


def test_a_verdict_counts_a_kind_only_where_it_is_named() -> None:
    """Heads whose bias alone decides: fox by noto with red outlines, neither wide nor in another palette."""
    judge = Judge(CLASSES, JudgeNetwork(CLASSES.counts(), width=8))
    said = {"subject": 0, "artist": 0, "outline_colour": 1, "outline_width": 0, "palette": 0}
    for name, place in said.items():
        head = judge.network.heads[name]
        torch.nn.init.zeros_(head.weight)
        torch.nn.init.zeros_(head.bias)
        head.bias.data[place] = 1
    verdict = judge.verdict(torch.zeros(3, 3, 128, 128), ROWS)
    assert verdict.right == {
        "subject_top_5": [True, True, True],  # there are only two
        "subject": [False, True, True],
        "artist": [True, False, True],
        "outline_colour": [True],
        "outline_width": [False],
        "palette": [False],
    }
    assert verdict.shares()["subject"] == 0.667
    assert verdict.counts()["palette"] == 1
    assert "palette" not in judge.verdict(torch.zeros(1, 3, 128, 128), ROWS[:1]).shares()


def test_judge_comes_back_with_its_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "STAGES", tmp_path)
    monkeypatch.setattr(judge_stage, "PUBLISHED", tmp_path / "judge.safetensors")
    with pytest.raises(FileNotFoundError):
        load_judge()
    judge = Judge(CLASSES, JudgeNetwork(CLASSES.counts()))
    remember(judge.classes)
    checkpoint.save_stage("judge", {"judge": judge.network}, torch.optim.AdamW(judge.network.parameters()), {"step": 1})
    pictures = torch.rand((2, 3, 128, 128), generator=rng()) * 2 - 1
    loaded = load_judge()
    assert loaded.classes == judge.classes
    assert torch.equal(loaded.judge_pictures(pictures)["palette"], judge.judge_pictures(pictures)["palette"])
    remember(judge.classes)
    with pytest.raises(SystemExit, match="other subjects or styles"):
        remember(Classes({"subject": ("fox",), "artist": ("noto",)}))


def test_the_published_judge_judges_where_none_was_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "STAGES", tmp_path)
    monkeypatch.setattr(judge_stage, "PUBLISHED", tmp_path / "judge.safetensors")
    judge = Judge(CLASSES, JudgeNetwork(CLASSES.counts()))
    publish(judge, tmp_path / "judge.safetensors")
    pictures = torch.rand((2, 3, 128, 128), generator=rng()) * 2 - 1
    loaded = load_judge()
    assert loaded.classes == judge.classes
    for name, mine in loaded.judge_pictures(pictures).items():
        torch.testing.assert_close(mine, judge.judge_pictures(pictures)[name], atol=1e-2, rtol=1e-2)


@pytest.mark.skipif(not judge_stage.PUBLISHED.exists(), reason="no judge of these attributes is published yet")
def test_the_judge_that_is_published_knows_real_drawings() -> None:
    judge, folder = load_judge(), find_pack("openmoji").folder / "auxiliary"  # by an artist that it knows, Twemoji
    paths = [path for path in sorted(folder.glob("*.png")) if path.stem in judge.classes.of["subject"]]
    pictures = torch.stack([to_tensor(read_picture(path).image) for path in paths])
    rows = [{"subject": path.stem, "artist": "twemoji", "style": {}} for path in paths]
    shares = judge.verdict(pictures, rows).shares()
    assert len(paths) >= 15
    assert shares["subject_top_5"] >= 0.9
    assert shares["artist"] >= 0.7


def test_disturbed_pictures_keep_their_shape_and_are_not_mirrored() -> None:
    picture = torch.full((16, 3, 64, 64), -1.0)
    picture[:, :, :, :20] = 1
    made = disturbed(picture, rng())
    assert made.shape == picture.shape
    assert (made[..., :8].mean(dim=(1, 2, 3)) > made[..., -8:].mean(dim=(1, 2, 3))).all()
    assert float((made[0] - made[1]).abs().mean()) > 0.01
    assert torch.equal(made, disturbed(picture, rng()))
