"""Keeps worker processes running: one that dies or hangs is replaced, in whichever rhythm.

A worker writes its number into a pipe every second. One that has not for a while hangs: it is
ended, and then it is one that died. The pipe tells a worker, too, that nobody keeps it any more.
"""

import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

log = logging.getLogger("passerelle.serve")

BEAT_EVERY = 1.0
HANGS_AFTER = 15.0
"""Seconds without a sign of life."""
STARTS_WITHIN = 60.0
STOPS_WITHIN = 10.0
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 10.0
"""Seconds before another one starts: twice as many each time."""
LIVED_WELL = 60.0
"""After a worker that lived so long, there is no reason to pause."""

MOST_WORKERS = 256
"""Each has a byte for a number."""

Work = Callable[["Beat"], None]


class Beat:
    """A worker's end of the pipe."""

    def __init__(self, pipe: int, number: int) -> None:
        self._pipe, self._number = pipe, number

    def __call__(self) -> None:
        """Give a sign of life. Raises BrokenPipeError when nobody is there to see it."""
        with suppress(BlockingIOError):
            os.write(self._pipe, bytes([self._number]))


@dataclass
class Worker:
    number: int
    process: BaseProcess | None = None
    old: BaseProcess | None = None
    """Asked to be renewed, it works on until its successor does."""
    started: float = 0.0
    seen: float = 0.0
    """When it gave its last sign of life; 0 until the first."""
    pause: float = 0.0
    starts_at: float = 0.0

    def hangs(self, now: float) -> bool:
        if self.seen:
            return now - self.seen > HANGS_AFTER
        return now - self.started > STARTS_WITHIN


class Supervisor:
    def __init__(self, work: Work, workers: int) -> None:
        self._work = work
        self._workers = [Worker(number) for number in range(workers)]
        self._processes = multiprocessing.get_context("fork")
        self._beats, self._pipe = os.pipe()
        self._wake, self._woken = os.pipe()
        for end in (self._beats, self._pipe, self._wake, self._woken):
            os.set_blocking(end, False)
        self._stopping = self._renewing = False

    def run(self) -> None:
        """Keep the workers running until a signal asks to stop."""
        signal.set_wakeup_fd(self._woken)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGHUP, self._renew)
        before = time.monotonic()
        try:
            while not self._stopping:
                now = time.monotonic()
                # Asleep oneself, one has heard nobody.
                if now - before > HANGS_AFTER / 2:
                    for worker in self._workers:
                        worker.seen = worker.seen and now
                self._look_after(now)
                before = now
                self._wait()
        finally:
            both = [(worker.process, worker.old) for worker in self._workers]
            self._end([process for pair in both for process in pair if process])

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _renew(self, *_: object) -> None:
        self._renewing = True

    def _wait(self) -> None:
        alive = [worker.process.sentinel for worker in self._workers if worker.process]
        wait([*alive, self._beats, self._wake], timeout=BEAT_EVERY)
        _drained(self._wake)
        for number in _drained(self._beats):
            self._workers[number].seen = time.monotonic()

    def _look_after(self, now: float) -> None:
        if self._renewing:
            self._renewing = False
            for worker in self._workers:
                if worker.process and not worker.old:
                    worker.old, worker.process, worker.starts_at = worker.process, None, now
        for worker in self._workers:
            if worker.old and worker.process and worker.seen:
                self._end([worker.old])
                worker.old = None
            if worker.process is None:
                if now >= worker.starts_at:
                    self._start(worker)
            elif worker.process.exitcode is not None:
                self._bury(worker, now)
            elif worker.hangs(now):
                log.error("worker %d hangs: it is ended", worker.number + 1)
                worker.process.kill()
                worker.process.join(STOPS_WITHIN)
                self._bury(worker, now)

    def _start(self, worker: Worker) -> None:
        process = self._processes.Process(target=self._be, args=(worker.number,))
        worker.started, worker.seen = time.monotonic(), 0.0
        try:
            process.start()
        except OSError as error:
            # No memory or no number for another process: for now.
            log.error("worker %d cannot be started: %s", worker.number + 1, error.strerror)
            worker.starts_at = worker.started + LONGEST_PAUSE
            return
        worker.process = process

    def _be(self, number: int) -> None:
        """In the new process."""
        signal.set_wakeup_fd(-1)
        # A reload is asked of the service, which may mean the whole group.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        for end in (self._beats, self._wake, self._woken):
            os.close(end)
        # Asked to stop before it could hear it.
        if self._stopping:
            return
        self._work(Beat(self._pipe, number))

    def _bury(self, worker: Worker, now: float) -> None:
        assert worker.process is not None
        lived, how = now - worker.started, _ending(worker.process.exitcode)
        worker.process = None
        worker.pause = (
            0.0 if lived > LIVED_WELL else min(worker.pause * 2 or FIRST_PAUSE, LONGEST_PAUSE)
        )
        worker.starts_at = now + worker.pause
        log.error(
            "worker %d %s after %.0f s; another one starts in %g s",
            worker.number + 1,
            how,
            lived,
            worker.pause,
        )

    def _end(self, processes: list[BaseProcess]) -> None:
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + STOPS_WITHIN
        for process in processes:
            process.join(max(deadline - time.monotonic(), 0.0))
            if process.exitcode is None:
                process.kill()
                process.join()


def _drained(pipe: int) -> bytes:
    try:
        return os.read(pipe, 65536)
    except BlockingIOError:
        return b""


def _ending(status: int | None) -> str:
    if status is None or status >= 0:
        return f"ended with status {status}"
    return f"was ended by {signal.Signals(-status).name}"
