"""Metrics against their definitions, and what every distance of two sets has to do: identity, order, scale, noise."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.core.plugins import load_module, plugin_names
from impasto.core.rng import generator
from impasto.metrics._cosines import cosines
from impasto.metrics._errors import grouped_mean, two_sample_mean
from impasto.metrics._protocol import FeatureSets, Measurement
from impasto.metrics.cmmd import cmmd
from impasto.metrics.diversity import diversity
from impasto.metrics.frechet import frechet_distance, frechet_error, too_few
from impasto.metrics.gram import gram, gram_distance
from impasto.metrics.kernel import kernel_distance, kernel_distance_of_subsets
from impasto.metrics.nearest import nearer_than, nearest
from impasto.metrics.text_alignment import text_alignment

SEEDS = st.integers(0, 10_000)
quick = settings(deadline=None, max_examples=15)


def rows(count: int, seed: int, dim: int = 6, shift: float = 0.0) -> torch.Tensor:
    found = torch.randn((count, dim), generator=generator(seed), dtype=torch.double)
    found[:, 0] += shift
    return found


def unit(count: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    return torch.nn.functional.normalize(rows(count, seed, shift=shift), dim=1)


DISTANCES: dict[str, Callable[[torch.Tensor, torch.Tensor], float]] = {
    "frechet": frechet_distance,
    "kernel": lambda x, y: kernel_distance(x, y).value,
    "cmmd": lambda x, y: cmmd(x, y).value,
    "cmmd, biased": lambda x, y: cmmd(x, y).biased,
}


@pytest.mark.parametrize("name", DISTANCES)
@quick
@given(seed=SEEDS)
def test_order_within_and_between_sets_does_not_matter(name: str, seed: int) -> None:
    x, y, distance = unit(9, seed), unit(7, seed + 1, shift=1.0), DISTANCES[name]
    shuffled = x[torch.randperm(9, generator=generator(seed))]
    assert distance(shuffled, y) == pytest.approx(distance(x, y), rel=1e-9, abs=1e-9)
    assert distance(y, x) == pytest.approx(distance(x, y), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", DISTANCES)
def test_grows_with_noise(name: str) -> None:
    clean, noise = rows(150, 0, dim=8) * 0.3 + 1, rows(150, 1, dim=8)
    other = rows(150, 2, dim=8) * 0.3 + 1
    levels = [torch.nn.functional.normalize(clean + level * noise, dim=1) for level in (0.0, 0.3, 0.6, 1.2)]
    values = [DISTANCES[name](level, torch.nn.functional.normalize(other, dim=1)) for level in levels]
    assert values == sorted(values)
    assert values[-1] > 10 * abs(values[0])


@pytest.mark.parametrize("name", ["frechet", "cmmd, biased"])
@pytest.mark.parametrize("count", [4, 40])
def test_nothing_is_between_a_set_and_itself(name: str, count: int) -> None:
    x = unit(count, 3)
    assert 0 <= DISTANCES[name](x, x) + 1e-9 < 1e-6


# Fréchet


@quick
@given(seed=SEEDS, scale=st.floats(0.1, 10))
def test_frechet_scales_with_the_square_and_ignores_turns_and_shifts(seed: int, scale: float) -> None:
    x, y = rows(12, seed), rows(15, seed + 1, shift=1.0) * 1.5
    turn, _ = torch.linalg.qr(rows(6, seed + 2))
    value = frechet_distance(x, y)
    assert frechet_distance(scale * x, scale * y) == pytest.approx(scale**2 * value, rel=1e-8)
    assert frechet_distance(x @ turn + 3, y @ turn + 3) == pytest.approx(value, rel=1e-8)


def test_frechet_of_diagonal_covariances_is_the_sum_over_axes() -> None:
    # ±√3 on one axis at a time: means zero or the shift, covariances diagonal, so each axis adds (μ - ν)² + (σ - τ)²
    axes = torch.eye(3, dtype=torch.double)
    x = torch.cat([axes * 2, -axes * 2])
    y = torch.cat([axes, -axes]) + torch.tensor([1.0, 0, 0], dtype=torch.double)
    sigma, tau = (2 * 4 / 5) ** 0.5, (2 * 1 / 5) ** 0.5
    assert frechet_distance(x, y) == pytest.approx(1 + 3 * (sigma - tau) ** 2, rel=1e-12)


@pytest.mark.parametrize(("m", "n"), [(5, 4), (5, 40), (40, 30)])
def test_frechet_equals_the_matrix_root_for_full_and_deficient_rank(m: int, n: int) -> None:
    x, y = rows(m, 4, dim=8), rows(n, 5, dim=8, shift=0.7)
    a, b = np.cov(x.numpy(), rowvar=False), np.cov(y.numpy(), rowvar=False)
    values, vectors = np.linalg.eigh(a)
    root = vectors @ np.diag(np.sqrt(values.clip(0))) @ vectors.T
    trace = np.sqrt(np.linalg.eigvalsh(root @ b @ root).clip(0)).sum()
    means = ((x.mean(0) - y.mean(0)) ** 2).sum().item()
    assert frechet_distance(x, y) == pytest.approx(means + np.trace(a) + np.trace(b) - 2 * trace, rel=1e-6)


def test_frechet_error_is_about_the_spread_of_repetitions() -> None:
    pairs = [(rows(200, 2 * seed, dim=4), rows(200, 2 * seed + 1, dim=4, shift=2.0)) for seed in range(30)]
    spread = float(torch.tensor([frechet_distance(x, y) for x, y in pairs]).std())
    told = float(np.mean([frechet_error(x, y) for x, y in pairs]))
    assert 0.6 < told / spread < 1.6


def test_rule_for_too_few_pictures() -> None:
    assert too_few((129, 500), 128) == ""
    assert too_few((500, 128), 128).startswith(
        "128 pictures are too few for 128 dimensions: the covariance has rank 127"
    )


# Kernels


def test_kernel_of_raw_features_is_that_of_unit_length_times_root_d() -> None:
    x, y = unit(8, 0), unit(9, 1, shift=1.0)
    raw = kernel_distance(x * 6**0.5, y * 6**0.5, has_unit_length=False)
    assert raw.value == pytest.approx(kernel_distance(x, y).value, rel=1e-12)


def test_one_subset_of_everything_is_the_whole_distance() -> None:
    x, y = unit(8, 0), unit(8, 1, shift=1.0)
    found = kernel_distance_of_subsets(x, y, generator(0), subsets=3, size=8)
    assert found.mean == pytest.approx(kernel_distance(x, y).value, rel=1e-9)
    assert found.standard_deviation < 1e-9
    with pytest.raises(ValueError, match="a subset of 9 pictures does not fit: from 3 to 8"):
        kernel_distance_of_subsets(x, y, generator(0), size=9)


def test_mean_of_subsets_comes_near_the_whole() -> None:
    x, y = unit(60, 0), unit(50, 1, shift=1.0)
    found = kernel_distance_of_subsets(x, y, generator(0), subsets=400)
    assert (found.size, found.subsets) == (25, 400)
    error = found.standard_deviation / 400**0.5
    assert abs(found.mean - kernel_distance(x, y).value) < 4 * error


def test_cmmd_equals_a_double_loop() -> None:
    x, y = unit(6, 0).numpy(), unit(5, 1, shift=1.0).numpy()

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return math.exp(-sum((p - q) ** 2 for p, q in zip(a, b, strict=True)) / (2 * 10.0 * 10.0))

    def mean(a: np.ndarray, b: np.ndarray, *, skip: bool) -> float:
        values = [k(p, q) for i, p in enumerate(a) for j, q in enumerate(b) if not (skip and i == j)]
        return math.fsum(values) / len(values)

    found = cmmd(torch.from_numpy(x), torch.from_numpy(y))
    across = 2 * mean(x, y, skip=False)
    assert found.value == pytest.approx(1000 * (mean(x, x, skip=True) + mean(y, y, skip=True) - across), rel=1e-9)
    assert found.biased == pytest.approx(1000 * (mean(x, x, skip=False) + mean(y, y, skip=False) - across), rel=1e-9)


def test_unbiased_cmmd_does_not_depend_on_the_count_and_the_biased_one_does() -> None:
    few = [cmmd(unit(8, 2 * seed), unit(8, 2 * seed + 1)) for seed in range(150)]
    values = torch.tensor([each.value for each in few])
    assert abs(float(values.mean())) < 4 * float(values.std()) / 150**0.5
    assert min(each.biased for each in few) > 0


# Similarities


@quick
@given(seed=SEEDS, scale=st.floats(0.1, 10))
def test_cosines_do_not_see_length(seed: int, scale: float) -> None:
    x, y = rows(4, seed), rows(5, seed + 1)
    torch.testing.assert_close(cosines(scale * x, y), cosines(x, y))
    torch.testing.assert_close(cosines(x, x).diagonal(), torch.ones(4, dtype=torch.double))
    torch.testing.assert_close(text_alignment(scale * x, x), torch.full((4,), 100.0, dtype=torch.double))


def test_nearest_finds_a_copy() -> None:
    training, drawn = rows(5, 0), rows(4, 1)
    drawn[2] = 3 * training[4]
    similar, which = nearest(drawn, training)
    assert float(similar[2]) == pytest.approx(1)
    assert int(which[2]) == 4
    assert float(similar[[0, 1, 3]].max()) < 0.99


def test_copies_are_nearer_than_unseen_pictures_and_equals_are_not() -> None:
    assert float(nearer_than(torch.ones(3), torch.zeros(4)).mean()) == 1
    assert float(nearer_than(torch.zeros(3), torch.zeros(4)).mean()) == 0.5
    shares = [
        float(nearer_than(*(nearest(unit(20, 3 * seed + i), unit(10, 3 * seed + 2))[0] for i in (0, 1))).mean())
        for seed in range(60)
    ]
    assert abs(np.mean(shares) - 0.5) < 4 * np.std(shares) / 60**0.5


def test_diversity_of_copies_is_nothing_and_of_opposites_known() -> None:
    same = torch.ones((4, 3), dtype=torch.double)
    assert diversity(same)[0] == pytest.approx(0, abs=1e-12)
    axes = torch.eye(5, dtype=torch.double)
    value, error = diversity(axes)
    assert (value, error) == (pytest.approx(1), pytest.approx(0, abs=1e-9))


def test_gram_distance_is_relative() -> None:
    x = torch.randn((3, 10, 4), generator=generator(0))
    assert float(gram_distance(gram(x), gram(x))) == 0
    assert float(gram_distance(gram(x) * 1.5, gram(x))) == pytest.approx(0.5, rel=1e-6)


# Errors of means


def test_pictures_of_one_prompt_count_once() -> None:
    values = torch.tensor([1.0, 3.0, 4.0, 4.0, 4.0, 4.0])
    assert grouped_mean(values, "aabbbb") == (3.0, pytest.approx(1.0))
    assert grouped_mean(values[:2], "aa") == (2.0, math.inf)


def test_error_over_pairs_is_about_the_spread_of_repetitions() -> None:
    tables = [rows(20, 2 * seed, dim=3) @ rows(30, 2 * seed + 1, dim=3, shift=1.0).T for seed in range(200)]
    spread = float(torch.tensor([table.mean() for table in tables]).std())
    told = float(np.mean([two_sample_mean(table)[1] for table in tables]))
    assert 0.8 < told / spread < 1.3


# What is reported


def reported(sets: FeatureSets) -> dict[str, list[Measurement]]:
    """Return what each metric says, by its file's name."""
    modules = {name: load_module("impasto.metrics", name) for name in plugin_names("impasto.metrics")}
    return {name: list(module.measure(sets)) for name, module in modules.items() if hasattr(module, "measure")}


