"""The demonstration's past: two weeks of sign-ins that went the whole way."""

from datetime import UTC, datetime

import pytest

from passerelle.audit.models import AuditEvent
from passerelle.cli.demo.history import COLLEAGUES, play
from passerelle.directory.models import User
from passerelle.sso.models import Session, SignIn
from tests.world import make_company, signing_key

pytestmark = pytest.mark.django_db
MONDAY = datetime(2030, 2, 4, 12, 0, tzinfo=UTC)


def test_people_came_in_the_two_weeks_before_and_some_were_refused():
    acme = make_company()
    connection = acme.connections.get()
    connection.idp_initiated = True
    connection.save()
    play(connection, signing_key("acme"), now=MONDAY)
    people = User.objects.filter(provisioned_by="jit")
    assert {user.email for user in people} == {person.email for person in COLLEAGUES}
    assert set(people.values_list("memberships__permission_set__name", flat=True)) == {"Analyst"}
    rows = SignIn.objects.order_by("time")
    assert set(rows.exclude(reason="").values_list("reason", flat=True)) == {
        "audience_mismatch",
        "domain_not_allowed",
        "expired",
    }
    assert rows.filter(outcome="created").count() == len(COLLEAGUES)
    first, last = rows[0].time, rows.reverse()[0].time
    assert 12 <= (MONDAY - first).days <= 14
    assert last < MONDAY
    # Nobody is still signed in from then, and the log says when each account was made.
    assert not Session.objects.filter(expires_at__gt=MONDAY).exists()
    assert set(AuditEvent.objects.values_list("time__month", flat=True)) <= {1, 2}
