"""The decoder's stage: widening keeps the function and breaks the symmetry, noise is what was asked, runs go on."""

import json
from pathlib import Path

import pytest
import torch
from pretraining import decoder
from pretraining.autoencoder import make_autoencoder, width_of
from pretraining.decoder import decoding_part, load_autoencoder, noised
from pretraining.held_out import HeldOut, psnr
from pretraining.latents import load_latents
from pretraining.soup import between
from pretraining.widen import widened
from safetensors.torch import load_file
from tests.pocket_stages import random, write_built, write_first_stages

CPU = torch.device("cpu")


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@torch.no_grad()
def test_widened_autoencoder_is_the_same_function() -> None:
    narrow = make_autoencoder().eval()
    for seed, parameter in enumerate(narrow.parameters()):  # biases and norms that are not 0 and 1
        parameter.add_(0.05 * random(*parameter.shape, seed=seed))
    before = {name: value.clone() for name, value in narrow.state_dict().items()}
    wide = widened(narrow, rng())
    x = 0.5 * random(1, 3, 32, 32)
    latents = narrow.encode(x).latent_dist
    torch.testing.assert_close(wide.encode(x).latent_dist.mean, latents.mean, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        wide.decode(latents.mean).sample, narrow.decode(latents.mean).sample, rtol=1e-5, atol=1e-5
    )
    assert width_of(wide.state_dict()) == 64
    assert all(torch.equal(value, before[name]) for name, value in narrow.state_dict().items())


def test_copies_of_a_channel_learn_different_things() -> None:
    wide = widened(make_autoencoder(), rng())
    wide.decode(random(1, 16, 4, 4)).sample.square().mean().backward()
    weight = wide.decoder.up_blocks[3].resnets[1].conv1.weight
    gradient = weight.grad.view(32, 2, -1)
    assert float((gradient[:, 0] - gradient[:, 1]).abs().max()) > 0.01 * float(gradient.abs().max())


def test_noise_reaches_a_share_of_the_latents() -> None:
    clean = torch.zeros(400, 2, 8, 8)
    found = noised(clean, 0.25, 0.2, rng()).std(dim=(1, 2, 3))
    assert float((found > 0).float().mean()) == pytest.approx(0.25, abs=0.07)
    assert float(found.max()) < 0.2 * 1.2
    assert float(found[found > 0].mean()) == pytest.approx(0.1, abs=0.02)
    assert torch.equal(noised(clean, 0.0, 0.2, rng()), clean)


def test_psnr_by_hand() -> None:
    target = torch.zeros(2, 3, 4, 4)
    drawn = torch.stack([torch.full((3, 4, 4), 0.2), torch.full((3, 4, 4), 0.02)])
    assert psnr(target, drawn).tolist() == pytest.approx([20.0, 40.0])


@torch.no_grad()
def test_held_out_drawings_are_measured_as_they_are_decoded() -> None:
    model = make_autoencoder().eval()
    pictures = torch.rand((2, 3, 32, 32), generator=rng()) * 2 - 1
    held_out = HeldOut(model, {"pack": pictures}, CPU)
    drawn = model.decode(model.encode(pictures).latent_dist.mean).sample.clamp(-1, 1)
    assert held_out.measure(model)["pack"] == pytest.approx(float(psnr(pictures, drawn).mean()), abs=0.1)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_built(6)
    write_first_stages()
    monkeypatch.setattr(decoder, "held_out_drawings", lambda: {"pack": torch.zeros(1, 3, 32, 32)})
    return tmp_path


def train(monkeypatch: pytest.MonkeyPatch, *options: str) -> None:
    command = ["decoder", "--batch", "2", "--save-every", "0", "--crop", "32", "--warm-up", "0", *options]
    monkeypatch.setattr("sys.argv", command)
    decoder.main()


def test_decoder_learns_alone_and_can_be_widened(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = workplace / "pretraining/stages/decoder"
    before = load_latents()[0]
    train(monkeypatch, "--steps", "1", "--optimizer", "muon")
    learnt = load_autoencoder()
    assert width_of(learnt.state_dict()) == 32
    decoding = dict(decoding_part(before).named_parameters())
    changed = [not torch.equal(value, decoding[name]) for name, value in decoding_part(learnt).named_parameters()]
    assert all(changed)
    for name, value in learnt.encoder.state_dict().items():
        assert torch.equal(value, before.encoder.state_dict()[name])
    train(monkeypatch, "--steps", "2", "--widen")
    wide = load_autoencoder()
    assert width_of(wide.state_dict()) == 64
    x = 0.5 * random(1, 3, 32, 32)
    with torch.no_grad():
        expected = before.encode(x).latent_dist.mean
        torch.testing.assert_close(wide.encode(x).latent_dist.mean, expected, rtol=1e-5, atol=1e-5)
    train(monkeypatch, "--steps", "3", "--widen")  # it is wide already, and goes on
    assert len(load_file(folder / "ema.safetensors")["decoder.conv_norm_out.weight"]) == 64
    assert json.loads((folder / "counters.json").read_text())["step"] == 3
    lines = Path("pretraining/stages/decoder-log.jsonl").read_text().splitlines()
    assert set(json.loads(lines[-1])["psnr_db"]) == {"pack"}


def test_weights_between_two_decoders_are_the_ends_at_0_and_1_and_lie_on_a_line() -> None:
    start, end = {"weight": random(3, 4)}, {"weight": random(3, 4, seed=1)}
    assert torch.equal(between(start, end, 0.0)["weight"], start["weight"])
    assert torch.equal(between(start, end, 1.0)["weight"], end["weight"])
    there, back = between(start, end, 0.25)["weight"], between(end, start, 0.75)["weight"]
    torch.testing.assert_close(there, back)
    torch.testing.assert_close(there, 0.75 * start["weight"] + 0.25 * end["weight"])
