import math
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
import yaml
from lightning.pytorch.callbacks import Callback

from dsr_core.errors import DsrError
from dsr_core.nn import export
from dsr_core.nn.checkpoint import load_checkpoint
from dsr_core.nn.resnet import WIDTHS
from dsr_core.nn.unet import UNet, UNetConfig
from dsr_core.nn.vgg import VGGFeatures
from tests.training.tiny import tiny_plates
from training import fit as trainer
from training import restorer
from training.config import Config, Stage, load_config
from training.damage import FilmDamage, Triplet
from training.losses import repair_terms
from training.restorer import Restorer

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*"),
    pytest.mark.filterwarnings("ignore:.*num_workers.*"),
    pytest.mark.filterwarnings("ignore:.*TensorBoard.*"),
    pytest.mark.filterwarnings("ignore:.*exists and is not empty.*"),
    pytest.mark.filterwarnings("ignore:.*val_check_interval.*"),
]


@pytest.fixture(scope="session")
def features():
    return VGGFeatures("random:0")


@pytest.fixture(autouse=True)
def _small():
    """Draw few and small plates and validate on little: the trainer is on trial, not the plates."""
    with tiny_plates() as patch:
        patch.setattr(restorer, "VALIDATION_CROPS", 4)
        patch.setattr(restorer, "VALIDATION_SIZE", 64)
        yield


def small_config(photos, loss=1):
    stage = {"crop": 32, "batch": 2}
    return Config(
        name="small",
        loss=loss,
        photos=photos,
        validation_photos=photos,
        training_data="two photographs of scikit-image, procedural damage",
        network=UNetConfig(widths=(8, 16), encoder_blocks=(1, 1), decoder_blocks=(1,)),
        stages=(
            Stage("plain", 2, **stage),
            Stage("frozen", 2, freeze_encoder=True, **stage),
            Stage("perceptual", 3, perceptual=0.1, **stage),
        ),
        vgg="random:0",
        validate_every=4,
        checkpoint_every=2,
    )


def weights(path):
    return load_checkpoint(path)[0].state_dict()


def quiet_fit(config, folder, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning warns of much that is meant so
        return trainer.fit(config, folder, enable_progress_bar=False, devices=1, accelerator="cpu", **options)


CONFIGS = sorted(p for p in Path("training/configs").glob("*.yaml") if not p.stem.startswith("sprint"))


class Killed(BaseException):
    """Stands for a kill: nothing in the trainer may catch it to tidy up."""


@pytest.mark.parametrize("loss", [1, 2, 3])
def test_a_killed_run_resumes_without_loss_and_ends_in_a_model(photos, features, tmp_path, monkeypatch, loss):
    config = small_config(photos, loss)
    monkeypatch.setattr(
        restorer, "VGGFeatures", {config.vgg: features}.__getitem__
    )  # built once for all runs
    straight = quiet_fit(config, tmp_path / "straight")

    def killed(self, outputs, batch, *rest):
        del self, outputs, rest
        if batch[0] == 4:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Restorer, "on_train_batch_end", killed)
        with pytest.raises(Killed):
            quiet_fit(config, tmp_path / "killed")
    assert not (tmp_path / "killed" / "model.pt").exists()
    resumed = quiet_fit(config, tmp_path / "killed")

    for (name, a), b in zip(weights(straight).items(), weights(resumed).values(), strict=True):
        # threads may sum in another order: equal up to the rounding of gradients
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6, msg=name)

    monkeypatch.setattr(export, "measure_margin", lambda *_: 8)  # which takes its time
    export.export_onnx(resumed, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    repaired, damage = session.run(None, {"image": np.full((1, 3, 64, 64), 0.5, np.float32)})
    assert repaired.shape == (1, 3, 64, 64)
    assert damage.shape == (1, 1, 64, 64)


def test_the_model_is_as_cautious_as_the_configuration_says(photos, tmp_path):
    config = small_config(photos)
    config = replace(config, caution=1.5, stages=config.stages[:2])
    Restorer(config).save_model(tmp_path / "model.pt", "none")
    model, _ = load_checkpoint(tmp_path / "model.pt")
    assert model.config == replace(config.network, caution=1.5)


def test_training_lowers_the_loss(photos, tmp_path, monkeypatch):
    steps = 60
    stage = Stage("repair", steps, crop=64, batch=4, learning_rate=3e-3)
    config = replace(small_config(photos), stages=(stage,), validate_every=steps)
    losses = []

    class Watch(Callback):
        def on_train_batch_end(self, trainer, *_):
            losses.append(float(trainer.callback_metrics["train/loss"]))

    monkeypatch.setattr(trainer, "Throughput", Watch)
    quiet_fit(config, tmp_path / "run")
    assert len(losses) == steps
    assert np.mean(losses[-15:]) < 0.9 * np.mean(losses[:5])


def test_the_losses_of_a_perfect_answer_are_nearly_zero():
    clean = torch.rand(2, 3, 32, 32)
    mask = torch.zeros(2, 1, 32, 32, dtype=torch.bool)
    mask[:, :, 8:20, 8:20] = True
    damaged = torch.where(mask, 1 - clean, clean)
    truth = Triplet(damaged, clean, (damaged - clean).abs().amax(1, keepdim=True), mask)
    sure = torch.where(mask, 20.0, -20.0)
    perfect = repair_terms(damaged, clean - damaged, sure, truth)
    assert sum(perfect.values()) < 1e-3
    idle = repair_terms(damaged, torch.zeros_like(clean), torch.full_like(sure, -20.0), truth)
    assert all(idle[name] > perfect[name] + 0.1 for name in perfect)


def test_hidden_damage_is_not_judged():
    clean = torch.full((1, 3, 16, 16), 0.5)
    alteration = torch.full((1, 1, 16, 16), 0.02)
    truth = Triplet(clean + 0.02, clean, alteration, torch.zeros_like(alteration, dtype=torch.bool))
    for logit in (-5.0, 5.0):
        terms = repair_terms(
            truth.damaged, torch.zeros_like(clean), torch.full_like(alteration, logit), truth
        )
        assert terms["mask"] == 0


def test_stages_follow_one_another(photos):
    config = small_config(photos)
    assert [config.stage_at(step)[0].name for step in range(config.steps)] == (
        ["plain"] * 2 + ["frozen"] * 2 + ["perceptual"] * 3
    )
    assert config.stage_at(5)[1] == pytest.approx(1 / 3)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_shipped_configurations_load(path):
    config = load_config(path)
    assert config.steps > 0
    assert math.isfinite(sum(p.numel() for p in UNet(config.network).parameters()))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"loss": 4}, r"a\.yaml: loss: input should be 1, 2 or 3\.$"),
        ({"colour": 1}, "there is no field colour"),
        ({"stages": [{"name": "a", "step": 3}]}, r"stages\.0\.steps is missing; .* stages\.0\.step\.$"),
        ({"stages": [{"name": "a", "steps": 3, "task": "prior"}]}, r"no field stages\.0\.task\.$"),
        ({"conditions": {"grian": 0.1}}, r"there is no field conditions\.grian\.$"),
        ({"conditions": {"amount": 0.1}}, r"conditions\.amount: input should be a valid tuple"),
        ({"conditions": {"dark": [1, 0]}}, r"conditions\.dark\.2 is missing"),
        ({"network": {"width": [8]}}, r"there is no field network\.width\.$"),
        ({"network": {"encoder": "resnet"}}, r"network\.encoder: input should be 'plain' or 'resnet34'"),
        ({"weight_decay": "little"}, r"weight_decay: input should be a valid number"),
        ({"frames": [1]}, r"frames\.0: input should be a valid string"),
        ({"stages": 7}, "stages: input should be a valid tuple"),
    ],
)
def test_a_wrong_configuration_is_one_sentence(tmp_path, change, word):
    stages = [{"name": "a", "steps": 3}]
    values = {
        "name": "a",
        "loss": 1,
        "photos": "p",
        "validation_photos": "v",
        "training_data": "d",
        "stages": stages,
    }
    path = tmp_path / "a.yaml"
    path.write_text(yaml.safe_dump(values | change))
    with pytest.raises(DsrError, match=word):
        load_config(path)


