"""Pretraining stages: saved state comes back, the rate falls, latents are normalised without changing pictures."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from pretraining import checkpoint
from pretraining.autoencoder import make_autoencoder
from pretraining.latents import normalise_latents
from pretraining.stage import Stage, falling_rate
from pretraining.tokenizer import LENGTH, train_tokenizer
from torch import nn


def make_stage(minutes: float) -> tuple[Stage, nn.Linear]:
    model = nn.Linear(2, 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    return Stage("toy", {"model": model}, optimizer, minutes=minutes, rate=0.1), model


def test_a_stage_goes_on_where_it_was_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "STAGES", tmp_path)
    x = torch.tensor([[1.0, 2.0]])
    stage, model = make_stage(minutes=10)
    for _, _ in zip(range(5), stage.steps(), strict=False):
        stage.learn(model(x).square().sum())
    stage.save()
    again, same = make_stage(minutes=10)
    assert again.step == 5
    assert torch.equal(same.weight, model.weight)
    for running, its in ((stage, model), (again, same)):  # the moments came back too: the next step is the same
        for group in running._optimizer.param_groups:
            group["lr"] = 0.1
        running.learn(its(x).square().sum())
    torch.testing.assert_close(same.weight, model.weight)


def test_time_ends_a_stage_and_leaves_it_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "STAGES", tmp_path)
    stage, model = make_stage(minutes=0.002)
    for _ in stage.steps():
        stage.learn(model(torch.ones(1, 2)).sum())
    assert (tmp_path / "toy" / "counters.json").exists()
    assert not list(tmp_path.glob(".toy.new"))


def test_rate_rises_briefly_and_falls_to_nothing() -> None:
    rates = [falling_rate(progress / 1000, 1.0) for progress in range(1001)]
    assert rates[0] == 0
    assert max(rates) == pytest.approx(1, abs=1e-2)
    assert rates.index(max(rates)) <= 30
    assert rates[-1] == pytest.approx(0, abs=1e-9)
    assert all(later <= earlier for earlier, later in pairwise(rates[30:]))


@torch.no_grad()
def test_normalising_latents_keeps_the_pictures() -> None:
    model = make_autoencoder().eval()
    x = torch.rand((1, 3, 64, 64), generator=torch.Generator().manual_seed(0)) * 2 - 1
    before = model.encode(x).latent_dist
    picture = model.decode(before.mean).sample
    mean, std = torch.tensor([0.1, 0.2, 0.3, -0.4]), torch.tensor([2.0, 3.0, 0.5, 0.7])
    normalise_latents(model, mean, std)
    after = model.encode(x).latent_dist
    expected = (before.mean - mean[:, None, None]) / std[:, None, None]
    torch.testing.assert_close(after.mean, expected, rtol=0, atol=1e-4)
    torch.testing.assert_close(after.std * std[:, None, None], before.std, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(model.decode(after.mean).sample, picture, rtol=0, atol=1e-4)


def test_tokenizer_is_lossless_and_has_room_for_rare_words() -> None:
    tokenizer = train_tokenizer(["a fox on a green background", "a fox on a red background"] * 3, merges=50)
    words = "a fox on a purple background, zwx style"
    ids = tokenizer(words).input_ids
    assert tokenizer.decode(ids, skip_special_tokens=True).replace(" ,", ",") == words
    assert tokenizer.unk_token_id not in ids[1:-1]
    assert len(tokenizer.tokenize("fox")) == 1
    assert tokenizer.model_max_length == LENGTH
    assert tokenizer.eos_token_id == len(tokenizer) - 1
