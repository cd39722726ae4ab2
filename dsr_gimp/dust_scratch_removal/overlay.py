"""Pixels laid over others, where they are marked: all bytes of a place at once, as one number."""

_MARKED = bytes([0, *[255] * 255])


def marked(samples, size, first=0):
    """Return a byte for each pixel of ``size`` bytes: 0 where they are 0 from ``first`` on, else 255."""
    found = 0
    for number in range(first, size):
        found |= int.from_bytes(samples[number::size], "little")
    return found.to_bytes(len(samples) // size, "little").translate(_MARKED)


def difference(first, second):
    """Return samples that are 0 where both are alike."""
    both = int.from_bytes(first, "little") ^ int.from_bytes(second, "little")
    return both.to_bytes(len(first), "little")


def without(marks, taken):
    """Return marks (0 or 255 a pixel) less those of pixels that are taken."""
    left = int.from_bytes(marks, "little") & ~int.from_bytes(taken, "little")
    return left.to_bytes(len(marks), "little")


def laid_over(below, above, marks):
    """Return ``above`` where it is marked and ``below`` elsewhere, to the bit."""
    size = len(below) // len(marks)
    spread = bytearray(len(below))
    for number in range(size):
        spread[number::size] = marks
    under, over, mask = (int.from_bytes(part, "little") for part in (below, above, spread))
    return (under ^ ((under ^ over) & mask)).to_bytes(len(below), "little")
