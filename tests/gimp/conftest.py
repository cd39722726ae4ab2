"""The batch is started in every GIMP at once, when the first test needs it."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.gimp.batches import Outcome, run_batch
from tests.gimp.roots import SUITES, Job


@pytest.fixture(scope="session")
def make_job(tmp_path_factory: pytest.TempPathFactory, toy_model: Path) -> Callable[[str], Job]:
    """Return a function that makes an empty job for a version of GIMP."""
    return lambda version: Job(version, tmp_path_factory.mktemp("gimp"), toy_model)


@pytest.fixture(scope="session")
def batches(tmp_path_factory: pytest.TempPathFactory, toy_model: Path) -> dict[str, Future[Outcome]]:
    """Start the batch in every GIMP at once."""
    pool = ThreadPoolExecutor(len(SUITES))
    return {
        version: pool.submit(run_batch, version, tmp_path_factory.mktemp("gimp"), toy_model)
        for version in SUITES
    }


@pytest.fixture(scope="session", params=list(SUITES))
def batch(request: pytest.FixtureRequest, batches: dict[str, Future[Outcome]]) -> Outcome:
    """Return what came of the batch in one GIMP."""
    return batches[request.param].result()
