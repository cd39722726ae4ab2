"""How fast a slider moves: ``python benchmarks/slider.py``.

Reports the time that `dsr_core.compose` takes for a 16-bit scan with 1500 defects and faint noise between
them; the network's output is made up, since a slider does not run the network. ``taskset -c 0,1`` shows two
cores.
"""

import argparse
import time

import numpy as np

from dsr_core import Options, Prediction, compose
from dsr_core.models import find_model

GRAIN = 0.1  # share of the undamaged pixels that the network is not quite sure of
OPTIONS = (
    Options(),
    Options(sensitivity=0.9),
    Options(grow=10),
    Options(feather=10),
    Options(min_size=4),
    Options(polarity="both"),
    Options(sensitivity=0.98),
    Options(sensitivity=0.98, grow=10),
    Options(grow=100, feather=100),
    Options(sensitivity=0.98, min_size=4, grow=100, feather=100),
)


def made_up(height: int, width: int) -> Prediction:
    """Return the prediction of a grey scan ``(height, width, 3)`` with 1500 square specks, black or white.

    Between them lies noise up to a probability of 0.03, as where a network sees grain.
    """
    rng = np.random.default_rng(1)
    image = np.full((height, width, 3), 20_000, np.uint16)
    grain = np.repeat(rng.random((height, width // 8 + 1)) < GRAIN, 8, axis=1)[:, :width]
    probability = grain * rng.integers(3, 8, grain.shape, np.uint8)
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
    print("elapsed  processor")
    for options in OPTIONS:
        elapsed, processor = [], []
        for _ in range(args.repeats):
            start = time.perf_counter(), time.process_time()
            compose(prediction, options)
            elapsed.append(time.perf_counter() - start[0])
            processor.append(time.process_time() - start[1])
        changed = {name: value for name, value in vars(options).items() if value != getattr(Options(), name)}
        print(
            f"{min(elapsed) * 1000:4.0f} ms {min(processor) * 1000:6.0f} ms  {changed or 'default options'}"
        )


if __name__ == "__main__":
    main()
