"""Files of any length: read in batches, a few at once for a company."""

import csv

import pytest

from passerelle.audit.models import AuditEvent
from passerelle.infra import rows, turns
from tests.browsing import Browser
from tests.web.test_audit_page import happen, streamed
from tests.world import make_administrator, make_company, make_user

pytestmark = pytest.mark.django_db
AUDIT = "/settings/audit/audit.csv"
ALL = [AUDIT, "/settings/audit/audit.jsonl", "/settings/users/users.csv", "/settings/events.csv"]


@pytest.mark.parametrize("path", ALL)
def test_a_few_at_once_and_the_next_is_told_what_to_do(alice, path):
    held = [alice.get(path) for _ in range(turns.OF_ONE_COMPANY["download"])]
    assert {one.status_code for one in held} == {200}
    for language, says in (("en", "cancel one"), ("fr", "annulez-en un")):
        answer = alice.get(path, headers={"Accept-Language": language})
        assert (answer.status_code, answer["Retry-After"]) == (429, "30")
        assert says in answer.content.decode()
    # Another company has its own turns; looking at pages takes none.
    mallory = Browser().enter(make_administrator(make_company("globex")))
    assert streamed(mallory.get(path)) is not None
    assert alice.get("/settings/users/").status_code == 200
    streamed(held.pop())
    assert alice.get(path).status_code == 200


def test_one_that_is_broken_off_gives_its_turn_back(acme, alice):
    for _ in range(turns.OF_ONE_COMPANY["download"] + 1):
        answer = alice.get(AUDIT)
        assert answer.status_code == 200
        next(iter(answer.streaming_content))
        answer._iterator.close()
    assert ("download", acme.id) not in turns._taken


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_every_row_comes_once_in_its_order_however_long_a_batch_is(acme, alice, monkeypatch, size):
    monkeypatch.setattr(rows, "BATCH", size)
    for number in range(6):
        # All at one time, so that the second field decides.
        happen(acme, target=f"target {number}")
        make_user(acme, f"p{number}@acme.example")
    written = list(AuditEvent.objects.filter(company=acme).order_by("id"))
    lines = list(csv.reader(streamed(alice.get(AUDIT)).splitlines()))[1:]
    assert [line[3] for line in lines] == [one.target for one in written]
    people = list(csv.reader(streamed(alice.get("/settings/users/users.csv")).splitlines()))[1:]
    assert [line[0] for line in people] == sorted(one.email for one in acme.users.all())
    events = list(csv.reader(streamed(alice.get("/settings/events.csv")).splitlines()))[1:]
    targets = [line[1] for line in events if line[3].startswith("target ")]
    assert targets == [str(one.id) for one in written if one.target.startswith("target ")]
