"""The judge of subject and style: labels, what is held back, training, and the way back from its files."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pretraining import checkpoint
from pretraining import judge as judge_stage
from pretraining.judge import Classes, Judge, classes_of, is_held_back, judge_loss, load_judge, publish, remember
from pretraining.judge_network import JudgeNetwork, disturbed, shrunk
from tests import tiny

from impasto.data.images import read_picture, to_tensor
from impasto.data.packs import find_pack

ROWS = [
    {"subject": "owl", "hand": "noto", "ground": "red"},
    {"subject": "fox", "second": "owl", "hand": "twemoji", "treatment": "pixel art", "ground": "on a red background"},
    {"subject": "fox", "second": "", "hand": "twemoji", "treatment": "", "ground": "on a red background"},
]


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_subject_and_style_of_a_row() -> None:
    classes = classes_of(ROWS)
    assert classes == Classes(("fox", "owl"), ("noto", "twemoji", "pixel art"))
    subjects, style = classes.labels(ROWS)
    assert subjects.tolist() == [[1, 1], [0, 1], [0, 0]]
    assert style.tolist() == [0, 2, 1]


def test_held_back_compositions_are_held_back_together() -> None:
    rows = [{"subject": f"s{number}", "hand": "noto", "ground": "red"} for number in range(4000)]
    assert np.mean([is_held_back(row) for row in rows]) == pytest.approx(0.05, abs=0.012)
    assert all(is_held_back(row) == is_held_back(row | {"caption_0": "other words"}) for row in rows[:100])


def test_judge_learns_and_takes_bytes_or_floats() -> None:
    tiny.seeded()
    classes = classes_of(ROWS)
    judge = Judge(classes, JudgeNetwork(2, 3, width=8))
    optimizer = torch.optim.AdamW(judge.network.parameters(), lr=3e-3)
    pictures = torch.randint(0, 256, (3, 3, 1, 1), generator=rng(), dtype=torch.uint8).expand(3, 3, 128, 128)
    losses = []
    for _ in range(12):
        loss = judge_loss(judge.network.train()(shrunk(pictures)), *classes.labels(ROWS))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    logits = judge.judge_pictures(pictures)
    assert [each.shape for each in logits] == [(3, 2), (3, 3)]
    assert judge.accuracy(pictures, ROWS).subject_top_5 == 1  # there are only two
    as_floats = judge.judge_pictures(pictures.float() / 127.5 - 1)
    torch.testing.assert_close(as_floats[0], logits[0])


def test_judge_comes_back_with_its_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "STAGES", tmp_path)
    monkeypatch.setattr(judge_stage, "PUBLISHED", tmp_path / "judge.safetensors")
    with pytest.raises(FileNotFoundError):
        load_judge()
    judge = Judge(classes_of(ROWS), JudgeNetwork(2, 3))
    remember(judge.classes)
    checkpoint.save_stage("judge", {"judge": judge.network}, torch.optim.AdamW(judge.network.parameters()), {"step": 1})
    pictures = torch.rand((2, 3, 128, 128), generator=rng()) * 2 - 1
    loaded = load_judge()
    assert loaded.classes == judge.classes
    assert torch.equal(loaded.judge_pictures(pictures)[0], judge.judge_pictures(pictures)[0])
    remember(judge.classes)
    with pytest.raises(SystemExit, match="other subjects or styles"):
        remember(Classes(("fox",), ("noto",)))


def test_the_published_judge_judges_where_none_was_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "STAGES", tmp_path)
    monkeypatch.setattr(judge_stage, "PUBLISHED", tmp_path / "judge.safetensors")
    judge = Judge(classes_of(ROWS), JudgeNetwork(2, 3))
    publish(judge, tmp_path / "judge.safetensors")
    pictures = torch.rand((2, 3, 128, 128), generator=rng()) * 2 - 1
    loaded = load_judge()
    assert loaded.classes == judge.classes
    for mine, theirs in zip(loaded.judge_pictures(pictures), judge.judge_pictures(pictures), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-2, rtol=1e-2)


def test_the_judge_that_is_published_knows_real_drawings() -> None:
    judge, folder = load_judge(), find_pack("openmoji").folder / "auxiliary"  # drawn by a hand that it knows, Twemoji
    paths = [path for path in sorted(folder.glob("*.png")) if path.stem in judge.classes.subjects]
    pictures = torch.stack([to_tensor(read_picture(path).image) for path in paths])
    top = judge.judge_pictures(pictures)[0].topk(5, dim=1).indices.tolist()
    right = [judge.classes.subjects.index(path.stem) in found for path, found in zip(paths, top, strict=True)]
    assert len(paths) >= 15
    assert sum(right) / len(right) >= 0.9


def test_disturbed_pictures_keep_their_shape_and_are_not_mirrored() -> None:
    picture = torch.full((16, 3, 64, 64), -1.0)
    picture[:, :, :, :20] = 1
    made = disturbed(picture, rng())
    assert made.shape == picture.shape
    assert (made[..., :8].mean(dim=(1, 2, 3)) > made[..., -8:].mean(dim=(1, 2, 3))).all()
    assert float((made[0] - made[1]).abs().mean()) > 0.01
    assert torch.equal(made, disturbed(picture, rng()))
