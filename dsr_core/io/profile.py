"""What a colour profile says about the samples: whether they are linear light."""

import struct

_CURVES = (b"rTRC", b"kTRC")
_NEAR_ONE = 0.01
_LEAST = 132  # bytes: header and number of tags


def is_linear(profile: bytes) -> bool:
    """Return whether an ICC profile has a curve of gamma 1; what is no profile has none."""
    if len(profile) < _LEAST:
        return False
    (count,) = struct.unpack_from(">I", profile, 128)
    for at in range(_LEAST, min(_LEAST + 12 * count, len(profile) - 11), 12):
        name, start, length = struct.unpack_from(">4sII", profile, at)
        if name in _CURVES:
            return _is_straight(profile[start : start + length])
    return False


def _is_straight(curve: bytes) -> bool:
    kind, count = curve[:4], int.from_bytes(curve[8:12], "big")
    if kind == b"para":
        form, gamma = curve[8:10], int.from_bytes(curve[12:16], "big") / 65536
        return form == b"\0\0" and abs(gamma - 1) < _NEAR_ONE
    if kind != b"curv" or len(curve) < 12 + 2 * count:
        return False
    values = struct.unpack_from(f">{count}H", curve, 12)
    if count == 1:
        return bool(abs(values[0] / 256 - 1) < _NEAR_ONE)
    return all(abs(value / 65535 - at / (count - 1)) < _NEAR_ONE for at, value in enumerate(values))