def test_everything_is_reported_with_counts_and_finite_errors() -> None:
    drawn, real, training = unit(8, 0), unit(6, 1), unit(5, 2)
    places = torch.randn((8, 9, 4), generator=generator(3))
    prompts = tuple("aabbccdd")
    pairs = tuple((index, index // 2) for index in range(8))
    sets = FeatureSets(drawn, prompts, real, training, unit(8, 4), unit(8, 5), pairs, places, places[:6])
    said = reported(sets)
    assert all(said.values()), "each metric says something where nothing is missing"
    found = {each.name: each for by_file in said.values() for each in by_file}
    assert len(found) == sum(map(len, said.values())), "no two call themselves the same"
    assert all(math.isfinite(each.value) and math.isfinite(each.standard_error) for each in found.values())
    assert found["KID"].counts == (8, 6)
    assert found["content similarity"].counts == (8, 4)
    assert found["nearest training picture"].counts == (8, 5)
    assert "rank 5" in found["Fréchet"].warning
    assert not any(reported(FeatureSets(drawn[:2], ("a", "b"))).values())


def test_features_without_unit_length_have_no_cmmd() -> None:
    sets = FeatureSets(rows(8, 0), tuple("abcdefgh"), rows(8, 1), has_unit_length=False)
    assert "CMMD" not in {each.name for by_file in reported(sets).values() for each in by_file}
