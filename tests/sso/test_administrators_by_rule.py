"""A rule makes administrators at the sign-in, and unmakes them, but never the last one."""

import pytest

from passerelle.audit.models import AuditEvent
from passerelle.audit.record import OPERATOR
from passerelle.directory.administrators import set_flag
from passerelle.directory.models import ProvisioningRule, User
from passerelle.practice_idp.people import Person
from tests.browsing import Browser
from tests.world import GRACE, NOW, make_administrator, make_company

pytestmark = pytest.mark.django_db
BOSS = Person(GRACE.subject, GRACE.email, "Grace", "Example", ("bosses",))
NONE = Person(GRACE.subject, GRACE.email, "Grace", "Example", ("others",))


@pytest.fixture
def led():
    company = make_company()
    make_administrator(company)
    ProvisioningRule.objects.create(
        company=company, position=0, attribute="groups", equals="bosses", administrator=True
    )
    company.raise_version()
    return company.connections.get()


def grace() -> User:
    return User.objects.get(email=GRACE.email)


def test_a_newcomer_of_the_group_administers_and_has_what_newcomers_get(led):
    assert Browser().sign_in(led, BOSS).status_code == 302
    made = grace()
    assert (made.is_administrator, made.administrator_by_rule) == (True, True)
    assert made.memberships.get().source == "default"
    event = AuditEvent.objects.get(event="user:administrator_changed")
    assert event.details == {"is_administrator": [False, True], "why": "groups = bosses"}
    # Once more changes nothing.
    before = AuditEvent.objects.count()
    Browser().sign_in(led, BOSS)
    assert AuditEvent.objects.count() == before


def test_who_leaves_the_group_administers_no_more(led):
    Browser().sign_in(led, BOSS)
    Browser().sign_in(led, NONE)
    assert (grace().is_administrator, grace().administrator_by_rule) == (False, False)


def test_the_last_administrator_stays_one_and_signs_in(led):
    Browser().sign_in(led, BOSS)
    User.objects.exclude(email=GRACE.email).update(status="suspended")
    assert Browser().sign_in(led, NONE).status_code == 302
    assert grace().is_administrator


def test_who_was_given_emergency_access_is_one_by_hand_from_then_on(led):
    Browser().sign_in(led, BOSS)
    set_flag(grace(), "breaks_glass", True, actor=OPERATOR, now=NOW)
    Browser().sign_in(led, NONE)
    assert (grace().is_administrator, grace().breaks_glass) == (True, True)
