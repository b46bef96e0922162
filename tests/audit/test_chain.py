"""Sealed events cannot be changed, taken away, added or turned round without being noticed."""

from datetime import timedelta

import pytest
from django.db.models import F

from passerelle.audit import chain
from passerelle.audit.chain import seal, verify
from passerelle.audit.events import EventName
from passerelle.audit.models import INSTALLATION, AuditChain, AuditEvent
from passerelle.audit.record import OPERATOR, Entry, record
from passerelle.infra.identifiers import uuid7
from tests.world import NOW, make_company

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    """Acme, with five sealed events."""
    company = make_company()
    happen(company, 5)
    assert seal() == 5
    return company


def happen(company, count, *, now=NOW):
    for number in range(count):
        entry = Entry(EventName.SETTINGS_CHANGED, f"setting {number}", {"to": ["é", None, 1.5]})
        company_id = company.id if company else None
        record([entry], company_id=company_id, actor=OPERATOR, now=now + timedelta(number))


def event(sequence):
    return AuditEvent.objects.get(sequence=sequence)


def broken():
    """The one break: where, and what."""
    (found,) = verify().breaks
    return found.sequence, found.problem


def test_a_sealed_log_is_whole(acme):
    assert verify() == chain.Verification(sealed=5, unsealed=0, breaks=())
    assert list(AuditEvent.objects.order_by("time").values_list("sequence", flat=True)) == [
        1,
        2,
        3,
        4,
        5,
    ]


def test_sealing_goes_on_where_it_stopped(acme):
    assert seal() == 0
    happen(acme, 2)
    assert verify() == chain.Verification(sealed=5, unsealed=2, breaks=())
    assert seal() == 2
    assert verify() == chain.Verification(sealed=7, unsealed=0, breaks=())


def test_many_events_are_sealed_in_batches(acme, monkeypatch):
    monkeypatch.setattr(chain, "BATCH", 2)
    happen(acme, 5)
    assert seal() == 5
    assert verify().breaks == ()


def test_an_empty_log_is_whole(db):
    assert seal() == 0
    assert verify() == chain.Verification(sealed=0, unsealed=0, breaks=())


ALTERED = {
    "time": NOW + timedelta(seconds=1),
    "event": "user:removed",
    "actor_kind": "user",
    "actor": "mallory",
    "target": "another",
    "details": {"to": ["e", None, 1.5]},
    "company": None,
    "digest": "0" * 64,
}


@pytest.mark.parametrize("name", ALTERED)
def test_an_altered_event_is_found(acme, name):
    AuditEvent.objects.filter(sequence=3).update(**{name: ALTERED[name]})
    assert broken() == (3, "altered")


def test_every_field_of_an_event_is_held():
    held = {*ALTERED, "id", "chain", "sequence", "mac"}
    assert held == {field.name for field in AuditEvent._meta.concrete_fields}


def test_another_identifier_is_found(acme):
    AuditEvent.objects.filter(sequence=3).update(id=uuid7())
    assert broken() == (3, "altered")


@pytest.mark.parametrize("sequence", [1, 3, 5])
def test_a_missing_event_is_found(acme, sequence):
    event(sequence).delete()
    assert broken() == (sequence, "missing")


def test_a_sealed_event_that_is_called_unsealed_again_is_missing(acme):
    AuditEvent.objects.filter(sequence=4).update(sequence=None, digest="")
    assert broken() == (4, "missing")


@pytest.mark.parametrize("count", [1, 4])
def test_an_end_that_is_missing_is_found_although_the_head_was_moved_along(acme, count):
    AuditEvent.objects.filter(sequence__gt=5 - count).delete()
    last = event(5 - count)
    AuditChain.objects.update(sequence=last.sequence, digest=last.digest)
    assert broken() == (5 - count, "the head of the chain was altered")


def test_all_events_missing_is_found(acme):
    AuditEvent.objects.all().delete()
    assert broken() == (1, "missing")


def test_all_events_missing_is_found_although_the_head_was_set_back(acme):
    AuditEvent.objects.all().delete()
    AuditChain.objects.update(sequence=0)
    assert broken() == (0, "the head of the chain was altered")


def test_a_head_that_is_missing_is_found(acme):
    AuditChain.objects.all().delete()
    assert broken() == (0, "the head of the chain is missing")


def insert(sequence):
    """Mallory writes an event of his own; he has no key to seal it with."""
    copied = event(2)
    copied.pk, copied.sequence, copied.target = uuid7(), sequence, "inserted"
    copied.save(force_insert=True)


