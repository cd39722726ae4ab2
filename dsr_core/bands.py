"""Work on parts of an image side by side: how many threads, and how many rows at a time."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

BAND = 256
"""Rows that one thread works on at a time: low enough for their memory to be used again."""
STRIP = 16
"""Rows that stay in the processor's cache."""
_THREADS = 2
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def side_by_side(work: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
    """Return ``work(item)`` for each item, in their order; several are worked on at the same time.

    Raises
    ------
    MemoryError
        There is not even memory for a thread.
    """
    with ThreadPoolExecutor(_THREADS) as pool:
        try:
            results = pool.map(work, items)
        except RuntimeError as error:
            raise MemoryError from error
        return list(results)


@contextlib.contextmanager
def beside() -> Iterator[Callable[..., Future[Any]]]:
    """Give a function that starts work in one thread beside this one, piece after piece in their order.

    That raises `MemoryError` where there is not even memory for a thread. At the end all pieces are done.
    """
    with ThreadPoolExecutor(1) as pool:

        def start(work: Callable[..., Any], *args: object) -> Future[Any]:
            try:
                return pool.submit(work, *args)
            except RuntimeError as error:
                raise MemoryError from error

        yield start


def in_bands(work: Callable[[slice], None], height: int, reach: float) -> None:
    """Call ``work`` for bands of rows that make up the height, several at the same time.

    Parameters
    ----------
    work
        Takes the band's rows and may look at ``reach`` pixels above and below them.
    height
        All rows.
    reach
        Pixels; a band is at least eight times as high, so that looking beyond it costs little.
    """
    count = _THREADS * max(1, height // (_THREADS * max(BAND, 8 * int(reach))))
    edges = [height * number // count for number in range(count + 1)]
    side_by_side(work, map(slice, edges, edges[1:]))


def around(rows: slice, reach: int, height: int) -> tuple[slice, slice]:
    """Return the rows with ``reach`` more on both sides, if there are any, and where in these they lie."""
    top = max(rows.start - reach, 0)
    return slice(top, min(rows.stop + reach, height)), slice(rows.start - top, rows.stop - top)


def cut(rows: slice, height: int) -> Iterator[slice]:
    """Cut rows into slices of ``height`` rows, the last one perhaps lower."""
    for top in range(rows.start, rows.stop, height):
        yield slice(top, min(top + height, rows.stop))
