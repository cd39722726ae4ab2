"""Muon's steps."""

import pytest
import torch
from torch import nn

from training.muon import Muon, orthogonalise


@pytest.mark.parametrize("shape", [(8, 40), (40, 8), (16, 16)])
def test_singular_values_come_near_one_and_directions_stay(shape: tuple[int, int]):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    turned = orthogonalise(matrix)
    values = torch.linalg.svdvals(turned)
    assert turned.shape == matrix.shape
    assert values.min() > 0.6
    assert values.max() < 1.3
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    assert torch.allclose(
        left.T @ turned @ right.T, torch.diag(torch.diag(left.T @ turned @ right.T)), atol=0.1
    )


def test_kernels_take_orthogonal_steps_and_all_else_those_of_adamw():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 1, 3))
    before = [parameter.detach().clone() for parameter in net.parameters()]
    optimizer = Muon(net, net[2], lr=0.1, weight_decay=0.0)
    net(torch.randn(2, 3, 9, 9)).square().mean().backward()
    optimizer.step()
    steps = [parameter.detach() - old for parameter, old in zip(net.parameters(), before, strict=True)]
    values = torch.linalg.svdvals(steps[0].flatten(1)) / (0.1 * 0.2 * 27**0.5)
    assert values.max() < 1.3
    assert steps[0].square().mean().sqrt() == pytest.approx(0.1 * 0.2, rel=0.2)
    for step in steps[2:]:  # Adam's first step has the length of the learning rate, a fifth of the kernels'
        assert step.abs().max() == pytest.approx(0.02, rel=0.01)


def test_it_learns_and_goes_on_from_its_state():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1))
    image = torch.randn(4, 1, 12, 12)
    target = torch.nn.functional.avg_pool2d(image, 3, 1, 1)
    optimizer = Muon(net, net[2], lr=0.02, weight_decay=0.0)

    def step() -> float:
        loss = (net(image) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    first = step()
    for _ in range(60):
        last = step()
    assert last < 0.2 * first
    again = Muon(net, net[2], lr=0.02, weight_decay=0.0)
    again.load_state_dict(optimizer.state_dict())
    kernel = net[0].weight
    assert torch.equal(again.state[kernel]["momentum"], optimizer.state[kernel]["momentum"])
