"""The steps of a training against the clock, and the statistics of an averaged network."""

import copy

import pytest
import torch
from torch import nn

from dsr_core.nn.unet import UNet, UNetConfig
from training.damage import Triplet
from training.losses import repair_terms
from training.runner import Runner, recalibrate

TINY = UNetConfig(widths=(8, 8), encoder_blocks=(1, 1), decoder_blocks=(1,))


def network():
    torch.manual_seed(0)
    return UNet(TINY).train()


def truth(seed=0, size=32):
    clean = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(seed))
    mask = torch.zeros(2, 1, size, size, dtype=torch.bool)
    mask[:, :, 8:12, 8:20] = True
    damaged = torch.where(mask, 1.0, clean)
    return Triplet(damaged, clean, (damaged - clean).abs().amax(1, keepdim=True), mask)


class Judge:
    """A perceptual loss that is 3 whatever it is shown."""

    def target_features(self, target):
        return [target]

    def __call__(self, image, target, known):
        assert known == [target]
        return image.mean() * 0 + 3


def test_the_average_follows_the_weights_and_takes_their_statistics():
    runner = Runner(network(), None)
    before = [parameter.detach().clone() for parameter in runner.net.parameters()]
    runner.set_rate(0.01)
    runner.step(truth())
    assert runner.steps == 1
    assert runner.loss > 0
    for old, new, mean in zip(before, runner.net.parameters(), runner.average.parameters(), strict=True):
        torch.testing.assert_close(mean, torch.lerp(old, new.detach(), 9 / 11))  # (1 + 1) / (10 + 1) stays
    for ours, theirs in zip(runner.average.buffers(), runner.net.buffers(), strict=True):
        assert torch.equal(ours, theirs) or not ours.is_floating_point()
    assert any(not torch.equal(old, new) for old, new in zip(before, runner.net.parameters(), strict=True))


def test_the_rate_of_adamw_is_a_fifth():
    runner = Runner(network(), None)
    runner.set_rate(0.05)
    rates = {group["orthogonal"]: float(group["lr"]) for group in runner.optimizer.param_groups}
    assert rates == pytest.approx({True: 0.05, False: 0.01})
    idle = copy.deepcopy(runner.net.state_dict())
    runner.set_rate(0.0)
    runner.step(truth())
    for name, parameter in runner.net.named_parameters():
        assert torch.equal(parameter, idle[name]), name


def test_steps_lower_the_loss():
    runner, losses = Runner(network(), None), []
    runner.set_rate(0.01)
    for _ in range(12):
        runner.step(truth())
        losses.append(runner.loss.item())
    assert losses[-1] < 0.9 * losses[0]


def test_the_perceptual_term_begins_half_as_large_as_the_others():
    runner = Runner(network(), Judge())
    batches = [truth(seed) for seed in range(3)]
    before = copy.deepcopy(runner.net.state_dict())
    runner.weigh(batches)
    assert runner.net.training
    assert all(torch.equal(value, before[name]) for name, value in runner.net.state_dict().items())
    runner.net.eval()
    with torch.no_grad():
        base = sum(runner.terms(batch)[0] for batch in batches) / 3
    assert runner.weight * 3 == pytest.approx(0.5 * float(base), rel=1e-4)
    alone = Runner(network(), None)
    alone.weigh(batches)
    assert alone.weight == 0
    assert alone.terms(batches[0])[1] == 0
    assert alone.record(batches[0]) == {}  # on a CPU there is nothing to record


def test_the_terms_are_those_of_the_loss():
    runner, batch = Runner(network(), None), truth()
    with torch.autocast("cpu", torch.bfloat16):
        residual, logit = copy.deepcopy(runner.net)(batch.damaged)
    expected = sum(repair_terms(batch.damaged, residual.float(), logit.float(), batch).values())
    torch.testing.assert_close(runner.terms(batch)[0], expected, rtol=1e-4, atol=1e-4)


def test_recalibrated_statistics_are_those_of_the_batches():
    net = network()
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    batches = [truth(seed).damaged for seed in range(3)]
    seen = {norm: [] for norm in norms}
    for norm in norms:
        norm.register_forward_pre_hook(lambda norm, inputs: seen[norm].append(inputs[0].detach().float()))
        norm.running_mean += 5  # of some other weights
    recalibrate(net, batches)
    assert not net.training
    assert [norm.momentum for norm in norms] == momenta
    for norm in norms:
        assert len(seen[norm]) == len(batches)
        means = torch.stack([x.mean((0, 2, 3)) for x in seen[norm]]).mean(0)
        variances = torch.stack([x.var((0, 2, 3)) for x in seen[norm]]).mean(0)
        torch.testing.assert_close(norm.running_mean, means, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(norm.running_var, variances, rtol=1e-2, atol=1e-4)


def test_settled_norms_keep_their_statistics_and_the_average_runs_with_them():
    runner = Runner(network(), None)
    runner.settle([truth(seed).damaged for seed in range(3)])
    statistics = [buffer.clone() for buffer in runner.net.buffers()]
    assert any(bool((buffer != 0).any() and (buffer != 1).any()) for buffer in statistics)
    weights = runner.net.encoder.stems[0].conv.weight.detach().clone()
    runner.set_rate(0.01)
    runner.step(truth(4))
    assert not torch.equal(weights, runner.net.encoder.stems[0].conv.weight)
    for before, ours, theirs in zip(statistics, runner.net.buffers(), runner.average.buffers(), strict=True):
        assert torch.equal(before, ours)
        assert torch.equal(ours, theirs) or not ours.is_floating_point()


def test_norms_settle_on_a_checkpoints_statistics_where_no_batches_are_given():
    runner = Runner(network(), None)
    before = [buffer.clone() for buffer in runner.net.buffers()]
    runner.settle([])
    runner.step(truth())
    assert all(map(torch.equal, before, runner.net.buffers()))
