"""Make the README's row: a damaged picture, the same by models 1, 2 and 3, and as it was.

The picture is the coffee of scikit-image (Rachel Michetti, public domain), damaged by this simulator. Run
from the project's folder: ``python examples/make_three_models.py``.
"""

from pathlib import Path

import cv2
import numpy as np
import skimage.data
import torch

import dsr_core
from training.damage import FilmDamage
from training.simulate import to_image, to_tensor

SIDE, GAP = 256, 6


def main() -> None:
    """Write ``docs/images/three-models.png``: input, model 1, model 2, model 3, target, at 100 %."""
    photo = skimage.data.coffee()[:392, :600]
    simulator = FilmDamage.build(None, (), seed=4).with_conditions(
        dark=(0.0, 0.0, 1.0), amount=(0.5, 0.5), scale=(0.6, 0.6), scratches=1.0, grain=0.04, clean=0.0,
        coloured=(0.0, 0.0), details=0.0, film=(0.0, 0.0, 0.0), sharpening=0.0, jpeg=0.0, hard_edges=0.0,
        defocus=0.0,
    )  # fmt: skip
    truth = simulator(to_tensor(photo), torch.Generator().manual_seed(3))
    damaged, clean = (to_image(part, np.uint8) for part in (truth.damaged, truth.clean))
    restored = [dsr_core.restore(damaged, model=name).image for name in ("1", "2", "3")]
    window = np.s_[100 : 100 + SIDE, 180 : 180 + SIDE]
    gap = np.full((SIDE, GAP, 3), 255, np.uint8)
    row = [part for image in (damaged, *restored, clean) for part in (image[window], gap)]
    target = Path(__file__).parent.parent / "docs" / "images" / "three-models.png"
    cv2.imwrite(str(target), cv2.cvtColor(np.hstack(row[:-1]), cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()
