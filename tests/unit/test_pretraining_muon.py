"""Muon: what is orthogonal by SVD, one rate for both kinds, and state that comes back bit for bit."""

from pathlib import Path

import pytest
import torch
from pretraining import checkpoint, muon
from pretraining.muon import COEFFICIENTS, UPDATE_SIZE, Muon, orthogonalise
from torch import Tensor, nn


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(24, 24), (16, 40), (40, 16)])
def test_singular_vectors_stay_and_singular_values_follow_the_polynomial(shape: tuple[int, int]) -> None:
    matrix = random(*shape)
    u, s, vh = torch.linalg.svd(matrix.double(), full_matrices=False)
    a, b, c = COEFFICIENTS
    values = s / s.norm()
    for _ in range(5):
        values = a * values + b * values**3 + c * values**5
    torch.testing.assert_close(orthogonalise(matrix).double(), u @ values.diag() @ vh, rtol=0, atol=1e-4)


@pytest.mark.parametrize("shape", [(16, 40), (40, 16)])
def test_the_result_is_nearly_the_orthogonal_factor(shape: tuple[int, int]) -> None:
    matrix = random(*shape)
    u, _, vh = torch.linalg.svd(matrix, full_matrices=False)
    found = orthogonalise(matrix)
    values = torch.linalg.svdvals(found)
    assert float(values.min()) > 0.65
    assert float(values.max()) < 1.25
    aligned = u.mT @ found @ vh.mT  # diagonal: the singular vectors are those of the matrix
    assert float((aligned - aligned.diagonal().diag()).abs().max()) < 1e-4
    torch.testing.assert_close(orthogonalise(7 * matrix), found, rtol=0, atol=1e-5)  # its size does not count


def test_matrices_together_are_each_alone() -> None:
    several = random(5, 12, 20)
    together = orthogonalise(several)
    for one, expected in zip(several, together, strict=True):
        torch.testing.assert_close(orthogonalise(one), expected, rtol=0, atol=1e-6)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(2, 4, 3)
        self.one, self.two, self.other = nn.Linear(6, 8), nn.Linear(6, 8), nn.Conv2d(4, 8, 3)
        self.token_embedding = nn.Embedding(3, 4)
        with torch.no_grad():
            for seed, parameter in enumerate(self.parameters()):
                parameter.copy_(random(*parameter.shape, seed=seed))


def give_gradients(net: nn.Module, seed: int) -> None:
    for place, parameter in enumerate(net.parameters()):
        parameter.grad = random(*parameter.shape, seed=100 * seed + place)


def test_matrices_of_one_shape_share_a_group_and_the_rest_is_left_to_adamw() -> None:
    net = Net()
    optimizer = Muon(net.named_parameters(), lr=0.1)
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    groups = {
        tuple(sorted(names[id(each)] for each in group["params"])): group["is_matrix"]
        for group in optimizer.param_groups
    }
    others = ("conv_in.bias", "conv_in.weight", "one.bias", "other.bias", "token_embedding.weight", "two.bias")
    assert groups == {("one.weight", "two.weight"): True, ("other.weight",): True, others: False}


def test_first_update_is_the_orthogonalised_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(muon, "is_slow_in_bfloat16", lambda device: True)
    net = Net()
    before = net.other.weight.detach().clone()
    give_gradients(net, 1)
    Muon(net.named_parameters(), lr=0.1, weight_decay=0.5).step()
    expected = orthogonalise(net.other.weight.grad.reshape(8, -1)).reshape(before.shape) * UPDATE_SIZE * 36**0.5
    torch.testing.assert_close(net.other.weight.detach(), before * (1 - 0.1 * 0.5) - 0.1 * expected)


def test_what_is_no_matrix_learns_as_by_adamw() -> None:
    ours, theirs = Net(), Net()
    muon_, adamw = (
        Muon(ours.named_parameters(), lr=0.01, betas=(0.9, 0.99), weight_decay=0.1),
        torch.optim.AdamW(theirs.parameters(), lr=0.01, betas=(0.9, 0.99), weight_decay=0.1),
    )
    for seed in range(4):
        for net, optimizer in ((ours, muon_), (theirs, adamw)):
            give_gradients(net, seed)
            optimizer.step()
    torch.testing.assert_close(ours.token_embedding.weight, theirs.token_embedding.weight)
    torch.testing.assert_close(ours.one.bias, theirs.one.bias)
    assert not torch.allclose(ours.one.weight, theirs.one.weight)


def test_a_parameter_without_a_gradient_stays() -> None:
    net = Net()
    before = net.two.weight.detach().clone()
    give_gradients(net, 1)
    net.two.weight.grad = None
    Muon(net.named_parameters(), lr=0.1).step()
    assert torch.equal(net.two.weight, before)


def test_saved_state_goes_on_bit_for_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "STAGES", tmp_path)
    whole, stopped, again = Net(), Net(), Net()
    optimizers = {net: Muon(net.named_parameters(), lr=0.03) for net in (whole, stopped, again)}
    for seed in range(6):
        give_gradients(whole, seed)
        optimizers[whole].step()
    for seed in range(3):
        give_gradients(stopped, seed)
        optimizers[stopped].step()
    checkpoint.save_stage("toy", {"net": stopped}, optimizers[stopped], {"step": 3})
    assert checkpoint.load_stage("toy", {"net": again}, optimizers[again]) == {"step": 3}
    for seed in range(3, 6):
        give_gradients(again, seed)
        optimizers[again].step()
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
