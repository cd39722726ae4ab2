"""Checkpoints: what is saved comes back, anything else is refused in one sentence."""

import pickle

import pytest
import torch

from dsr_core.errors import DsrError
from dsr_core.nn.checkpoint import FORMAT, load_checkpoint, save_checkpoint
from dsr_core.nn.export import TOLERANCE
from dsr_core.nn.unet import UNet, UNetConfig
from tests.nn.small_model import INFO, SMALL


@pytest.mark.parametrize("kind", ["model", "trio"])
def test_round_trip_keeps_config_weights_and_info(kind, request, tmp_path):
    model = request.getfixturevalue(kind)
    save_checkpoint(tmp_path / "a.pt", model, INFO)
    again, info = load_checkpoint(tmp_path / "a.pt")
    image = torch.rand(1, 3, 16, 32)
    assert again.config == model.config
    assert info == {key: str(value) for key, value in INFO.items()}
    assert not again.training
    save_checkpoint(tmp_path / "a.pt", again, INFO)
    twice, _ = load_checkpoint(tmp_path / "a.pt")
    with torch.no_grad():
        for first, second, theirs in zip(again(image), twice(image), model(image), strict=True):
            torch.testing.assert_close(first, theirs, rtol=1e-2, atol=TOLERANCE)
            assert torch.equal(first, second)
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


def test_a_kernel_beyond_half_precision_keeps_its_own(tmp_path):
    torch.manual_seed(0)
    model = UNet(SMALL).eval()
    kernel = model.head.conv.weight
    with torch.no_grad():
        kernel[0, 0, 0, 0] = 70_001
    save_checkpoint(tmp_path / "a.pt", model, INFO)
    stored = torch.load(tmp_path / "a.pt", weights_only=True)["state_dict"]
    assert torch.equal(load_checkpoint(tmp_path / "a.pt")[0].head.conv.weight, kernel)
    halves = [key for key, value in stored.items() if value.dtype == torch.float16]
    kernels = [key for key, value in stored.items() if value.ndim > 1]
    assert {*kernels} - {*halves} == {"head.conv.weight"}


def test_a_failed_save_leaves_the_old_file_and_nothing_else(model, tmp_path):
    save_checkpoint(tmp_path / "a.pt", model, INFO)
    before = (tmp_path / "a.pt").read_bytes()
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        save_checkpoint(tmp_path / "a.pt", model, {"name": (lambda: None)})
    assert (tmp_path / "a.pt").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


class Mischief:
    def __reduce__(self):
        return (print, ("this must never run",))


def truncated(path, model):
    save_checkpoint(path, model, INFO)
    path.write_bytes(path.read_bytes()[:-2000])


def without_a_weight(path, model):
    state = model.state_dict()
    state.pop("head.conv.bias")
    config = {"widths": model.config.widths}
    torch.save({"format": FORMAT, "config": config, "state_dict": state, "info": INFO}, path)


BAD = {
    "missing": (lambda _path, _model: None, "There is no file"),
    "empty": (lambda path, _model: path.write_bytes(b""), "damaged"),
    "text": (lambda path, _model: path.write_text("not a checkpoint\n" * 100), "damaged"),
    "truncated": (truncated, "damaged"),
    "code": (lambda path, _model: torch.save({"format": Mischief()}, path), "damaged"),
    "bare tensor": (lambda path, _model: torch.save(torch.zeros(3), path), "Tensor"),
    "bare weights": (
        lambda path, model: torch.save(model.state_dict(), path),
        "is not a checkpoint of format",
    ),
    "later format": (
        lambda path, _model: torch.save({"format": "dsr-unet-9"}, path),
        "is not a checkpoint of format",
    ),
    "no weights": (
        lambda path, _model: torch.save({"format": FORMAT, "config": {}, "info": {}}, path),
        "do not fit together; train it again",
    ),
    "unknown dimension": (
        lambda path, _model: torch.save({"format": FORMAT, "config": {"x": 1}}, path),
        "do not fit together; train it again",
    ),
    "a weight missing": (without_a_weight, "do not fit together; train it again"),
}


@pytest.mark.parametrize("case", BAD)
def test_anything_else_is_refused_in_one_sentence(case, model, tmp_path, capsys):
    write, words = BAD[case]
    path = tmp_path / "bad.pt"
    write(path, model)
    with pytest.raises(DsrError, match=words) as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)
    assert "bad.pt" in str(caught.value)
    assert "must never run" not in capsys.readouterr().out


def test_a_checkpoint_from_before_a_field_was_there_is_read(tmp_path):
    config = UNetConfig(widths=(8, 8), encoder_blocks=(1, 1), decoder_blocks=(1,), fill_levels=4)
    save_checkpoint(tmp_path / "a.pt", UNet(config).eval(), INFO)
    assert load_checkpoint(tmp_path / "a.pt")[0].config == config
    content = torch.load(tmp_path / "a.pt", weights_only=True)
    content["config"].pop("fill_levels")
    torch.save(content, tmp_path / "old.pt")
    assert load_checkpoint(tmp_path / "old.pt")[0].config.fill_levels == 0
