"""Noise processes: inverses, derivatives, groups, exact marginals, and diffusers' own steps."""

import itertools
import math
from collections.abc import Callable, Mapping

import pytest
import torch
from diffusers import DDIMScheduler, FlowMatchEulerDiscreteScheduler
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.diffusion.guidance import Guidance
from impasto.diffusion.noise_process import NoiseProcess, VariancePreserving
from impasto.diffusion.prediction import Prediction
from impasto.diffusion.rectified_flow import RectifiedFlow, euler, shifted
from impasto.diffusion.sampling import begin, denoise
from impasto.diffusion.schedule import NoiseSchedule
from impasto.diffusion.step import Step

SCHEDULE = NoiseSchedule(torch.linspace(0.999, 0.004, 100, dtype=torch.float64))
PROCESSES: dict[str, NoiseProcess] = {
    "epsilon": VariancePreserving(SCHEDULE, Prediction.EPSILON),
    "v": VariancePreserving(SCHEDULE, Prediction.V),
    "flow": RectifiedFlow(),
    "shifted flow": RectifiedFlow(shift=3.0),
}
TIMES = torch.linspace(0.01, 0.99, 25, dtype=torch.float64)
SHIFTS = st.floats(0.1, 10)


def noise(seed: int, count: int = 3) -> torch.Tensor:
    return torch.randn((count, 4, 5, 6), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("name", PROCESSES)
@given(seed=st.integers(0, 1000), steps=st.integers(1, 100))
@settings(deadline=None, max_examples=25)
def test_a_perfect_prediction_gives_both_ends_back(name: str, seed: int, steps: int) -> None:
    process = PROCESSES[name]
    x_0, epsilon = noise(seed), noise(seed + 1)
    for levels in (process.drawing_levels(steps)[:1], process.training_levels(1, torch.Generator().manual_seed(seed))):
        rows = (levels.double() if levels.is_floating_point() else levels).expand(3)
        x_t, target = process.add_noise(x_0, epsilon, rows), process.target(x_0, epsilon, rows)
        torch.testing.assert_close(process.to_epsilon(x_t, target, rows), epsilon, rtol=0, atol=1e-9)
        torch.testing.assert_close(process.to_x_0(x_t, target, rows), x_0, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", PROCESSES)
def test_log_snr_is_that_of_the_pictures_made_and_rises_while_drawing(name: str) -> None:
    process = PROCESSES[name]
    levels = process.drawing_levels(20)[1:]
    one, none = torch.ones((19, 1, 1, 1), dtype=torch.float64), torch.zeros((19, 1, 1, 1), dtype=torch.float64)
    signal, part_of_noise = process.add_noise(one, none, levels), process.add_noise(none, one, levels)
    expected = (signal**2 / part_of_noise**2).log().flatten()
    torch.testing.assert_close(process.log_snr(levels), expected)
    assert bool((process.log_snr(levels).diff() > 0).all())


@pytest.mark.parametrize("prediction", Prediction)
def test_variance_preserving_is_the_schedule_and_the_prediction(prediction: Prediction) -> None:
    process, x_0, epsilon, levels = (
        VariancePreserving(SCHEDULE, prediction),
        noise(0),
        noise(1),
        torch.tensor([0, 50, 99]),
    )
    x_t = SCHEDULE.add_noise(x_0, epsilon, levels)
    assert torch.equal(process.add_noise(x_0, epsilon, levels), x_t)
    assert torch.equal(process.target(x_0, epsilon, levels), prediction.target(SCHEDULE, x_0, epsilon, levels))
    assert torch.equal(process.to_x_0(x_t, epsilon, levels), prediction.to_x_0(SCHEDULE, x_t, epsilon, levels))
    rngs = [torch.Generator().manual_seed(2) for _ in range(2)]
    assert torch.equal(process.training_levels(9, rngs[0]), torch.randint(100, (9,), generator=rngs[1]))


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_levels_come_back_from_timesteps_and_from_log_snr(process: NoiseProcess) -> None:
    levels = process.training_levels(50, torch.Generator().manual_seed(0))
    torch.testing.assert_close(process.to_levels(process.to_timesteps(levels).double()), levels, check_dtype=False)
    torch.testing.assert_close(process.at_log_snr(process.log_snr(levels)), levels, check_dtype=False)
    low, high = process.log_snr_range()
    assert bool(((process.log_snr(levels) >= low - 1e-6) & (process.log_snr(levels) <= high + 1e-6)).all())


@pytest.mark.parametrize("steps", [1, 2, 7, 20, 30, 100, 1000])
def test_variance_preserving_draws_at_diffusers_trailing_timesteps(steps: int) -> None:
    scheduler = DDIMScheduler(timestep_spacing="trailing")
    scheduler.set_timesteps(steps)
    process = VariancePreserving(NoiseSchedule(scheduler.alphas_cumprod), Prediction.V)
    assert torch.equal(process.drawing_levels(steps), scheduler.timesteps)


@pytest.mark.parametrize("process", [PROCESSES["v"], RectifiedFlow()])
def test_a_run_has_at_least_one_step(process: NoiseProcess) -> None:
    with pytest.raises(ValueError, match="steps: 0"):
        process.drawing_levels(0)


def test_a_table_has_no_more_steps_than_timesteps() -> None:
    with pytest.raises(ValueError, match="1 to 100"):
        PROCESSES["v"].drawing_levels(101)


def test_the_target_of_a_flow_is_the_time_derivative_of_its_interpolation() -> None:
    x_0, epsilon = noise(0), noise(1)

    def at(time: torch.Tensor) -> torch.Tensor:
        return RectifiedFlow().add_noise(x_0, epsilon, time.expand(3))

    for time in (0.0, 0.3, 1.0):
        where = torch.tensor(time, dtype=torch.float64)
        derivative = torch.autograd.functional.jacobian(at, where)
        torch.testing.assert_close(derivative, RectifiedFlow().target(x_0, epsilon, where.expand(3)))


@given(first=SHIFTS, second=SHIFTS)
@settings(deadline=None)
def test_shifts_are_a_group_that_keeps_the_ends_and_moves_log_snr_by_a_constant(first: float, second: float) -> None:
    torch.testing.assert_close(shifted(shifted(TIMES, first), second), shifted(TIMES, first * second))
    torch.testing.assert_close(shifted(shifted(TIMES, first), 1 / first), TIMES)
    torch.testing.assert_close(shifted(TIMES, 1.0), TIMES)
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
    torch.testing.assert_close(shifted(ends, first), ends)
    flow = RectifiedFlow()
    moved = flow.log_snr(shifted(TIMES, first)) - flow.log_snr(TIMES)
    torch.testing.assert_close(moved, torch.full_like(TIMES, -2 * math.log(first)))


def test_training_times_have_normal_logits_and_the_shift_moves_them() -> None:
    flow = RectifiedFlow(shift=3.0, location=0.5, scale=0.7)
    logits = flow.training_levels(100_000, torch.Generator().manual_seed(0)).double().logit()
    assert float(logits.mean()) == pytest.approx(0.5 + math.log(3.0), abs=0.01)
    assert float(logits.std()) == pytest.approx(0.7, abs=0.01)


@pytest.mark.parametrize("setting", ["shift", "scale"])
@pytest.mark.parametrize("value", [0.0, -1.0, math.nan])
def test_a_flow_refuses_what_is_not_above_zero(setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{setting}: {value}"):
        RectifiedFlow(**{setting: value})


def gaussian(mean: float, deviation: float) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return E[ε - x_0 | x_t] for x_0 from a normal distribution: the exact velocity of its flow."""

    def velocity(x_t: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        t = times.view(-1, 1, 1, 1)
        variance = (1 - t) ** 2 * deviation**2 + t**2
        centred = (x_t - (1 - t) * mean) / variance
        return t * centred - (mean + (1 - t) * deviation**2 * centred)

    return velocity


def drawn_mean_and_deviation(mean: float, deviation: float, steps: int, shift: float = 1.0) -> tuple[float, float]:
    """Return both of what Euler's method draws; every step is affine, so two noises tell all."""
    probes = torch.tensor([0.0, 1.0], dtype=torch.float64).view(2, 1, 1, 1)
    *_, last = euler(gaussian(mean, deviation), probes, RectifiedFlow(shift).drawing_levels(steps))
    return float(last[0]), float((last[1] - last[0]).abs())


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_euler_converges_to_the_exact_marginal_of_a_gaussian_at_first_order(shift: float) -> None:
    drawn = [drawn_mean_and_deviation(2.0, 0.5, steps, shift) for steps in (200, 400, 800, 1600)]
    assert [mean for mean, _ in drawn] == pytest.approx([2.0] * 4, abs=1e-9)  # means go straight: no error at all
    errors = [deviation**2 - 0.25 for _, deviation in drawn]
    assert abs(errors[-1]) < 0.005
    for coarse, fine in itertools.pairwise(errors):
        assert coarse / fine == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize("steps", [1, 2, 7])
@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_euler_is_exact_at_any_number_of_steps_where_all_lines_end_in_one_picture(steps: int, shift: float) -> None:
    assert drawn_mean_and_deviation(2.0, 0.0, steps, shift) == pytest.approx((2.0, 0.0), abs=1e-12)


@pytest.mark.parametrize("shift", [1.0, 3.0])
@pytest.mark.parametrize("steps", [1, 4, 28])
@pytest.mark.parametrize("levels_of", ["ours", "diffusers"])
def test_euler_is_diffusers_flow_match_scheduler_step_for_step(shift: float, steps: int, levels_of: str) -> None:
    scheduler = FlowMatchEulerDiscreteScheduler(shift=shift)
    levels = RectifiedFlow(shift).drawing_levels(steps)
    if levels_of == "ours":
        scheduler.set_timesteps(sigmas=[1 - index / steps for index in range(steps)])
        torch.testing.assert_close(scheduler.sigmas[:-1].double(), levels, rtol=0, atol=1e-6)
    else:
        scheduler.set_timesteps(steps)
        levels = scheduler.sigmas[:-1].double()
    velocity, theirs = gaussian(2.0, 0.5), noise(0)
    for timestep, ours in zip(scheduler.timesteps, euler(velocity, noise(0), levels), strict=True):
        predicted = velocity(theirs, (timestep.double() / 1000).expand(3))
        theirs = scheduler.step(predicted, timestep, theirs, return_dict=False)[0]
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)


def test_latents_may_be_halves_and_times_are_not_rounded_with_them() -> None:
    seen: list[float] = []

    def still(x_t: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        seen.extend(times[:1].tolist())
        return torch.zeros_like(x_t)

    levels = RectifiedFlow().drawing_levels(3)
    *_, last = euler(still, noise(0).bfloat16(), levels)
    assert last.dtype == torch.bfloat16
    assert seen == pytest.approx(levels.tolist(), abs=1e-7)


@pytest.mark.parametrize("strength", [1.0, 0.5])
@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_the_denoising_loop_takes_flows_as_diffusers_schedules_them(shift: float, strength: float) -> None:
    """On a Gaussian, whose velocity is known, the loop ends where Euler's method over the same times ends."""
    scheduler = FlowMatchEulerDiscreteScheduler(shift=shift)
    probes, picture = noise(0), noise(1)
    start = begin(scheduler, 8, probes, None if strength == 1.0 else picture, strength)
    process, velocity = RectifiedFlow(shift), gaussian(0.5, 0.2)
    times = process.to_levels(start.timesteps.double())

    def predict(shown: Mapping[str, torch.Tensor], step: Step) -> dict[str, torch.Tensor]:
        at = process.to_levels(torch.full((3,), step.timestep, dtype=torch.float64))
        return {name: velocity(x_t, at) for name, x_t in shown.items()}

    steps = list(denoise(scheduler, predict, start, guidance=Guidance(1.0), rngs=[torch.Generator()] * 3))
    begun = probes if strength == 1.0 else process.add_noise(picture, probes, times[:1].expand(3))
    torch.testing.assert_close(start.latents, begun, check_dtype=False, rtol=1e-5, atol=1e-6)
    *_, expected = euler(velocity, begun, times)
    torch.testing.assert_close(steps[-1].latents, expected, check_dtype=False, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(steps[-1].x_0(process), steps[-1].latents, check_dtype=False, rtol=1e-4, atol=1e-4)
