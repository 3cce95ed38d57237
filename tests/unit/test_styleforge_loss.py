"""The two-term loss of StyleForge against values worked out by hand."""

from pathlib import Path

import pytest
import torch

from impasto.data.streams import Example, Part, draw_batch
from impasto.diffusion.noise_process import VariancePreserving
from impasto.diffusion.objective import PLAIN
from impasto.diffusion.prediction import Prediction
from impasto.diffusion.schedule import NoiseSchedule
from impasto.methods.styleforge import StyleForge, StyleForgeSettings
from impasto.models.conditioning import Conditioning, Geometry

GEOMETRY = Geometry.whole(8, 8)


class Echo:
    """A base that predicts a constant: 2 for "style" rows, 5 for others."""

    family = "none"
    objective = PLAIN
    process = VariancePreserving(NoiseSchedule(torch.tensor([0.25])), Prediction.V)

    def encode_prompts(self, prompts: tuple[str, ...]) -> Conditioning:
        return Conditioning(torch.tensor([[[2.0 if "zwx" in prompt else 5.0]] for prompt in prompts]))

    def predict(
        self, x_t: torch.Tensor, timesteps: object, conditioning: Conditioning, geometry: object
    ) -> torch.Tensor:
        return conditioning.states[:, :, :, None].expand_as(x_t)


def part(value: float, prompt: str, rows: int) -> Part:
    paths = tuple(Path(f"{index}.png") for index in range(rows))
    return Part(torch.full((rows, 1, 2, 2), value), (prompt,) * rows, (GEOMETRY,) * rows, paths)


@pytest.mark.parametrize("prior_weight", [0.0, 0.5, 1.0])
def test_loss_equals_the_hand_computed_value(prior_weight: float) -> None:
    method = StyleForge(StyleForgeSettings(prior_weight=prior_weight))
    batch = {"style": part(1.0, "zwx style", 2), "aux": part(-1.0, "style", 3)}
    if prior_weight == 0:
        del batch["aux"]
    rows = sum(len(each.x_0) for each in batch.values())
    loss, terms = method.loss(Echo(), batch, torch.Generator().manual_seed(3))

    epsilon = torch.randn((rows, 1, 2, 2), generator=torch.Generator().manual_seed(3))
    # ᾱ = 1/4: v = ε/2 - x_0 √3/2
    style = ((2 - (epsilon[:2] / 2 - 0.75**0.5)) ** 2).mean()
    aux = ((5 - (epsilon[2:] / 2 + 0.75**0.5)) ** 2).mean() if prior_weight else torch.tensor(0.0)
    assert float(loss) == pytest.approx(float(style + prior_weight * aux), rel=1e-6)
    assert float(terms["style"]) == pytest.approx(float(style), rel=1e-6)


def example(index: int, stream: str) -> Example:
    return Example(Path(f"{stream}-{index}.png"), torch.zeros(4, 2, 2), torch.zeros(4, 2, 2), GEOMETRY, stream)


def test_prompts_are_the_dual_binding() -> None:
    assert StyleForge(StyleForgeSettings()).prompts() == {"style": "zwx style", "aux": "style"}
    assert StyleForge(StyleForgeSettings(prior_weight=0)).prompts() == {"style": "zwx style"}


def test_a_batch_holds_the_streams_in_equal_parts() -> None:
    streams = {"style": [example(i, "style") for i in range(5)], "aux": [example(i, "aux") for i in range(3)]}
    batch = draw_batch(streams, 4, torch.Generator().manual_seed(0))
    assert {name: len(each.x_0) for name, each in batch.items()} == {"style": 4, "aux": 4}
    assert len(set(batch["style"].paths)) == 4  # no repeats while the stream suffices
    assert set(batch["aux"].paths) == {Path(f"aux-{i}.png") for i in range(3)}


def test_pairs_are_drawn_anew_every_step() -> None:
    streams = {"style": [example(i, "style") for i in range(5)], "aux": [example(i, "aux") for i in range(5)]}
    rng = torch.Generator().manual_seed(0)
    pairs = set()
    for _ in range(400):
        batch = draw_batch(streams, 1, rng)
        pairs.add((batch["style"].paths, batch["aux"].paths))
    assert len(pairs) == 25  # all of 5 x 5
