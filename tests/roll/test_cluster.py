"""A roll on a real cluster of two processes, one of which is killed."""

import os
import signal
from pathlib import Path

import distributed
import pytest
import tifffile

from tests.dusty import dusty
from tests.roll.conftest import names
from tests.roll.test_rolls import contents, large, wait_until


@pytest.fixture(scope="module")
def cluster():
    """Return a cluster of two worker processes."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
    ) as cluster:
        yield cluster


def test_a_worker_that_is_killed_takes_nothing_with_it(folder, call, start, cluster):
    large(folder, 24)
    every = ("roll", "--output-dir", "out", "--mask-dir", "masks", "--report", "report.html")
    run = start(*every, "--scheduler", cluster.scheduler_address)
    wait_until(lambda: list(Path("out").glob("*.restored.tif")))
    with distributed.Client(cluster) as client:
        busy = [address for address, tasks in client.processing().items() if tasks]
        victim = client.run(os.getpid, workers=busy[:1])
    os.kill(next(iter(victim.values())), signal.SIGKILL)
    out, err = run.communicate()
    assert run.returncode == 0, err
    assert "24 of 24 files restored, 0 failed" in err
    assert sorted(line.split(" -> ")[0] for line in out.splitlines()) == sorted(
        f"roll/{n}.tif" for n in range(24)
    )
    assert Path("report.html").is_file()
    assert call("roll", "--output-dir", "straight", "--mask-dir", "straight masks", "--jobs", "1")[0] == 0
    assert contents("out") == contents("straight")
    assert contents("masks") == contents("straight masks")
    _, _, err = call(*every, "--resume")
    assert "24 done before" in err


def test_failures_are_told_as_on_one_machine(folder, call, cluster):
    large(folder, 1)
    (folder / "roll" / "bad.tif").write_bytes(b"II*\0 and no more")
    tifffile.imwrite(folder / "roll" / "dim.tif", dusty() // 16, photometric="rgb")
    code, _, err = call("roll", "--output-dir", "out", "--scheduler", cluster.scheduler_address)
    assert code == 1
    assert "roll/bad.tif is damaged" in err
    assert "roll/dim.tif: " in err
    assert "--white" in err
    assert "2 of 3 files restored, 1 failed" in err
    assert names("out") == ["0.restored.tif", "dim.restored.tif"]


def test_a_scheduler_that_is_not_there_is_one_sentence(roll, call, monkeypatch):
    monkeypatch.setattr("dsr_core.roll.cluster._PATIENCE", 0.5)
    code, _, err = call(roll, "--output-dir", "out", "--scheduler", "tcp://127.0.0.1:9")
    assert (code, err.count("\n")) == (1, 1)
    assert "No Dask scheduler answers at tcp://127.0.0.1:9" in err
