"""A training against the clock: its plan, and a whole one of a few seconds on a CPU."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from dsr_core.errors import DsrError
from dsr_core.nn.checkpoint import load_checkpoint, save_checkpoint
from dsr_core.nn.unet import UNet, UNetConfig, ensemble
from training.__main__ import main
from training.pack import unpack
from training.plan import Joining, Leg, choose, read_plan
from training.sprint import LegRun, rate

TINY = UNetConfig(widths=(8, 8), encoder_blocks=(1, 1), decoder_blocks=(1,))

PLAN = {
    "common": {
        "info": {"version": "9", "training_data": "two photographs"},
        "conditions": {"points": 0.2},
        "late_conditions": {"amount": [0.1, 0.5]},
        "batch": 2,
    },
    "legs": [
        {
            "name": "first",
            "seconds": 3,
            "crop": 32,
            "rate": "5e-3",
            "mine": 1,
            "network": {"widths": [8, 8], "encoder_blocks": [1, 1], "decoder_blocks": [1]},
        },
        {"name": "second", "initial": "first", "seconds": 2, "crop": 32, "loss": 3, "late": 0.0},
    ],
}


def write(path, plan):
    path.write_text(yaml.safe_dump(plan))
    return path


def test_a_plan_is_read_with_types(tmp_path):
    first, second = read_plan(write(tmp_path / "plan.yaml", PLAN))
    assert first.rate == 0.005
    assert first.network == TINY
    assert first.late_conditions == second.late_conditions == {"amount": (0.1, 0.5)}
    assert (second.initial, second.loss, second.batch) == ("first", 3, 2)


@pytest.mark.parametrize("name", ["sprint", "sprint-hours"])
def test_a_shipped_plan_is_one_and_finds_what_it_starts_from(name, tmp_path):
    legs = read_plan(Path(f"training/configs/{name}.yaml"))
    assert legs
    assert choose(legs, [], tmp_path) == legs


@pytest.mark.parametrize(
    ("place", "change", "words"),
    [
        ("leg", {"loss": 4}, r"legs\.0\.loss: input should be 0, 1, 2 or 3\.$"),
        ("leg", {"sconds": 4}, r"there is no field legs\.0\.sconds\.$"),
        ("leg", {"seconds": "long"}, r"legs\.0\.seconds: input should be a valid number"),
        ("leg", {"late_conditions": {"streak": 0.1}}, r"no field legs\.0\.late_conditions\.streak\.$"),
        ("common", {"conditions": {"points": "many"}}, r"legs\.0\.conditions\.points: .*number"),
        ("common", {"network": {"fill": 4}}, r"no field legs\.1\.network\.fill\.$"),
        ("plan", {"leg": []}, r"there is no field leg\.$"),
        ("plan", {"legs": {"first": 3}}, r"legs: input should be a valid tuple"),
        ("plan", {"legs": ["first"]}, r"legs\.0: input should be a dictionary"),
    ],
)
def test_a_wrong_plan_is_one_sentence(tmp_path, place, change, words):
    plan = json.loads(json.dumps(PLAN))
    {"plan": plan, "common": plan["common"], "leg": plan["legs"][0]}[place].update(change)
    with pytest.raises(DsrError, match=words) as refused:
        read_plan(write(tmp_path / "plan.yaml", plan))
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith(str(tmp_path / "plan.yaml"))


def test_legs_are_chosen_by_name_and_need_something_to_start_from(tmp_path):
    legs = [Leg("a", 1), Leg("b", 1, initial="a"), Leg("c", 1, initial=str(tmp_path / "c.ckpt"))]
    assert choose(legs[:2], [], tmp_path) == legs[:2]
    with pytest.raises(DsrError, match="Leg b starts from a, which is no earlier leg and no file"):
        choose(legs, ["b"], tmp_path)
    with pytest.raises(DsrError, match="A member of leg d, none, is no file"):
        choose([Leg("d", 1, members=(Joining("none", 0.5),))], [], tmp_path)
    for leg in (
        Leg("e", 1, together=True),
        Leg("e", 1, members=(Joining("x", 0.5),), together=True, decoder=True),
    ):
        with pytest.raises(
            DsrError, match="Leg e trains members together: it needs some, and not the decoder alone"
        ):
            choose([leg], [], tmp_path)
    (tmp_path / "a.pt").touch()
    assert choose(legs, ["b"], tmp_path) == legs[1:2]
    with pytest.raises(DsrError, match="Leg c starts from"):
        choose(legs, [], tmp_path)
    with pytest.raises(DsrError, match="no leg d; name some"):
        choose(legs, ["a", "d"], tmp_path)


def test_the_rate_rises_and_falls():
    leg = Leg("a", 1, rate=0.01, warm=0.1)
    assert rate(leg, 0.0) < 0.002
    assert rate(leg, 0.1) == pytest.approx(0.01, rel=0.05)
    assert rate(leg, 1.0) == pytest.approx(0.0001)
    falling = [rate(leg, progress / 10) for progress in range(1, 11)]
    assert falling == sorted(falling, reverse=True)


def test_batches_follow_their_step_their_progress_and_the_seed(archive, tmp_path):
    data = unpack(archive, "cpu")
    network = UNetConfig(widths=(8, 8), encoder_blocks=(1, 1), decoder_blocks=(1,))
    conditions = {"clean": 0.0, "jpeg": 0.0}
    leg = Leg(
        "a", 1, network, crop=32, batch=2, conditions=conditions, late=0.5, late_conditions={"clean": 1.0}
    )
    run, other = (LegRun(leg, data, tmp_path, torch.device("cpu"), "random:0", seed) for seed in (0, 1))
    early, again, late = run.make(3, 0.1), run.make(3, 0.4), run.make(3, 0.5)
    assert torch.equal(early.damaged, again.damaged)
    assert torch.equal(late.damaged, late.clean)
    assert not torch.equal(early.clean, run.make(4, 0.1).clean)
    assert not torch.equal(early.clean, other.make(3, 0.1).clean)


def test_a_leg_goes_on_without_the_caution_of_its_start(archive, tmp_path):
    save_checkpoint(tmp_path / "start.pt", UNet(replace(TINY, caution=2.0)).eval(), {"steps": 40})
    leg = Leg("a", 1, initial=str(tmp_path / "start.pt"), crop=32, batch=2)
    run = LegRun(leg, unpack(archive, "cpu"), tmp_path, torch.device("cpu"), "random:0")
    assert run.steps_before == 40
    assert run.runner.net.config.caution == run.runner.average.config.caution == 0


@pytest.mark.parametrize("together", [False, True])
def test_members_are_trained_together_or_left_as_they_are(archive, tmp_path, together):
    starts = [str(tmp_path / f"{name}.pt") for name in "ab"]
    for seed, path in enumerate(starts):
        torch.manual_seed(seed)
        save_checkpoint(path, UNet(TINY).eval(), {})
    member = Joining(starts[1], share=0.5, shrink=2)
    leg = Leg("both", 1, initial=starts[0], members=(member,), together=together, crop=32, batch=2)
    run = LegRun(leg, unpack(archive, "cpu"), tmp_path, torch.device("cpu"), "random:0")
    before = [parameter.clone() for parameter in run.runner.net.members.parameters()]
    run.runner.set_rate(0.01)
    run.runner.step(run.make(0, 0.1))
    after = run.runner.net.members.parameters()
    assert together == any(not torch.equal(*pair) for pair in zip(before, after, strict=True))
    run.save(run.runner.average)
    apart = sorted(tmp_path.glob("both-?.pt"))
    assert len(apart) == (2 if together else 0)
    if together:
        first, second = (load_checkpoint(path)[0] for path in apart)
        both, _ = load_checkpoint(tmp_path / "both.pt")
        again = ensemble(first, [(second, 2, 0.5)])
        image = torch.rand(1, 3, 32, 32)
        torch.testing.assert_close(again(image)[1], both(image)[1], rtol=1e-2, atol=1e-2)


@pytest.mark.skipif(sys.platform != "linux", reason="on a CPU, batches are made in a fork")
def test_a_whole_sprint_of_two_legs(archive, tmp_path, capsys):
    arguments = ["--plan", str(write(tmp_path / "plan.yaml", PLAN)), "--data", str(archive)]
    arguments += ["--output-dir", str(tmp_path / "run"), "--vgg", "random:0"]
    assert main(["sprint", *arguments]) == 0
    files = [tmp_path / "run" / f"{name}.pt" for name in ("first", "second")]
    assert capsys.readouterr().out.split() == [str(path) for path in files]
    (first, said), (second, told) = map(load_checkpoint, files)
    assert (
        first.config == second.config == UNetConfig(widths=(8, 8), encoder_blocks=(1, 1), decoder_blocks=(1,))
    )
    assert (said["version"], said["loss"]) == ("9", "mask and mean absolute error")
    assert (told["training_data"], told["loss"]) == ("two photographs", "perceptual 3")
    assert int(told["steps"]) > int(said["steps"]) > 0
    weights = [net.state_dict() for net in (first, second)]
    assert any(not torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    for state in weights:
        assert all(value.isfinite().all() for value in state.values())
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert (log[0]["photos"], log[0]["legs"]) == (2, ["first", "second"])
    starts = {line["leg"]: line for line in log if "start" in line}
    ends = {line["leg"]: line for line in log if "end" in line}
    assert list(starts) == list(ends) == ["first", "second"]
    assert starts["first"]["weight"] == 0
    assert starts["second"]["weight"] > 0
    assert set(ends["second"]["end"]) == {"average_precision", "f1", "false_alarms", "psnr_inside", "psnr"}
    assert main(["sprint", *arguments, "--legs", "third"]) == 1
    assert "no leg third" in capsys.readouterr().err
