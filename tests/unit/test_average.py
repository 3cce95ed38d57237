"""The moving average of weights."""

import pytest
import torch
from torch import nn

from impasto.adapters.average import Average


def test_average_by_hand():
    parameter = nn.Parameter(torch.zeros(2))
    average = Average([parameter], decay=0.15)
    expected = 0.0
    for updates, value in enumerate((1.0, 5.0, -2.0)):
        parameter.data.fill_(value)
        average.update()
        decay = min(0.15, (1 + updates) / (10 + updates))
        expected = decay * expected + (1 - decay) * value
    assert average.tensors()["0"].tolist() == pytest.approx([expected] * 2)


def test_constant_weights_are_their_own_average():
    parameter = nn.Parameter(torch.tensor([3.0]))
    average = Average([parameter], decay=0.99)
    for _ in range(5):
        average.update()
    assert average.tensors()["0"].item() == pytest.approx(3.0)


def test_shown_for_a_while_and_put_back():
    parameter = nn.Parameter(torch.tensor([0.0], dtype=torch.bfloat16))
    average = Average([parameter], decay=0.5)
    parameter.data.fill_(8)
    average.update()
    seen = []

    def fail():
        with average.shown():
            seen.append(parameter.item())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert seen == [pytest.approx(7.2, rel=0.01)]  # decay 1/10 at first
    assert parameter.item() == 8


def test_goes_on_exactly_where_it_was():
    def learn(average, parameter, values):
        for value in values:
            parameter.data.fill_(value)
            average.update()

    whole, first, second = (nn.Parameter(torch.zeros(3)) for _ in range(3))
    at_once = Average([whole], 0.9)
    learn(at_once, whole, [1, 2, 3, 4])
    before = Average([first], 0.9)
    learn(before, first, [1, 2])
    after = Average([second], 0.9)
    after.restore(before.tensors(), before.updates)
    learn(after, second, [3, 4])
    assert torch.equal(at_once.tensors()["0"], after.tensors()["0"])
