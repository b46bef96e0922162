"""Transactions that commit in another order than they began; SQLite writes one after another."""

import threading

import pytest
from django.db import transaction

from passerelle.audit import chain
from passerelle.audit.chain import seal, verify
from passerelle.audit.models import AuditChain, AuditEvent

from .happening import at_once, happen

pytestmark = pytest.mark.django_db(transaction=True)


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