def test_an_event_inserted_at_the_end_is_found(acme):
    insert(6)
    assert broken() == (6, "inserted after the head")


def test_an_event_inserted_at_the_end_with_the_head_moved_is_found(acme):
    insert(6)
    AuditChain.objects.update(sequence=6)
    assert broken() == (6, "altered")


def test_an_event_inserted_before_the_start_is_found(acme):
    insert(0)
    assert broken() == (1, "missing")


def test_an_event_inserted_in_the_middle_is_found(acme):
    for sequence in (5, 4, 3):
        AuditEvent.objects.filter(sequence=sequence).update(sequence=F("sequence") + 1)
    insert(3)
    AuditChain.objects.update(sequence=6)
    assert broken() == (3, "altered")


def test_two_events_that_changed_places_are_found(acme):
    first, second = event(2), event(3)
    AuditEvent.objects.filter(id=first.id).update(sequence=99)
    AuditEvent.objects.filter(id=second.id).update(sequence=2)
    AuditEvent.objects.filter(id=first.id).update(sequence=3)
    assert broken() == (2, "altered")


def test_another_key_cannot_have_sealed_it(acme, settings):
    settings.SECRET_KEY = "another key, of the same length as any other"
    assert broken() == (1, "altered")


BREAKS = {
    "head removed": lambda: AuditChain.objects.all().delete(),
    "end removed": lambda: event(5).delete(),
    "end removed, head moved": lambda: (
        event(5).delete(),
        AuditChain.objects.update(sequence=4, digest=event(4).digest),
    ),
    "all removed": lambda: AuditEvent.objects.all().delete(),
    "all removed, and the head": lambda: (
        AuditEvent.objects.all().delete(),
        AuditChain.objects.update(sequence=0),
    ),
    "inserted at the end": lambda: insert(6),
}


@pytest.mark.parametrize("tamper", BREAKS.values(), ids=BREAKS)
def test_sealing_goes_on_after_a_break_and_does_not_cover_it(acme, tamper):
    tamper()
    assert verify().breaks
    globex = make_company("globex")
    happen(acme, 2, now=NOW + timedelta(30))
    happen(globex, 1)
    assert seal() == 3
    assert AuditEvent.objects.filter(sequence=None).count() == 0
    assert [one.chain for one in verify().breaks] == [str(acme.id)]


def test_chains_are_per_company(acme):
    globex = make_company("globex")
    happen(globex, 2)
    happen(None, 3)
    seal()
    heads = dict(AuditChain.objects.values_list("chain", "sequence"))
    assert heads == {str(acme.id): 5, str(globex.id): 2, INSTALLATION: 3}
    globex_event = AuditEvent.objects.filter(company=globex).first()
    AuditEvent.objects.filter(id=globex_event.id).update(actor="mallory")
    (found,) = verify().breaks
    assert (found.chain, found.event_id) == (str(globex.id), str(globex_event.id))


def test_an_event_cannot_move_to_another_chain(acme):
    globex = make_company("globex")
    AuditEvent.objects.filter(sequence=1).update(company=globex, chain=str(globex.id))
    problems = {one.chain: one.problem for one in verify().breaks}
    assert problems == {
        str(acme.id): "missing",
        str(globex.id): "the head of the chain is missing",
    }


def test_sealing_while_the_log_is_verified_is_no_break(acme, monkeypatch):
    """Sealed events that come after the head was read are followed to the new head."""
    looked = chain._sealed_between

    def sealed_meanwhile(name, after, last):
        yield from looked(name, after, last)
        if AuditEvent.objects.count() < 8:
            happen(acme, 1)
            seal()

    monkeypatch.setattr(chain, "_sealed_between", sealed_meanwhile)
    assert verify().breaks == ()
    assert AuditChain.objects.get().sequence == 8


def test_an_event_that_was_unsealed_and_changed_is_not_sealed_again(acme):
    AuditEvent.objects.update(sequence=None, digest="")
    AuditChain.objects.update(sequence=0, digest="")
    AuditEvent.objects.filter(target="setting 2").update(target="nothing to see")
    assert seal() == 4
    assert verify().unsealed == 1
    assert broken() == (0, "altered before sealing")


def test_an_event_that_somebody_else_wrote_is_never_sealed(acme):
    forged = AuditEvent.objects.get(sequence=3)
    forged.id, forged.sequence, forged.digest = uuid7(), None, ""
    forged.target = "forged"
    forged.save(force_insert=True)
    assert seal() == 0
    assert broken() == (0, "altered before sealing")
