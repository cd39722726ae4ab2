"""Make ``scan.tif``: a public-domain photograph, aged by this project's own simulator.

The photograph is NASA's portrait of the astronaut Eileen Collins (S91-45413, public domain), as it ships with
scikit-image. Run from the project's folder: ``python examples/make_scan.py``.
"""

from pathlib import Path

import cv2
import numpy as np
import skimage.data
import tifffile
import torch
from PIL import ImageCms

from training.damage import FilmDamage
from training.simulate import to_image, to_tensor

DPI = 3600


def main() -> None:
    """Write ``scan.tif`` beside this file: 16 bit RGB, sRGB profile, 3600 dpi."""
    photo = cv2.resize(skimage.data.astronaut(), (896, 896), interpolation=cv2.INTER_CUBIC)
    simulator = FilmDamage.build(None, (), seed=4).with_conditions(
        dark=(0.0, 1.0, 0.0), amount=(0.8, 0.8), scale=(0.8, 0.8), scratches=1.0, grain=0.03, clean=0.0,
        coloured=(0.0, 0.0), details=0.0, film=(0.0, 0.0, 0.0), sharpening=0.0, jpeg=0.0, hard_edges=0.0,
        defocus=0.0,
    )  # fmt: skip
    scan = simulator(to_tensor(photo), torch.Generator().manual_seed(21)).damaged
    tifffile.imwrite(
        Path(__file__).with_name("scan.tif"),
        to_image(scan, np.uint16),
        photometric="rgb",
        compression="deflate",
        predictor=True,
        resolution=(DPI, DPI),
        resolutionunit="INCH",
        iccprofile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        metadata=None,
    )


if __name__ == "__main__":
    main()
