"""Several sealers and many writers at once, with real connections."""

import threading

import pytest
from django.db import transaction

from passerelle.audit import chain
from passerelle.audit.chain import seal, verify
from passerelle.audit.models import AuditEvent

from .happening import at_once, happen

pytestmark = pytest.mark.django_db(transaction=True)


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
