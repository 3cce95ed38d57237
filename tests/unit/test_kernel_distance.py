"""The kernel distance against sums written out naively."""

import itertools

import pytest
import torch

from impasto.metrics.kernel import kernel_distance, kernel_distance_change


def unit(count: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    rows = torch.randn((count, 8), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    rows[:, 0] += shift
    return torch.nn.functional.normalize(rows, dim=-1)


def naive(x: torch.Tensor, y: torch.Tensor) -> float:
    def k(a: torch.Tensor, b: torch.Tensor) -> float:
        return float((a @ b + 1) ** 3)  # features of length √d: xᵀy / d is the cosine

    def within(rows: torch.Tensor) -> float:
        pairs = [k(rows[i], rows[j]) for i, j in itertools.permutations(range(len(rows)), 2)]
        return sum(pairs) / len(pairs)

    across = sum(k(a, b) for a in x for b in y) / (len(x) * len(y))
    return within(x) + within(y) - 2 * across


def test_equals_the_definition() -> None:
    x, y = unit(7, 0), unit(5, 1, shift=2.0)
    assert kernel_distance(x, y).value == pytest.approx(naive(x, y), rel=1e-10)


def test_standard_error_is_the_jackknife() -> None:
    x, y = unit(6, 2), unit(5, 3, shift=1.0)
    variance = 0.0
    for rows, other in ((x, y), (y, x)):
        left_out = torch.tensor([naive(torch.cat([rows[:i], rows[i + 1 :]]), other) for i in range(len(rows))])
        variance += float((len(rows) - 1) / len(rows) * ((left_out - left_out.mean()) ** 2).sum())
    assert kernel_distance(x, y).standard_error == pytest.approx(variance**0.5, rel=1e-4)


def test_is_unbiased_for_equal_distributions() -> None:
    values = [kernel_distance(unit(20, 2 * seed), unit(20, 2 * seed + 1)).value for seed in range(200)]
    mean, error = torch.tensor(values).mean(), torch.tensor(values).std() / 200**0.5
    assert abs(float(mean)) < 4 * float(error)


def test_order_does_not_matter_and_sides_are_equal() -> None:
    x, y = unit(6, 4), unit(6, 5, shift=1.0)
    shuffled = x[torch.randperm(6, generator=torch.Generator().manual_seed(0))]
    assert kernel_distance(shuffled, y).value == pytest.approx(kernel_distance(x, y).value, rel=1e-10)
    assert kernel_distance(y, x).value == pytest.approx(kernel_distance(x, y).value, rel=1e-10)


def test_too_few_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 3 pictures"):
        kernel_distance(unit(2, 0), unit(5, 1))


def test_change_is_the_difference_and_its_error_is_the_paired_jackknife() -> None:
    before, after, real = unit(6, 6), unit(6, 7, shift=0.5), unit(6, 8, shift=1.0)
    found = kernel_distance_change(before, after, real)
    assert found.value == pytest.approx(naive(after, real) - naive(before, real), rel=1e-9)

    def without(rows: torch.Tensor, index: int) -> torch.Tensor:
        return torch.cat([rows[:index], rows[index + 1 :]])

    left_out = torch.tensor(
        [
            naive(without(after, i), without(real, i)) - naive(without(before, i), without(real, i))
            for i in range(len(real))
        ]
    )
    variance = float(5 / 6 * ((left_out - left_out.mean()) ** 2).sum())
    assert found.standard_error == pytest.approx(variance**0.5, rel=1e-4)


def test_change_of_nothing_is_certain() -> None:
    drawn, real = unit(6, 9), unit(6, 10)
    found = kernel_distance_change(drawn, drawn, real)
    assert (found.value, found.standard_error) == (0.0, 0.0)
    with pytest.raises(ValueError, match="at least 3"):
        kernel_distance_change(drawn[:2], drawn[:2], real[:2])
