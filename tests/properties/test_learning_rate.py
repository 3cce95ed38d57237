"""Schedules of the learning rate: closed forms, and how far they are from what trained before."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from impasto.training.learning_rate import rate_factors

STEPS = st.integers(2, 2000)


@given(STEPS, st.data())
def test_cosine_is_the_closed_form_to_rounding(steps: int, data: st.DataObject) -> None:
    step = data.draw(st.integers(1, steps))
    before = 0.5 * (1 + math.cos(math.pi * (step - 1) / steps))  # of runs before there was a warm-up
    assert rate_factors("cosine", steps)(step) == pytest.approx(before, rel=0, abs=2**-52)


@given(STEPS, st.data())
def test_constant_is_one_to_the_bit(steps: int, data: st.DataObject) -> None:
    assert rate_factors("constant", steps)(data.draw(st.integers(1, steps))) == 1.0


@given(STEPS, st.data())
def test_warm_up_rises_along_a_line_then_the_schedule_follows(steps: int, data: st.DataObject) -> None:
    warmup = data.draw(st.integers(1, steps - 1))
    for schedule in ("constant", "linear", "cosine"):
        factor = rate_factors(schedule, steps, warmup)
        rising = data.draw(st.integers(1, warmup))
        assert factor(rising) == (rising - 1) / warmup
        assert factor(warmup + 1) == 1.0
    after = data.draw(st.integers(warmup + 1, steps))
    done = (after - 1 - warmup) / (steps - warmup)
    assert rate_factors("linear", steps, warmup)(after) == pytest.approx(1 - done, abs=1e-12)
    assert rate_factors("cosine", steps, warmup)(after) == pytest.approx((1 + math.cos(math.pi * done)) / 2, abs=1e-12)


def test_no_schedule_touches_the_global_generator() -> None:
    before = torch.get_rng_state()
    rate_factors("cosine", 10, 3)(2)
    assert torch.equal(torch.get_rng_state(), before)


@given(STEPS, st.integers(1, 5), st.data())
def test_restarts_are_cosines_one_after_the_other(steps: int, cycles: int, data: st.DataObject) -> None:
    step = data.draw(st.integers(1, steps))
    share = cycles * (step - 1) / steps % 1.0
    found = rate_factors("cosine-with-restarts", steps, cycles=cycles)(step)
    assert found == pytest.approx((1 + math.cos(math.pi * share)) / 2, abs=1e-9)


@given(STEPS, st.floats(0.5, 4), st.data())
def test_polynomial_is_a_power_of_the_line(steps: int, power: float, data: st.DataObject) -> None:
    step = data.draw(st.integers(1, steps))
    wanted = (1 - (step - 1) / steps) ** power
    assert rate_factors("polynomial", steps, power=power)(step) == pytest.approx(wanted, abs=1e-6)
