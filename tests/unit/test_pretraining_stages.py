"""Pretraining stages: saved state comes back, the rate falls, latents are scaled without changing pictures."""

import json
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from pretraining import autoencoder, checkpoint, towers
from pretraining.autoencoder import CHANNELS, make_autoencoder, width_of
from pretraining.latents import channel_effect, effect_scale, encode, load_latents, load_normalised, normalise_latents
from pretraining.pictures import read_pictures
from pretraining.schedule import Schedule
from pretraining.sharpness import edges, reconstruction_loss
from pretraining.stage import Stage
from pretraining.tokenizer import LENGTH, train_tokenizer
from tests.pocket_stages import write_built, write_first_stages
from torch import Tensor, nn


def make_stage(minutes: float) -> tuple[Stage, nn.Linear]:
    model = nn.Linear(2, 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    return Stage("toy", {"model": model}, optimizer, Schedule(rate=0.1, minutes=minutes)), model


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


def test_rate_rises_stays_and_falls_in_a_straight_line() -> None:
    schedule = Schedule(rate=2.0, minutes=1, warm_up=0.1, constant=0.4, end=0.25)
    at = {0.0: 0, 0.05: 1, 0.1: 2, 0.3: 2, 0.5: 2, 0.75: 2 * (0.5 + 0.25 / 2), 1.0: 0.5, 1.2: 0.5}
    assert {progress: pytest.approx(schedule.rate_at(progress)) for progress in at} == at
    assert Schedule(rate=2.0, minutes=1, warm_up=0, constant=1).rate_at(1.0) == 2
    with pytest.raises(ValueError, match="more than the whole run"):
        Schedule(rate=1, minutes=1, warm_up=0.5, constant=0.6)
    with pytest.raises(ValueError, match="end is 2"):
        Schedule(rate=1, minutes=1, end=2)


def test_a_run_anew_keeps_weights_and_counts_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "STAGES", tmp_path)
    for anew, until in ((False, 3), (False, 3), (True, 6)):  # the second one has nothing left to do
        model = nn.Linear(2, 1)
        optimizer = torch.optim.AdamW(model.parameters())
        schedule = Schedule(rate=0.1, minutes=9, steps=3, anew=anew)
        rng = torch.Generator().manual_seed(0)
        stage = Stage("toy", {"model": model}, optimizer, schedule, {"rng": rng})
        for _ in stage.steps():
            stage.learn(model(torch.randn((1, 2), generator=rng)).sum(), pictures=5)
        assert (stage.step, stage.pictures) == (until, 5 * until)
    again = torch.Generator()
    assert checkpoint.load_stage("toy", {"model": nn.Linear(2, 1)}, None, {"rng": again})["step"] == 6
    assert torch.equal(again.get_state(), rng.get_state())


