"""Passes give the same gradients however memory cuts them; readings name the step that broke."""

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from impasto.core.errors import ConfigError, ResourceError
from impasto.core.rng import generator
from impasto.data.streams import Example, draw_batch, split
from impasto.models.conditioning import Geometry
from impasto.training.loss_buffer import LossBuffer
from impasto.training.microbatches import MicroBatches, is_out_of_memory
from impasto.training.optimizers import leaves_out_steps, new_optimizer


def batch_of(rows: int, seed: int = 0):
    examples = [
        Example(Path(f"{i}"), torch.full((1, 2, 2), float(i)), torch.ones(1, 2, 2), Geometry.whole(2, 2), "")
        for i in range(4)
    ]
    return draw_batch({"style": examples, "aux": examples[:2]}, rows, generator(seed))


@given(st.integers(1, 9), st.integers(1, 9))
def test_split_keeps_every_row_in_order_and_is_even(rows: int, size: int):
    batch = batch_of(rows)
    pieces = split(batch, size)
    lengths = [len(piece["style"].x_0) for piece in pieces]
    assert max(lengths) <= size
    assert max(lengths) - min(lengths) <= 1
    for name in batch:
        assert [seed for piece in pieces for seed in piece[name].seeds] == list(batch[name].seeds)
        assert torch.equal(torch.cat([piece[name].x_0 for piece in pieces]), batch[name].x_0)


class Model:
    """A loss that is a mean over rows and draws noise by the rows' seeds; memory ends above `room` rows."""

    def __init__(self, room: int = 100) -> None:
        self.weight = nn.Parameter(torch.tensor(0.5))
        self.room, self.seen = room, []

    def loss(self, batch, seed):
        rows = len(batch["style"].x_0)
        self.seen.append(rows)
        if rows > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        terms = {}
        for name, part in batch.items():
            noise = torch.stack([torch.randn(part.x_0.shape[1:], generator=generator(each)) for each in part.seeds])
            terms[name] = (self.weight * part.x_0 - noise).square().mean()
        return terms["style"] + 0.5 * terms["aux"], terms


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 3))
def test_any_number_of_passes_gives_the_same_gradient(rows: int, size: int, batches: int):
    shown = [batch_of(rows, seed) for seed in range(batches)]
    whole, cut = Model(), Model()
    expected = MicroBatches(100).gradients(shown, [whole.weight], whole.loss)
    found = MicroBatches(size).gradients(shown, [cut.weight], cut.loss)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(cut.weight.grad, whole.weight.grad)


def test_memory_that_runs_out_halves_the_pass_and_keeps_the_step():
    shown = [batch_of(8, 1), batch_of(8, 2)]
    whole, small = Model(), Model(room=2)
    expected = MicroBatches(8).gradients(shown, [whole.weight], whole.loss)
    passes = MicroBatches(8)
    found = passes.gradients(shown, [small.weight], small.loss)
    assert passes.size == 2
    assert len(passes.notes) == 2
    assert "4 at once from now on" in passes.notes[0]
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(small.weight.grad, whole.weight.grad)
    small.seen.clear()
    small.weight.grad = None
    passes.gradients(shown, [small.weight], small.loss)
    assert small.seen == [2] * 8  # the smaller size stays


def test_one_row_that_does_not_fit_is_told_in_one_line():
    model = Model(room=0)
    with pytest.raises(ResourceError, match="one row of each stream") as raised:
        MicroBatches(4).gradients([batch_of(4)], [model.weight], model.loss)
    assert "\n" not in str(raised.value)


def test_other_errors_are_not_taken_for_memory():
    def fail(batch, seed):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1"):
        MicroBatches(4).gradients([batch_of(4)], [], fail)
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes"))


def test_a_broken_step_is_named_late_and_leaves_no_trace_in_the_weights():
    weight = nn.Parameter(torch.tensor([1.0, 2.0]))
    optimizer = new_optimizer("adamw", [{"params": [weight], "lr": 0.1, "rate": 0.1}], 0.1, torch.device("cpu"))
    assert leaves_out_steps(optimizer)
    buffer = LossBuffer(torch.device("cpu"), every=5)
    after = []
    for step, value in enumerate((1.0, 1.0, math.nan, 1.0, 1.0), start=1):
        loss = (weight * value).sum()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_([weight], 1.0)
        buffer.judge(optimizer, loss, norm)
        optimizer.step()
        optimizer.zero_grad()
        buffer.add(step, {"": loss.detach(), "style": loss.detach() / 2}, norm, ())
        after.append(weight.detach().clone())
        assert buffer.is_due == (step == 5)
    read = buffer.read()
    assert [each.step for each in read] == [1, 2, 3, 4, 5]
    assert [each.is_finite for each in read] == [True, True, False, True, True]
    assert read[1].values["style"] == pytest.approx(read[1].values[""] / 2)
    assert not torch.equal(after[0], after[1])
    assert torch.equal(after[1], after[2])
    assert torch.equal(after[1], after[4])
    assert buffer.read() == []


def test_8_bit_moments_say_what_they_need():
    with pytest.raises(ConfigError, match="needs a CUDA device, this run is on cpu"):
        new_optimizer("adamw-8bit", [], 1e-4, torch.device("cpu"))
    with pytest.raises(ConfigError, match=r"impasto\[optim\]"):
        new_optimizer("adamw-8bit", [], 1e-4, torch.device("cuda"))
