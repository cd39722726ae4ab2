"""What an ONNX file holds, as far as it has to be known before onnxruntime opens it."""

from collections.abc import Iterator

# The messages of the ONNX format in which a tensor may lie: name -> number of a field -> what is in it.
_PARTS = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_LOCATION, _EXTERNAL = 14, 1  # field and value by which a tensor says that its data lie in another file
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5


def has_external_data(content: bytes) -> bool:
    """Return whether a model takes the data of a tensor from another file.

    Raises
    ------
    ValueError
        This is no ONNX file.
    """
    waiting = [("model", memoryview(content))]
    while waiting:
        kind, message = waiting.pop()
        for field, value in _fields(message):
            if isinstance(value, int):
                if kind == "tensor" and field == _LOCATION and value == _EXTERNAL:
                    return True
            elif field in _PARTS[kind]:
                waiting.append((_PARTS[kind][field], value))
    return False


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield number and value of each field of a message in the protocol-buffer format."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if kind == _LENGTH:
            length, at = _varint(message, at)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            length = 8 if kind == _EIGHT_BYTES else 4
        else:
            raise ValueError(f"there is no field of kind {kind}")
        if at + length > len(message):
            raise ValueError("a field is cut")
        yield key >> 3, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            break
        value |= (message[at] & 127) << shift
        at += 1
        if message[at - 1] < 128:  # noqa: PLR2004 -- the highest bit says that another byte follows
            return value, at
    raise ValueError("a number is cut")
