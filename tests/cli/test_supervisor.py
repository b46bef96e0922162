"""How long it takes until another worker starts."""

from types import SimpleNamespace

import pytest

from passerelle.cli.serve.supervisor import (
    HANGS_AFTER,
    LONGEST_PAUSE,
    STARTS_WITHIN,
    Supervisor,
    Worker,
)


@pytest.fixture
def supervisor():
    return Supervisor(lambda beat: beat(), 1)


def pauses(supervisor, worker, lives) -> list[float]:
    """The pause after each life of so many seconds."""
    found, now = [], 0.0
    for seconds in lives:
        worker.process, worker.started = SimpleNamespace(exitcode=1), now
        now += seconds
        supervisor._bury(worker, now)
        assert worker.starts_at == now + worker.pause
        found.append(worker.pause)
    return found


def test_the_pause_grows_is_bounded_and_begins_anew_after_a_good_life(supervisor):
    worker = Worker(0)
    assert pauses(supervisor, worker, [1] * 5) == [0.25, 0.5, 1, 2, 4]
    assert pauses(supervisor, worker, [1] * 50)[-1] == LONGEST_PAUSE
    assert pauses(supervisor, worker, [3600, 1]) == [0, 0.25]


def test_a_worker_that_cannot_be_started_is_tried_again(supervisor, monkeypatch, caplog):
    class Refused:
        def __init__(self, **_keywords):
            pass

        def start(self):
            raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(supervisor, "_processes", SimpleNamespace(Process=Refused))
    worker = Worker(0)
    supervisor._start(worker)
    assert worker.process is None
    assert worker.starts_at > worker.started
    assert "worker 1 cannot be started" in caplog.text


def test_one_that_starts_has_more_time_than_one_that_works():
    assert not Worker(0, started=100.0).hangs(100.0 + STARTS_WITHIN)
    assert Worker(0, started=100.0).hangs(101.0 + STARTS_WITHIN)
    assert Worker(0, started=100.0, seen=110.0).hangs(111.0 + HANGS_AFTER)
    assert not Worker(0, started=100.0, seen=110.0).hangs(110.0 + HANGS_AFTER)
