"""Make the README's picture: the example as scanned, and as the shipped model restores it."""

from pathlib import Path

import cv2
import numpy as np

import dsr_core
from dsr_core.io import read_picture

HERE = Path(__file__).parent


def main() -> None:
    """Write ``docs/images/before-after.png``: the two side by side, unscaled."""
    scan = read_picture(HERE / "scan.tif").pixels
    restored = dsr_core.restore(scan).image
    gap = np.full((scan.shape[0], 8, 3), 65535, np.uint16)
    both = np.hstack([scan[:, : scan.shape[1] * 3 // 4], gap, restored[:, : scan.shape[1] * 3 // 4]])
    target = HERE.parent / "docs" / "images" / "before-after.png"
    cv2.imwrite(str(target), np.round(both[:640, :, ::-1] / 257).astype(np.uint8))


if __name__ == "__main__":
    main()