def test_numbers_may_be_written_as_people_write_them(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(
        "name: a\nloss: 1\nphotos: p\nvalidation_photos: v\ntraining_data: d\nweight_decay: 1e-3\n"
        "conditions: {amount: [1e-1, 1], hard: 1}\n"
        "stages: [{name: a, steps: 3, learning_rate: 2e-3, conditions: {scale: [1, 2]}}]\n"
    )
    config = load_config(path)
    assert config.weight_decay == 1e-3
    assert config.stages[0].learning_rate == 2e-3
    assert config.stages[0].conditions == {"scale": (1.0, 2.0)}
    assert config.conditions == {"amount": (0.1, 1.0), "hard": 1.0}
    assert config.photos == Path("p")


@pytest.mark.parametrize(("text", "word"), [("- a\n", "no names and values"), ("a: [", "cannot be read")])
def test_what_is_no_configuration_is_one_sentence(tmp_path, text, word):
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(DsrError, match=word) as refused:
        load_config(path)
    assert "\n" not in str(refused.value)


def test_a_simulator_without_damage_data_is_built():
    assert len(FilmDamage.build(None, (), seed=0).plates) == 2


def test_a_configuration_may_build_on_another(tmp_path):
    for path in CONFIGS:
        assert load_config(path).name == path.stem
    shared, model = (load_config(Path(f"training/configs/{name}.yaml")) for name in ("shared", "model-1"))
    assert (model.network, model.conditions) == (shared.network, shared.conditions)
    assert (model.loss, model.initial) == (1, Path("runs/shared/model.pt"))
    (tmp_path / "lost.yaml").write_text("base: nowhere.yaml\n")
    with pytest.raises(DsrError, match=r"nowhere\.yaml cannot be read"):
        load_config(tmp_path / "lost.yaml")


def test_only_a_resnet34_takes_ready_made_encoder_weights(tmp_path):
    net = UNet(UNetConfig(encoder="resnet34", widths=WIDTHS, decoder_blocks=(0, 0, 0, 0)))
    torch.save(net.encoder.state_dict(), tmp_path / "resnet34.pth")
    net.load_encoder(tmp_path / "resnet34.pth")
    with pytest.raises(DsrError, match="use resnet34"):
        UNet(UNetConfig()).load_encoder(tmp_path / "resnet34.pth")


class Mischief:
    """Runs code where it is unpickled."""

    def __reduce__(self):
        return (Path.touch, (Path("it ran"),))


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Mischief()}, tmp_path / "last.ckpt")
    torch.load(tmp_path / "last.ckpt", weights_only=False)
    assert (tmp_path / "it ran").exists()  # so would it by a careless reader
    (tmp_path / "it ran").unlink()
    with pytest.raises(DsrError, match=r"last\.ckpt' is damaged or was not written"):
        trainer.fit(small_config(tmp_path), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]