@torch.no_grad()
def test_normalising_latents_keeps_the_pictures() -> None:
    model = make_autoencoder().eval()
    x = torch.rand((1, 3, 64, 64), generator=torch.Generator().manual_seed(0)) * 2 - 1
    before = model.encode(x).latent_dist
    picture = model.decode(before.mean).sample
    rng = torch.Generator().manual_seed(1)
    mean, std = torch.randn(CHANNELS, generator=rng), 0.5 + torch.rand(CHANNELS, generator=rng)
    normalise_latents(model, mean, std)
    after = model.encode(x).latent_dist
    expected = (before.mean - mean[:, None, None]) / std[:, None, None]
    torch.testing.assert_close(after.mean, expected, rtol=0, atol=1e-4)
    torch.testing.assert_close(after.std * std[:, None, None], before.std, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(model.decode(after.mean).sample, picture, rtol=0, atol=1e-4)


class Linear:
    """A decoder whose pixels are weighted sums of latents: the effect of noise can be written down."""

    def __init__(self, weights: Tensor) -> None:
        self._weights = weights

    def decode(self, latents: Tensor) -> SimpleNamespace:
        return SimpleNamespace(sample=torch.einsum("pc,bchw->bphw", self._weights, latents))


def test_noise_of_one_size_does_the_same_to_pixels_in_every_channel() -> None:
    weights, std = torch.tensor([[3.0, 1.0, 0.2], [0.0, 1.0, 0.4]]), torch.tensor([1.0, 5.0, 0.5])
    latents = torch.zeros(64, 3, 16, 16)
    effect = channel_effect(Linear(weights), latents, std, torch.Generator().manual_seed(0))
    expected = weights.square().sum(dim=0) * std.square()
    torch.testing.assert_close(effect, expected / expected.max(), rtol=0.05, atol=0)
    scale = effect_scale(std, effect)
    rescaled = channel_effect(Linear(weights * scale), latents, torch.ones(3), torch.Generator().manual_seed(1))
    torch.testing.assert_close(rescaled, torch.ones(3), rtol=0.05, atol=0)
    torch.testing.assert_close((std / scale).max(), torch.tensor(2.0).sqrt())  # twice the largest effect, which is 1


def test_latents_that_are_kept_are_those_of_the_normalised_autoencoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_built(2)
    write_first_stages(normalised=False)
    model, kept = load_latents()
    assert kept.dtype == torch.float16
    torch.testing.assert_close(encode(model, read_pictures()), kept.float(), rtol=0.02, atol=0.02)
    assert float(kept.float().std(dim=(0, 2, 3)).max()) == pytest.approx(2**0.5, rel=0.01)
    monkeypatch.setattr("pretraining.latents.encode", None)  # the second time nothing is encoded
    again, same = load_latents()
    assert torch.equal(same, kept)
    assert torch.equal(again.quant_conv.weight, model.quant_conv.weight)


@pytest.mark.parametrize("module", [autoencoder, towers])
def test_first_stages_train_and_go_on(module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_built(4)
    write_first_stages()
    drawings = {"pack": torch.zeros(1, 3, 32, 32)}
    monkeypatch.setattr(autoencoder, "held_out_drawings", lambda: drawings)
    for steps in (1, 2):
        monkeypatch.setattr("sys.argv", ["stage", "--steps", str(steps), "--batch", "2", "--warm-up", "0"])
        module.main()
    line = json.loads(Path(f"pretraining/stages/{module.STAGE}-log.jsonl").read_text().splitlines()[-1])
    assert (line["step"], line["pictures"]) == (2, 4)
    assert ("psnr_db" in line) == (module is autoencoder)


def test_autoencoder_is_known_by_its_weights() -> None:
    with torch.device("meta"):
        assert [width_of(make_autoencoder(width).state_dict()) for width in (32, 64)] == [32, 64]
        assert make_autoencoder().config.latent_channels == CHANNELS


def test_edges_are_those_of_sobel() -> None:
    ramp = torch.arange(8.0).expand(1, 2, 8, 8)
    found = edges(ramp)
    assert found.shape == (1, 4, 8, 8)
    assert torch.equal(found[0, :, 1:-1, 1:-1], torch.tensor([2.0, 0, 2, 0])[:, None, None].expand(4, 6, 6))
    assert not edges(torch.full((1, 3, 8, 8), 0.7)).abs().gt(1e-6).any()  # its borders are none either


def test_loss_of_a_reconstruction_is_what_it_says() -> None:
    target = torch.rand((2, 3, 16, 16), generator=torch.Generator().manual_seed(0))
    assert reconstruction_loss(target, target) == 0
    assert float(reconstruction_loss(target, target + 0.2)) == pytest.approx(0.2 + 0.5 * 0.04, rel=1e-4)
    assert float(reconstruction_loss(target, target + 0.2, squared=0)) == pytest.approx(0.2, rel=1e-4)
    ramp = 0.1 * torch.arange(16.0).expand(1, 1, 16, 16)
    across = (14 * 0.2 + 2 * 0.1) / 16 / 2  # half at the borders, which are replicated; nothing downwards
    without = reconstruction_loss(torch.zeros_like(ramp), ramp, edge=0)
    assert float(reconstruction_loss(torch.zeros_like(ramp), ramp) - without) == pytest.approx(2 * across, rel=1e-4)


def test_tokenizer_is_lossless_and_has_room_for_rare_words() -> None:
    tokenizer = train_tokenizer(["a fox on a green background", "a fox on a red background"] * 3, merges=50)
    words = "a fox on a purple background, zwx style"
    ids = tokenizer(words).input_ids
    assert tokenizer.decode(ids, skip_special_tokens=True).replace(" ,", ",") == words
    assert tokenizer.unk_token_id not in ids[1:-1]
    assert len(tokenizer.tokenize("fox")) == 1
    assert tokenizer.model_max_length == LENGTH
    assert tokenizer.eos_token_id == len(tokenizer) - 1


def test_a_restored_autoencoder_is_packaged_as_the_denoiser_knows_it(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_built()
    write_first_stages()
    with_data, _ = load_latents()
    without = load_normalised()
    assert without.config.scaling_factor == with_data.config.scaling_factor == 1.0
    for name, value in without.state_dict().items():
        assert torch.equal(value, with_data.state_dict()[name]), name
