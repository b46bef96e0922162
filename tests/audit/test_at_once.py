"""Several sealers and many writers at once, with real connections."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections, transaction

from passerelle.audit import chain
from passerelle.audit.chain import seal, verify
from passerelle.audit.events import EventName
from passerelle.audit.models import AuditChain, AuditEvent
from passerelle.audit.record import OPERATOR, Entry, record
from passerelle.directory.models import Company
from tests.world import NOW

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def database(transactional_db, tmp_path):
    """The test database; SQLite's in a file, because one in memory does not wait for locks."""
    if connection.vendor != "sqlite":
        yield
        return
    in_memory, settings = connections["default"], connections.settings["default"]
    name, settings["NAME"] = settings["NAME"], str(tmp_path / "passerelle.sqlite3")
    connections["default"] = in_file = connections.create_connection("default")
    in_memory.ensure_connection()
    in_file.ensure_connection()
    in_memory.connection.backup(in_file.connection)
    yield
    in_file.close()
    connections["default"], settings["NAME"] = in_memory, name


@pytest.fixture
def acme(database):
    return Company.objects.create(slug="acme", name="Acme", created_at=NOW)


def happen(company, target="x"):
    entry = Entry(EventName.SETTINGS_CHANGED, target)
    record([entry], company_id=company.id, actor=OPERATOR, now=NOW)


def at_once(*jobs):
    """Run each job in its own thread with its own connection; return what they return."""

    def closing(job):
        try:
            return job()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return [future.result(60) for future in [pool.submit(closing, job) for job in jobs]]


def test_two_sealers_at_once_make_one_chain_and_lose_nothing(acme, monkeypatch):
    monkeypatch.setattr(chain, "BATCH", 3)
    for number in range(25):
        happen(acme, str(number))
    start = threading.Barrier(4)

    def sealer():
        start.wait(10)
        return seal()

    assert sum(at_once(*[sealer] * 4)) == 25
    sequences = AuditEvent.objects.order_by("sequence").values_list("sequence", flat=True)
    assert list(sequences) == list(range(1, 26))
    assert verify().breaks == ()


def test_sealing_while_events_are_written_loses_none(acme, monkeypatch):
    monkeypatch.setattr(chain, "BATCH", 3)
    start = threading.Barrier(4)

    def writer():
        start.wait(10)
        for number in range(10):
            with transaction.atomic():
                happen(acme, str(number))
        return 0

    def sealer():
        start.wait(10)
        return sum(seal() for _ in range(10))

    sealed = sum(at_once(writer, writer, sealer, sealer)) + seal()
    assert sealed == 20
    assert verify() == chain.Verification(sealed=20, unsealed=0, breaks=())


@pytest.mark.skipif(
    "connection.vendor != 'postgresql'", reason="SQLite writes one transaction after another"
)
def test_a_transaction_that_commits_late_is_sealed_late_and_not_lost(acme):
    written, go_on = threading.Event(), threading.Event()

    def late():
        with transaction.atomic():
            happen(acme, "first, but late")
            written.set()
            assert go_on.wait(30)

    def early():
        assert written.wait(30)
        happen(acme, "second")
        try:
            assert seal() == 1
            assert verify() == chain.Verification(sealed=1, unsealed=0, breaks=())
        finally:
            go_on.set()

    at_once(late, early)
    assert seal() == 1
    targets = AuditEvent.objects.order_by("sequence").values_list("target", flat=True)
    assert list(targets) == ["second", "first, but late"]
    assert verify().breaks == ()
    assert AuditChain.objects.get().sequence == 2
