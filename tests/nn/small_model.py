"""A U-Net small enough for tests, and what its checkpoint says about it."""

from dsr_core.nn.unet import UNetConfig

SMALL = UNetConfig(widths=(8, 8, 16), encoder_blocks=(1, 1, 1), decoder_blocks=(1, 1))
INFO = {"name": "test", "version": "1", "loss": "3", "training_data": "none", "steps": 7, "licence": "MIT"}
