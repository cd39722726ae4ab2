"""How fast a slider moves: ``python benchmarks/slider.py``.

Reports the processor time that `dsr_core.compose` takes for a 16-bit scan with 1500 defects; the network's
output is made up, since a slider does not run the network.
"""

import argparse
import time

import numpy as np

from dsr_core import Options, Prediction, compose
from dsr_core.models import find_model

OPTIONS = (
    Options(),
    Options(sensitivity=0.9),
    Options(grow=10),
    Options(feather=10),
    Options(min_size=4),
    Options(polarity="both"),
)


def made_up(height: int, width: int) -> Prediction:
    """Return the prediction of a grey scan ``(height, width, 3)`` with 1500 square specks, black or white."""
    rng = np.random.default_rng(1)
    image = np.full((height, width, 3), 20_000, np.uint16)
    probability = np.zeros((height, width), np.uint8)
    for row, column in zip(rng.integers(0, height - 8, 1500), rng.integers(0, width - 8, 1500), strict=True):
        speck = slice(row, row + 6), slice(column, column + 6)
        image[speck] = rng.choice((0, 65_535))
        probability[speck] = rng.integers(50, 256)
    return Prediction(image, np.full_like(image, 20_000), probability, find_model(), "cpu")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Time what a slider does.")
    parser.add_argument("--size", type=int, nargs=2, default=(2000, 3000), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    prediction = made_up(*args.size)
    print(f"{args.size[0] * args.size[1] / 1e6:.1f} megapixels; the best of {args.repeats}")
    for options in OPTIONS:
        times = []
        for _ in range(args.repeats):
            start = time.process_time()
            compose(prediction, options)
            times.append(time.process_time() - start)
        changed = {name: value for name, value in vars(options).items() if value != getattr(Options(), name)}
        print(f"{min(times) * 1000:6.0f} ms  {changed or 'default options'}")


if __name__ == "__main__":
    main()
