"""The denoiser's stage: slices are what hooks do, levels follow their power, and a stopped run ends where it would."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from pretraining import denoiser
from pretraining.batches import Batches, caption_ids, drawn_levels
from pretraining.block_captions import CONTENT, STYLE
from pretraining.caption_check import CHECKED_LEVELS, CaptionCheck, as_line, exchanged
from pretraining.conditioning import encode_captions, encode_slices, size_conditions
from pretraining.denoiser import average, make_denoiser, noise_levels, weighted_loss
from pretraining.peak import forward_operations, matrix_peak
from pretraining.pictures import read_rows
from pretraining.slices import place_of, read_slices
from pretraining.towers import Towers, load_tokenizer, tokenize
from safetensors.torch import load_file
from tests import tiny
from tests.pocket_stages import random, small_denoiser, write_built, write_first_stages
from torch import Tensor, nn

from impasto.models.block_prompts import block_prompts

CPU = torch.device("cpu")


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_built()
    write_first_stages()
    return tmp_path


@torch.no_grad()
def test_slices_are_what_hooks_show_the_blocks() -> None:
    unet = small_denoiser()
    x_t, level = random(2, 16, 16, 16), torch.tensor([100, 900])
    content, style, others = (random(2, 7, 256, seed=seed) for seed in (1, 2, 3))
    added = {"text_embeds": random(2, 128, seed=4), "time_ids": size_conditions(2, CPU)}
    plain = unet(x_t, level, others, added_cond_kwargs=added).sample
    with block_prompts(unet, {CONTENT: content, STYLE: style}):
        expected = unet(x_t, level, others, added_cond_kwargs=added).sample
    read_slices(unet, CPU, tokens=7)
    found = unet(x_t, level, torch.cat([content, style, others], dim=1), added_cond_kwargs=added).sample
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    same = unet(x_t, level, torch.cat([others] * 3, dim=1), added_cond_kwargs=added).sample
    torch.testing.assert_close(same, plain, rtol=0, atol=1e-5)
    assert float((found - same).abs().max()) > 1e-3


@torch.no_grad()
def test_shuffled_captions_need_no_second_graph() -> None:
    unet, graphs = small_denoiser(), []
    read_slices(unet, CPU, tokens=7)

    def count(graph: torch.fx.GraphModule, _: list[Tensor]) -> Callable[..., object]:
        graphs.append(graph)
        return graph.forward

    compiled = torch.compile(unet, backend=count, fullgraph=True, dynamic=False)
    x_t, level, others = random(2, 16, 16, 16), torch.tensor([1, 900]), random(2, 7, 256)
    added = {"text_embeds": random(2, 128, seed=4), "time_ids": size_conditions(2, CPU)}
    for told in ([others] * 3, [random(2, 7, 256, seed=1), random(2, 7, 256, seed=2), others]):
        compiled(x_t, level, torch.cat(told, dim=1), added_cond_kwargs=added)
    assert len(graphs) == 1


def test_every_slice_is_read_by_the_denoiser() -> None:
    with torch.device("meta"):
        layers = make_denoiser().attn_processors
    places = {name: place_of(name) for name in layers if "attn2" in name}
    assert {name.split(".transformer")[0] for name, place in places.items() if place == 0} == {CONTENT}
    assert {name.split(".transformer")[0] for name, place in places.items() if place == 1} == {STYLE}
    assert sum(place == 2 for place in places.values()) > 2


@pytest.mark.parametrize("power", [0.4, 1.0, 1.3])
def test_levels_follow_their_power(power: float) -> None:
    levels = drawn_levels(1000, power, torch.Generator().manual_seed(0))
    assert levels.min() >= 0
    assert levels.max() <= 999
    evenly = (levels.sort().values / 1000) ** (1 / power)
    assert float((evenly - torch.arange(1000) / 1000).abs().max()) < 0.02
    assert not torch.equal(levels, levels.sort().values)


def test_no_level_weighs_more_than_the_cap() -> None:
    alpha_bar, v = torch.tensor([0.0, 0.5, 0.99]), torch.ones(3, 1, 1, 1)
    for cap in (5.0, 20.0):
        by_hand = sum(min(1 / (1 - a), cap) * (1 - a) for a in alpha_bar.tolist()) / 3
        assert float(weighted_loss(torch.zeros_like(v), v, alpha_bar, cap)) == pytest.approx(by_hand, rel=1e-5)


def test_averaged_weights_are_the_mean_that_was_asked_for() -> None:
    shadow, model = nn.Linear(2, 2), nn.Linear(2, 2)
    before, new = shadow.weight.detach().clone(), model.weight.detach().clone()
    average(shadow, model, 10**6, 0.9)
    torch.testing.assert_close(shadow.weight.detach(), 0.9 * before + 0.1 * new)
    average(shadow, model, 0, 0.9)  # at first it follows
    torch.testing.assert_close(shadow.weight.detach(), new + (0.9 * before + 0.1 * new - new) / 30)


def test_captions_of_slices_are_encoded_one_by_one(workplace: Path) -> None:
    tokenizer = load_tokenizer()
    towers = Towers(tokenizer).eval()
    ids = torch.stack([tokenize(tokenizer, [text, "a castle"]) for text in ("a fox", "noto style", "a guitar")])
    states, pooled = encode_slices(towers, ids)
    alone = [encode_captions(towers, each) for each in ids]
    torch.testing.assert_close(states, torch.cat([each[0] for each in alone], dim=1))
    torch.testing.assert_close(pooled, alone[2][1])
    once, _ = encode_slices(towers, ids[:1])
    torch.testing.assert_close(once, torch.cat([alone[0][0]] * 3, dim=1))


def make_batches(rows: list[dict[str, str]], seed: int = 0) -> Batches:
    tokenizer = load_tokenizer()
    latents = torch.arange(len(rows)).float().view(-1, 1, 1, 1).expand(-1, 16, 2, 2)
    generators = [torch.Generator().manual_seed(seed + each) for each in (0, 1)]
    return Batches(latents, rows, caption_ids(tokenizer, rows), tokenizer, *generators)


def test_batches_show_each_picture_its_own_caption(workplace: Path) -> None:
    rows, tokenizer = read_rows(), load_tokenizer()
    batches, empty = make_batches(rows), tokenize(load_tokenizer(), [""])[0]
    kinds = {"empty": 0, "whole": 0, "styled": 0}
    for _ in range(20):
        shown = batches.draw(10, power=1.0, plain=0.6, shuffle=0.0)
        assert shown.ids.shape[:2] == (1, 10)
        for place, ids in zip(shown.x_0[:, 0, 0, 0].long().tolist(), shown.ids[0], strict=True):
            allowed = tokenize(tokenizer, [rows[place][f"caption_{column}"] for column in range(3)])
            assert torch.equal(ids, empty) or any(torch.equal(ids, each) for each in allowed)
            kinds["empty"] += torch.equal(ids, empty)
            kinds["whole"] += torch.equal(ids, allowed[0])
            kinds["styled"] += bool(rows[place]["words"])
    assert kinds["styled"] == 80
    assert 8 < kinds["empty"] < 40
    assert 70 < kinds["whole"] < 140


def test_shuffled_batches_tell_every_block_its_own_truth(workplace: Path) -> None:
    rows, tokenizer = read_rows(), load_tokenizer()
    shown = make_batches(rows).draw(8, power=1.0, plain=0.5, shuffle=1.0)
    assert shown.ids.shape[:2] == (3, 8)
    subjects = [rows[place]["subject"] for place in shown.x_0[:, 0, 0, 0].long().tolist()]
    told = [tokenizer.batch_decode(each, skip_special_tokens=True) for each in shown.ids]
    assert all(subject in text or not text for subject, text in zip(subjects, told[0], strict=True))
    assert any(subject not in text for subject, text in zip(subjects, told[1], strict=True))
    assert any(subject not in text for subject, text in zip(subjects, told[2], strict=True))


def test_exchanged_captions_have_another_subject_and_nothing_else() -> None:
    captions = ["a fox on a green background, noto style", "a castle, noto style", "a fox on a blue background"]
    for seed in range(8):
        changed = exchanged(captions, ["fox", "castle", "fox"], torch.Generator().manual_seed(seed))
        assert changed[0] == "a castle on a green background, noto style"
        assert changed[1] == "a fox, noto style"
    with pytest.raises(ValueError, match="two subjects"):
        exchanged(captions, ["fox"] * 3, torch.Generator())


class Heeding:
    """A denoiser that paints all of a picture by its words, and nothing else."""

    def __call__(
        self, x_t: Tensor, timesteps: Tensor, states: Tensor, added_cond_kwargs: dict[str, Tensor]
    ) -> SimpleNamespace:
        painted = 100 * added_cond_kwargs["text_embeds"].mean(dim=1)
        return SimpleNamespace(sample=painted.view(-1, 1, 1, 1).expand_as(x_t))


def test_check_is_the_loss_at_its_levels_and_the_same_every_time(workplace: Path) -> None:
    tiny.seeded()
    rows, tokenizer, schedule = read_rows(), load_tokenizer(), noise_levels()
    latents, unet, towers = random(len(rows), 16, 16, 16), small_denoiser(), Towers(load_tokenizer()).eval()
    found = CaptionCheck(latents, rows, tokenizer, schedule).losses(Heeding(), towers)
    assert CaptionCheck(latents, rows, tokenizer, schedule).losses(Heeding(), towers) == found
    assert set(found) == {str(level) for level in CHECKED_LEVELS}
    assert all(abs(right - other) > 0.01 for right, other in found.values())
    unet.conv_norm_out.weight.data.zero_()  # predicts nothing: the loss is the mean square of v, with any caption
    unet.conv_norm_out.bias.data.zero_()
    unet.conv_out.bias.data.zero_()
    for right, other in CaptionCheck(latents, rows, tokenizer, schedule).losses(unet, towers).values():
        assert right == other == pytest.approx(1, abs=0.1)
    assert as_line({"850": [0.05849, 0.559]}) == "850: 0.058/0.559"


def test_operations_are_counted_and_the_peak_is_above_them() -> None:
    one, other = random(64, 32), random(32, 16)
    assert forward_operations(lambda: one @ other) == 2 * 64 * 32 * 16
    assert 1e6 < matrix_peak(CPU, torch.float32, side=64, seconds=0.01) < 1e15


def train(monkeypatch: pytest.MonkeyPatch, *options: str) -> None:
    command = ["denoiser", "--steps", "4", "--batch", "4", "--save-every", "0", *options]
    monkeypatch.setattr("sys.argv", command)
    denoiser.main()


def test_a_stopped_run_ends_bit_for_bit_where_it_would_have(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = small_denoiser().state_dict()

    def same_start() -> torch.nn.Module:
        unet = small_denoiser()
        unet.load_state_dict(made)
        return unet

    monkeypatch.setattr(denoiser, "make_denoiser", same_start)
    monkeypatch.setattr(denoiser, "draw_sheet", lambda pipe, path: None)
    folder = workplace / "pretraining/stages/denoiser"
    train(monkeypatch, "--shuffle", "0.5")
    whole = {name: load_file(folder / f"{name}.safetensors") for name in ("unet", "ema", "optimizer", "generators")}
    for each in folder.parent.glob("*denoiser*"):  # the one before the last save too
        shutil.rmtree(each) if each.is_dir() else each.unlink()

    def stop(shadow: nn.Module, model: nn.Module, step: int, decay: float) -> None:
        if step == 3:
            raise KeyboardInterrupt
        average(shadow, model, step, decay)

    monkeypatch.setattr(denoiser, "average", stop)
    with pytest.raises(KeyboardInterrupt):
        train(monkeypatch, "--shuffle", "0.5")
    monkeypatch.setattr(denoiser, "average", average)
    assert json.loads((folder / "counters.json").read_text())["step"] == 2
    train(monkeypatch, "--shuffle", "0.5")
    for name, tensors in whole.items():
        again = load_file(folder / f"{name}.safetensors")
        assert all(torch.equal(value, again[key]) for key, value in tensors.items()), name
    assert json.loads((folder / "counters.json").read_text())["pictures"] == 16
    lines = [json.loads(line) for line in Path("pretraining/stages/denoiser-log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines[:5]] == [1, 2, 3, 4, 4]
    assert {"caption_check", "share_of_peak", "pictures_per_second", "loss", "minutes"} <= set(lines[0])
