"""What the frames of a roll show of each other's scratches; all are looked at before any is restored."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

from dsr_core import pixels
from dsr_core.bands import side_by_side
from dsr_core.coding import guess
from dsr_core.errors import DsrError
from dsr_core.io import read_picture
from dsr_core.job import STREAM, Job
from dsr_core.returning import returning
from dsr_core.scratches import Trace, find_traces, reach

Look = tuple[tuple[int, int], list[Trace]]


def with_places(jobs: Sequence[Job], tell: Callable[[str], None]) -> list[Job]:
    """Return the jobs with the places at which frames of their size have scratches in common.

    Every file is read for this, no network runs. One that cannot be read is left out: why, it says itself
    when its turn has come.

    Parameters
    ----------
    jobs
        One for each frame.
    tell
        Takes a sentence for the user.
    """
    tell(f"Comparing {len(jobs)} files, to find lines that come back")
    alike: dict[tuple[int, int], list[int]] = defaultdict(list)
    traces: dict[int, list[Trace]] = {}
    for number, look in enumerate(side_by_side(_look, jobs)):
        if look:
            size, traces[number] = look
            alike[size].append(number)
    result = list(jobs)
    for size, numbers in alike.items():
        found = returning([traces[number] for number in numbers], reach(size))
        for place, count in found:
            line = "column" if place.axis == 0 else "row"
            tell(
                f"A line comes back at {line} {place.across} of {count} of the {len(numbers)} files "
                f"with {size[1]} x {size[0]} pixels"
            )
        for number in numbers:
            result[number] = replace(jobs[number], places=tuple(place for place, _ in found))
    if not any(job.places for job in result):
        tell("No line comes back at the same place of many files")
    return result


def _look(job: Job) -> Look | None:
    """Return size and traces of a job's picture."""
    if job.source == STREAM:
        return None
    try:
        picture = read_picture(job.source, job.wishes, white=job.white)
        coding = picture.coding or guess(picture.pixels)[0]
        samples = pixels.colour(picture.pixels if coding is None else coding.opened(picture.pixels))
        linear = picture.linear if job.linear is None else job.linear
        height, width = samples.shape[:2]
        return (height, width), find_traces(samples, linear=linear)
    except (DsrError, OSError, MemoryError):
        return None
