"""Metrics and features equal the field's own implementations. Run by `make parity` in an environment that has them."""

import pytest
from benchmarks.precision import COMPARISONS, TOLERANCE, Comparison

pytestmark = pytest.mark.parity_external


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("comparison", COMPARISONS, ids=lambda each: each.name)
def test_equals_the_reference(comparison: Comparison) -> None:
    found = comparison.run()
    assert found.relative < TOLERANCE, found
