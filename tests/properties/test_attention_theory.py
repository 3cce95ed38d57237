"""AdaIN, named branches, windows, guidance and inversion: closed forms and invariants."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.core.rng import generator
from impasto.diffusion.adain import adain, blended_adain
from impasto.diffusion.branches import FIRST, TEACHER, side_by_side
from impasto.diffusion.guidance import Guidance, classifier_free
from impasto.diffusion.inversion import invert
from impasto.diffusion.prediction import Prediction
from impasto.diffusion.schedule import NoiseSchedule
from impasto.diffusion.step import Step

SEEDS = st.integers(0, 10_000)


def features(seed: int, tokens: int = 50, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    rng = generator(seed)
    spread, shift = torch.rand((2, 1, 6), generator=rng) * 3 + 0.5, torch.randn((2, 1, 6), generator=rng)
    return (torch.randn((2, tokens, 6), generator=rng) * spread + shift).to(dtype)


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_adain_has_mean_and_spread_of_the_style(seed: int) -> None:
    content, style = features(seed), features(seed + 1, tokens=70)
    out = adain(content, style)
    torch.testing.assert_close(out.mean(1), style.mean(1), rtol=0, atol=1e-5)
    torch.testing.assert_close(out.std(1, correction=0), style.std(1, correction=0), rtol=1e-4, atol=0)


@given(SEEDS, st.floats(0, 1))
@settings(max_examples=20, deadline=None)
def test_strength_is_linear_between_content_and_adain(seed: int, strength: float) -> None:
    content, style = features(seed, dtype=torch.float64), features(seed + 1, dtype=torch.float64)
    expected = (1 - strength) * content + strength * adain(content, style)
    torch.testing.assert_close(adain(content, style, strength), expected, rtol=0, atol=1e-12)


def test_strength_zero_is_the_content_itself() -> None:
    content = features(0)
    assert adain(content, features(1), 0.0) is content


def test_adain_of_itself_changes_nothing_and_does_not_depend_on_scale_of_content() -> None:
    content, style = features(0, dtype=torch.float64), features(1, dtype=torch.float64)
    torch.testing.assert_close(adain(content, content), content, rtol=0, atol=1e-5)
    torch.testing.assert_close(adain(100 * content + 7, style), adain(content, style), rtol=0, atol=1e-5)


def test_weights_that_add_up_to_one_blend_the_statistics() -> None:
    content, first, second = (features(seed, dtype=torch.float64) for seed in range(3))
    out = blended_adain(content, [first, second], [0.25, 0.75])
    mean = 0.25 * first.mean(1) + 0.75 * second.mean(1)
    spread = 0.25 * first.std(1) + 0.75 * second.std(1)
    torch.testing.assert_close(out.mean(1), mean, rtol=0, atol=1e-10)
    torch.testing.assert_close(out.std(1), spread, rtol=1e-5, atol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_d9_half_precision_and_constant_content_stay_finite(dtype: torch.dtype) -> None:
    """Words of zeros attend to nothing but zeros: σ(T) is 0. Large values overflow when squared in half precision."""
    style = (features(1) * 300).to(dtype)
    out = adain(torch.zeros((2, 50, 6), dtype=dtype), style)
    assert out.dtype == dtype
    torch.testing.assert_close(out.float(), style.float().mean(1, keepdim=True).expand(2, 50, 6), rtol=1e-2, atol=1e-2)
    assert torch.isfinite(adain((features(0) * 300).to(dtype), style)).all()
    assert torch.isfinite(adain(style[:, :1], style)).all()  # one token has no spread


def test_windows_tile_a_run() -> None:
    for count in range(1, 60):
        for cut in (0.1, 0.2, 0.3, 0.4, 0.7):
            steps = [Step(index, count, 0.0) for index in range(count)]
            first = [step.is_within((0.0, cut)) for step in steps]
            assert first == [not step.is_within((cut, 1.0)) for step in steps]
            assert first[0]  # a window is never rounded to nothing
            assert all(step.is_within((0.0, 1.0)) for step in steps)
    assert sum(Step(index, 50, 0.0).is_within((0.0, 0.4)) for index in range(50)) == 20


def test_branches_find_their_counterparts_by_name() -> None:
    counts = {"unconditional": 3, "words": 3, "text": 3, "teacher.unconditional": 2, "teacher.text": 2}
    branches = side_by_side(counts, {TEACHER: [0, 0, 1]})
    assert len(branches) == 13
    assert branches.rows["text"] == range(6, 9)
    teacher = branches.beside[TEACHER]
    assert teacher.rows().tolist() == [9, 9, 10, 11, 11, 12, 11, 11, 12, 9, 10, 11, 12]
    assert teacher.lenders.tolist() == [9, 10, 11, 12]
    assert branches.beside[FIRST].rows().tolist() == [0, 0, 0, 3, 3, 3, 6, 6, 6, 9, 10, 11, 12]
    assert TEACHER not in side_by_side({"text": 3}, {TEACHER: [0, 0, 1]}).beside  # it has left


@given(SEEDS, st.floats(1.1, 9), st.floats(0, 9))
@settings(max_examples=20, deadline=None)
def test_guidance(seed: int, words: float, style: float) -> None:
    rng = generator(seed)
    null, plain, text = (torch.randn((1, 2, 3, 3), generator=rng, dtype=torch.float64) for _ in range(3))
    predicted = {"unconditional": null, "words": plain, "text": text}
    assert torch.equal(Guidance(words)(predicted), classifier_free(null, text, words))
    assert torch.equal(Guidance(words, words)(predicted), classifier_free(null, text, words))
    expected = null + style * (text - plain) + words * (plain - null)
    torch.testing.assert_close(Guidance(words, style)(predicted), expected, rtol=0, atol=1e-12)
    without = {"words": plain, "text": text}
    torch.testing.assert_close(Guidance(1.0, style)(without), plain + style * (text - plain), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("guidance", "branches"),
    [
        (Guidance(5.0), ("unconditional", "text")),
        (Guidance(1.0), ("text",)),
        (Guidance(5.0, 5.0), ("unconditional", "text")),
        (Guidance(5.0, 3.0), ("unconditional", "words", "text")),
        (Guidance(1.0, 3.0), ("words", "text")),
        (Guidance(5.0, 3.0).plain(), ("unconditional", "text")),
    ],
)
def test_no_branch_is_computed_that_is_not_needed(guidance: Guidance, branches: tuple[str, ...]) -> None:
    assert guidance.branches() == branches


@pytest.mark.parametrize("prediction", list(Prediction))
def test_inversion_is_undone_by_ddim(prediction: Prediction) -> None:
    """With predictions that depend on the timestep alone, DDIM steps lead back to x_0 exactly."""
    schedule = NoiseSchedule(torch.linspace(0.999, 0.01, 100, dtype=torch.float64))
    x_0 = torch.randn((1, 2, 3, 3), generator=generator(0), dtype=torch.float64)
    timesteps = torch.tensor([90, 60, 30, 5])
    outputs = {int(t): torch.randn(x_0.shape, generator=generator(int(t)), dtype=torch.float64) for t in timesteps}
    trajectory = invert(x_0, timesteps, schedule, prediction, lambda _, t: outputs[int(t)])
    assert trajectory.shape == (4, 1, 2, 3, 3)
    levels = [*schedule.alpha_bar[timesteps].tolist(), 1.0]
    for index, t in enumerate(timesteps.tolist()):
        here, there = levels[index], levels[index + 1]
        x_t = trajectory[index]
        # solve x_t = √ᾱ x̂_0 + √(1-ᾱ) ε̂ for the less noisy end, where the prediction was made
        if prediction is Prediction.EPSILON:
            epsilon = outputs[t]
            back = there**0.5 * (x_t - (1 - here) ** 0.5 * epsilon) / here**0.5 + (1 - there) ** 0.5 * epsilon
        else:  # (x̂_0, ε̂) is (x, v) turned by an angle φ, and φ' - φ turns on
            a, b, c, d = here**0.5, (1 - here) ** 0.5, there**0.5, (1 - there) ** 0.5
            cosine, sine = a * c + b * d, b * c - a * d
            back = (x_t - sine * outputs[t]) / cosine
        expected = trajectory[index + 1] if index < 3 else x_0
        torch.testing.assert_close(back, expected, rtol=0, atol=1e-10)
