"""Batches made by a process beside the training."""

import sys

import pytest
import torch

from dsr_core.errors import DsrError
from training.damage import Triplet
from training.maker import Maker

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="on a CPU, batches are made in a fork")

HOUR = 3600.0


def batch(number, progress):
    part = torch.full((1, 1, 2, 2), float(number))
    return Triplet(part, part + progress, part, part > 0)


@pytest.fixture
def make_maker():
    made = []

    def make(function):
        made.append(Maker(function, torch.device("cpu")))
        return made[-1]

    yield make
    for maker in made:
        maker.stop()


def started(maker, begun=0.0, seconds=HOUR):
    maker.start(begun, seconds)
    return maker


def test_batches_come_in_the_order_of_their_steps(make_maker):
    maker = started(make_maker(batch))
    assert [maker.get().damaged.mean().item() for _ in range(6)] == [0, 1, 2, 3, 4, 5]
    assert maker.step == 6


def test_a_batch_knows_how_far_the_training_is(make_maker, monkeypatch):
    monkeypatch.setattr("training.maker.time.perf_counter", lambda: 25.0)  # the fork takes it along
    truth = started(make_maker(batch), begun=10.0, seconds=20.0).get()
    assert (truth.clean - truth.damaged).mean().item() == 0.75


def test_a_renewed_process_goes_on_at_its_step_with_what_changed(make_maker):
    places = [0]
    maker = started(make_maker(lambda step, progress: batch(100 * places[0] + step, progress)))
    assert [maker.get().damaged.mean().item() for _ in range(2)] == [0, 1]
    places[0] = 1
    maker.renew()
    assert [maker.get().damaged.mean().item() for _ in range(2)] == [102, 103]


def test_a_stopped_process_has_ended(make_maker):
    maker = started(make_maker(batch))
    maker.get()
    maker.stop()
    assert not maker.worker.is_alive()


def test_a_process_that_failed_is_not_waited_for(make_maker, capfd):
    def fail(step, progress):
        raise MemoryError(f"no room for batch {step} at {progress:.0%}")

    with pytest.raises(DsrError, match="What makes the batches has ended"):
        started(make_maker(fail)).get()
    assert "no room for batch 0" in capfd.readouterr().err
