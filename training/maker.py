"""Batches made beside the training, so that neither waits for the other."""

import queue
import threading
import time
from collections.abc import Callable
from typing import Any

import torch

from dsr_core.errors import DsrError
from training.damage import Triplet


class Maker:
    """Makes batches beside the training: a thread with a stream on a GPU, a forked process on a CPU.

    Parameters
    ----------
    make
        ``(step, progress) -> Triplet``.
    device
        Where the batches live.
    """

    def __init__(self, make: Callable[[int, float], Triplet], device: torch.device) -> None:
        self.make, self.device = make, device
        self.progress, self.step, self.deadline = 0.0, 0, (0.0, 1.0)

    def start(self, begun: float, seconds: float) -> None:
        """Begin; ``begun`` is the time that progress counts from."""
        self.deadline = (begun, seconds)
        if self.device.type == "cuda":
            self.ready: Any = queue.Queue(3)
            self.stopped = threading.Event()
            self.worker: Any = threading.Thread(target=self._on_stream, daemon=True)
        else:
            # forked: the photographs are there without being sent
            context = torch.multiprocessing.get_context("fork")
            self.ready = context.Queue(3)
            self.worker = context.Process(target=self._in_process, daemon=True)
        self.worker.start()

    def get(self) -> Triplet:
        """Wait for the next batch.

        Raises
        ------
        DsrError
            The worker has ended; why, it has said on stderr.
        """
        self.step += 1
        if self.device.type != "cuda":
            return Triplet(*self._wait())
        truth, made = self._wait()
        stream = torch.cuda.current_stream()
        stream.wait_event(made)
        for part in truth:
            part.record_stream(stream)
        return truth  # type: ignore[no-any-return]

    def _wait(self) -> Any:
        while True:
            try:
                return self.ready.get(timeout=1)
            except queue.Empty:
                if not self.worker.is_alive():
                    message = "What makes the batches has ended; see the error above, and the memory left."
                    raise DsrError(message) from None

    def stop(self) -> None:
        """End the worker."""
        if self.device.type == "cuda":
            self.stopped.set()
            while not self.ready.empty():
                self.ready.get_nowait()
        else:
            self.worker.terminate()
        self.worker.join()

    def renew(self) -> None:
        """Let a process see what changed in the photographs; a thread sees it anyway."""
        if self.device.type != "cuda":
            self.stop()
            self.start(*self.deadline)

    def _progress(self) -> float:
        begun, seconds = self.deadline
        return (time.perf_counter() - begun) / seconds

    def _on_stream(self) -> None:
        stream, step = torch.cuda.Stream(), self.step
        with torch.cuda.stream(stream):
            while not self.stopped.is_set():
                truth = self.make(step, self._progress())
                made = torch.cuda.Event()
                made.record(stream)
                step += 1
                while not self.stopped.is_set():
                    try:
                        self.ready.put((truth, made), timeout=0.5)
                        break
                    except queue.Full:
                        continue

    def _in_process(self) -> None:
        torch.set_num_threads(1)
        step = self.step
        while True:
            self.ready.put(tuple(part.clone() for part in self.make(step, self._progress())))
            step += 1
