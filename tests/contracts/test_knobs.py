"""Knobs of other trainers: none changes a default, each changes something, and a run with each goes on to the bit."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from contracts.test_methods import make, options_for
from contracts.test_resume import compare, run
from impasto.adapters.low_rank import LowRank
from impasto.core.errors import ConfigError
from impasto.core.events import Planned
from impasto.core.rng import generator
from impasto.style.file import read_card
from impasto.training.optimizers import new_optimizer, parameter_groups
from impasto.training.options import TrainOptions

RATE = 1e-2
LORA = {"learn": "lora", "rank": 2, "learn_text": True}
Changes = dict[str, object]

NEUTRAL: dict[str, tuple[Changes, Changes]] = {
    "alpha = r": ({}, {"alpha": 2.0}),
    "one rate for all": ({"text_learning_rate": RATE}, {}),
    "min-snr of all levels": ({"loss_weights": "min-snr", "snr_gamma": 1e12}, {}),
    "one cycle": ({"lr_schedule": "cosine-with-restarts"}, {}),
    "captions never dropped": ({"captions": True, "caption_dropout": 0.0}, {}),
    "no offset": ({"noise_offset": 0.0}, {}),
}
"""Options and settings that spell out what happens without them."""
KNOBS: dict[str, tuple[Changes, Changes]] = {
    "alpha": ({}, {"alpha": 1.0}),
    "text rate": ({"text_learning_rate": RATE / 2}, {}),
    "min-snr": ({"loss_weights": "min-snr"}, {}),
    "debiased": ({"loss_weights": "debiased"}, {}),
    "noise offset": ({"noise_offset": 0.1}, {}),
    "prodigy": ({"optimizer": "prodigy", "learning_rate": 1.0}, {}),
    "adafactor": ({"optimizer": "adafactor"}, {}),
    "restarts": ({"lr_schedule": "cosine-with-restarts", "lr_cycles": 2}, {}),
    "polynomial": ({"lr_schedule": "polynomial", "lr_power": 2.0}, {}),
    "warm-up": ({"lr_warmup": 2}, {}),
    "caption dropout": ({"captions": True, "caption_dropout": 0.5}, {}),
    "shuffled tags": ({"captions": True, "shuffle_tags": True}, {}),
}
SAME_AS: dict[str, Changes] = {
    "one cycle": {"lr_schedule": "cosine"},
    "captions never dropped": {"captions": True},
    "caption dropout": {"captions": True},
    "shuffled tags": {"captions": True},
}
"""What a knob is compared with, where not with the defaults."""
RESUMED = ("adafactor", "text rate", "noise offset", "caption dropout")
_learnt: dict[str, dict[str, torch.Tensor]] = {}


@pytest.fixture
def plain(tiny_folders: dict[str, Path], style_images: Path, aux_images: Path, tmp_path: Path) -> TrainOptions:
    """Five steps of StyleForge in low rank, text encoders too."""
    for index, path in enumerate(sorted(style_images.glob("*.txt"))):
        path.write_text(f"blocks, number {index}, red, loud\n")
    base, out = tiny_folders["sdxl"], tmp_path / "style.safetensors"
    changes = {"steps": 5, "batch_size": 1, "learning_rate": RATE}
    return options_for(make("styleforge", **LORA), base, style_images, aux_images, out, **changes)


def learnt(plain: TrainOptions, name: str, changes: Changes, settings: Changes) -> dict[str, torch.Tensor]:
    folder = plain.out.parent
    values = plain.model_dump() | changes | {"out": folder / f"{name}.safetensors", "run_dir": folder / name}
    options = TrainOptions(**values)
    run(options, make("styleforge", **(LORA | settings)))
    return load_file(options.out)


def are_equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def plainly(plain: TrainOptions, knob: str) -> dict[str, torch.Tensor]:
    """What is learnt without a knob; the same for all of them, so it is learnt once."""
    changes = SAME_AS.get(knob, {})
    if str(changes) not in _learnt:
        _learnt[str(changes)] = learnt(plain, "plain", changes, {})
    return _learnt[str(changes)]


@pytest.mark.parametrize("knob", NEUTRAL)
def test_a_neutral_knob_changes_no_bit(plain: TrainOptions, knob: str) -> None:
    assert are_equal(plainly(plain, knob), learnt(plain, "neutral", *NEUTRAL[knob]))


@pytest.mark.parametrize("knob", KNOBS)
def test_a_knob_does_something_and_is_on_the_card(plain: TrainOptions, knob: str) -> None:
    changes, settings = KNOBS[knob]
    assert not are_equal(plainly(plain, knob), learnt(plain, "turned", changes, settings))
    config = read_card(plain.out.parent / "turned.safetensors").config
    assert all(config[name] == value for name, value in (changes | settings).items())


@pytest.mark.parametrize("knob", ["prodigy", *(pytest.param(each, marks=pytest.mark.slow) for each in RESUMED)])
def test_a_run_with_a_knob_goes_on_to_the_bit(plain: TrainOptions, knob: str) -> None:
    changes, settings = KNOBS[knob]
    options = TrainOptions(**(plain.model_dump() | changes))
    compare(make("styleforge", **(LORA | settings)), options, plain.out.parent)


@pytest.mark.parametrize(
    ("changes", "row", "told"),
    [
        ({"text_learning_rate": 5e-3}, "learning rate", "0.01, 0.005 of text encoders constant"),
        ({"optimizer": "prodigy", "learning_rate": 1.0}, "learning rate", "prodigy, 1 constant"),
        ({"loss_weights": "min-snr", "noise_offset": 0.1}, "loss", "min-snr, γ = 5, noise offset 0.1"),
        ({"captions": True, "caption_dropout": 0.25, "shuffle_tags": True}, "captions", "25% of showings, tags"),
    ],
)
def test_the_plan_says_so(plain: TrainOptions, changes: Changes, row: str, told: str) -> None:
    (plan,) = run(TrainOptions(**(plain.model_dump() | changes | {"dry_run": True})), make("styleforge", **LORA))
    assert isinstance(plan, Planned)
    assert told in dict(plan.rows)[row]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"optimizer": "prodigy"}, "give learning_rate 1"),
        ({"optimizer": "prodigy", "learning_rate": 1.0, "text_learning_rate": 0.5}, "one step size for all"),
        ({"snr_gamma": 3.0}, "without loss_weights min-snr"),
        ({"lr_cycles": 2}, "without lr_schedule cosine-with-restarts"),
        ({"lr_power": 2.0}, "without lr_schedule polynomial"),
        ({"caption_dropout": 0.1}, "without captions"),
        ({"shuffle_tags": True}, "without captions"),
    ],
)
def test_knobs_without_effect_are_refused(plain: TrainOptions, changes: Changes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        TrainOptions(**(plain.model_dump() | changes))


def test_a_rate_for_text_encoders_that_do_not_learn_is_refused(plain: TrainOptions) -> None:
    options = plain.model_copy(update={"text_learning_rate": 1e-3})
    with pytest.raises(ConfigError, match=r"--text-learning-rate 0\.001 has no effect"):
        run(options, make("styleforge", **(LORA | {"learn_text": False})))


def test_text_encoders_have_their_own_rate(sdxl: object) -> None:
    learnable = LowRank(sdxl.networks(), sdxl.targets(text=True), 2, generator(0))
    learnable.attach()
    groups = parameter_groups(learnable, 1.0, 0.25)
    assert [group["rate"] for group in groups] == [1.0, 0.25]
    assert {id(each) for each in groups[1]["params"]} == {id(each) for each in learnable.text_parameters()}
    assert len(groups[0]["params"]) + len(groups[1]["params"]) == len(learnable.parameters())
    learnable.detach()


def test_alpha_scales_exactly(sdxl: object) -> None:
    """With equal A and B, α = r / 2 has half the change of α = r, while learning and in the file."""
    changes = []
    for alpha in (None, 1.0):
        learnable = LowRank(sdxl.networks(), sdxl.targets(text=False), 2, generator(0), alpha=alpha)
        layer_path = learnable._targets("unet")[0]
        plain_layer = sdxl.denoiser.get_submodule(layer_path)
        learnable.attach()
        with torch.no_grad():
            for index, parameter in enumerate(learnable.parameters()):
                if index % 2:
                    parameter.copy_(torch.randn(parameter.shape, generator=generator(index)))
        layer = sdxl.denoiser.get_submodule(layer_path)
        shown = torch.randn(3, plain_layer.in_features, generator=generator(9))
        with torch.no_grad():
            while_learning = layer(shown) - plain_layer(shown)
        tensors = learnable.tensors()
        down, up = (tensors[f"unet.{layer_path}.lora_{each}.weight"] for each in "AB")
        assert torch.allclose(shown @ (up @ down).T, while_learning, atol=1e-5)
        changes.append(while_learning)
        learnable.detach()
    assert torch.allclose(changes[1], changes[0] / 2, atol=1e-6)


@pytest.mark.parametrize(("name", "rate"), [("adamw", 0.1), ("prodigy", 1.0), ("adafactor", 0.1)])
def test_optimisers_find_the_least_of_a_bowl(name: str, rate: float) -> None:
    weight = nn.Parameter(torch.full((4, 4), 3.0))
    groups = [{"params": [weight], "lr": rate, "rate": rate}]
    optimizer = new_optimizer(name, groups, rate, torch.device("cpu"), weight_decay=0.0)
    for _ in range(300):
        optimizer.zero_grad()
        (weight - 1).square().sum().backward()
        optimizer.step()
    assert float((weight.detach() - 1).abs().max()) < 0.2
