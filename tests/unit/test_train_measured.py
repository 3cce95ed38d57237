"""The first steps are measured once, and told beside what was expected."""

from collections.abc import Generator, Sequence

import pytest
import torch

from impasto.cli.console import format_correction
from impasto.core.events import Corrected, Event, Noted, TrainStep
from impasto.core.formatting import format_bytes, format_duration, format_pace
from impasto.training.plan import Estimate
from impasto.training.resources.measured import corrected, peak_bytes

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
COST = Estimate(1, 900 * 2**20, "about 900 MiB", 6.0)


def steps_of(seconds: Sequence[float], *, steps: int = 20) -> Generator[Event]:
    for index, each in enumerate(seconds):
        yield TrainStep(index + 1, steps, 0.5, (), each)


def test_the_first_step_and_an_outlier_do_not_count() -> None:
    seconds = [30.0, 0.4, 0.5, 0.5, 9.0, 0.6, 0.1, 0.1]
    found = list(corrected(steps_of(seconds), COST, CPU))
    assert [event.step for event in found if isinstance(event, TrainStep)] == list(range(1, 9))
    (told,) = (event for event in found if isinstance(event, Corrected))
    assert (told.step, told.seconds, told.left) == (6, 0.5, 7.0)
    assert (told.expected_seconds, told.expected_peak) == (0.3, COST.bytes)
    assert found.index(told) == 6  # right after the step that made it known


def test_a_run_that_is_too_short_or_silent_is_not_corrected() -> None:
    assert not [each for each in corrected(steps_of([1.0] * 5), COST, CPU) if isinstance(each, Corrected)]
    assert list(corrected((each for each in [Noted("x")]), COST, CPU)) == [Noted("x")]


def test_on_a_gpu_a_whole_reading_is_left_out_and_its_allocator_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda _: asked.append("reset"))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: asked.append("peak") or 2**30)
    found = list(corrected(steps_of([5.0] * 10 + [0.2] * 10), COST, CUDA))
    (told,) = (event for event in found if isinstance(event, Corrected))
    assert (told.step, told.seconds, told.left) == (15, 0.2, 1.0)
    assert told.peak == 2**30 + 500 * 2**20  # the allocator does not see the context, and the plan counts it
    assert asked == ["reset", "peak"]


def test_the_steps_are_closed_with_it() -> None:
    closed: list[bool] = []

    def endless() -> Generator[Event]:
        try:
            while True:
                yield Noted("x")
        finally:
            closed.append(True)

    stream = corrected(endless(), COST, CPU)
    next(stream)
    stream.close()
    assert closed == [True]


def test_the_peak_of_this_process_is_at_least_what_torch_takes() -> None:
    peak = peak_bytes(CPU)
    assert peak is not None
    assert 50 * 2**20 < peak < 2**40
    assert peak_bytes(torch.device("mps")) is None


def test_it_is_told_in_one_line() -> None:
    measured = Corrected(6, 0.42, 0.3, 170.4, int(1.1 * 2**30), 900 * 2**20)
    assert format_correction(measured) == (
        "0.42 s a step (expected 0.3 s), about 2 min 50 s left; peak 1.1 GiB (expected 900 MiB)"
    )
    assert format_correction(Corrected(6, 12.3, 9.7, 50, None, 1)) == "12 s a step (expected 9.7 s), about 50 s left"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (89, "89 s"), (90, "1 min 30 s"), (599.6, "10 min"), (36_000, "600 min")]
)
def test_durations(seconds: float, words: str) -> None:
    assert format_duration(seconds) == f"about {words}"


def test_sizes_and_paces() -> None:
    assert (format_bytes(2**30), format_bytes(2**20)) == ("1.0 GiB", "1 MiB")
    assert (format_pace(0.0042), format_pace(123.4)) == ("0.0042 s", "123 s")
