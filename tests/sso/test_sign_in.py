"""A newcomer signs in and is in."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.db import OperationalError
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from passerelle.audit.record import Actor
from passerelle.directory.actions import remove
from passerelle.directory.models import ExternalIdentity, Membership, User
from passerelle.practice_idp.people import Person
from passerelle.sso.connections.keys import make_key
from passerelle.sso.models import SamlConnection, SignIn
from tests.browsing import Browser, reference_in
from tests.world import GRACE, give, make_company, make_rule, make_user, respond_to

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme() -> SamlConnection:
    return make_company().connections.select_related("company").get()


def test_a_newcomer_gets_an_account_a_workspace_and_a_permission_set(acme):
    answer = Browser().sign_in(acme)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    user = User.objects.get()
    assert (user.email, user.status, user.provisioned_by) == ("grace@acme.example", "active", "jit")
    membership = Membership.objects.get(user=user)
    assert (membership.workspace.name, membership.permission_set.name) == ("Production", "Analyst")
    assert membership.source == "default"


def test_the_newcomer_is_greeted_by_name_on_the_dashboard(acme):
    browser = Browser()
    browser.sign_in(acme)
    page = browser.get("/").content.decode()
    assert "Hello Grace" in page
    assert "Production" in page
    assert "Export reports" in page


def test_a_second_sign_in_uses_the_same_account(acme):
    Browser().sign_in(acme)
    Browser().sign_in(acme)
    assert User.objects.count() == 1
    outcomes = SignIn.objects.order_by("time", "id").values_list("outcome", flat=True)
    assert list(outcomes) == ["created", "signed_in"]


def test_a_whole_first_sign_in_takes_at_most_twenty_statements(acme):
    make_key(acme, now=datetime.now(UTC))  # As every connection that was saved has.
    Browser().sign_in(acme)  # What a worker remembers of the settings is read once.
    ExternalIdentity.objects.all().delete()
    User.objects.all().delete()
    browser = Browser()
    with CaptureQueriesContext(database) as captured:
        browser.sign_in(acme)
        browser.get("/")
    statements = [one["sql"] for one in captured.captured_queries if not _is_control(one["sql"])]
    assert len(statements) <= 20, "\n".join(statement[:140] for statement in statements)


def _is_control(statement: str) -> bool:
    """A test runs inside a transaction: begin and commit are savepoints there."""
    return statement.startswith(("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT"))


def test_a_refusal_shows_a_reference_that_the_administrator_can_open(acme):
    answer = Browser().sign_in(acme, fault="no_email")
    assert answer.status_code == 403
    row = SignIn.objects.get(reference=reference_in(answer))
    assert (row.outcome, row.reason) == ("refused", "email_missing")
    assert GRACE.email not in str(row.email)


def test_reloading_the_last_step_leads_to_the_dashboard(acme):
    browser = Browser()
    request_id = browser.start(acme)
    field = respond_to(acme, request_id=request_id, now=datetime.now(UTC))
    link = browser.post_response(acme, field)["Location"]
    browser.get(link)
    answer = browser.get(link)
    assert (answer.status_code, answer["Location"]) == (302, "/")


def test_switching_the_connection_off_ends_its_sessions_at_once(acme):
    browser = Browser()
    browser.sign_in(acme)
    assert "Hello Grace" in browser.get("/").content.decode()
    acme.enabled = False
    acme.save()
    assert "Hello Grace" not in browser.get("/").content.decode()


def test_deleting_the_connection_ends_its_sessions_too(acme):
    browser = Browser()
    browser.sign_in(acme)
    acme.delete()
    assert "Hello Grace" not in browser.get("/").content.decode()


def test_a_suspended_person_is_out_at_once_and_stays_out(acme):
    browser = Browser()
    browser.sign_in(acme)
    User.objects.update(status="suspended")
    assert "Hello Grace" not in browser.get("/").content.decode()
    answer = Browser().sign_in(acme)
    assert SignIn.objects.get(reference=reference_in(answer)).reason == "user_suspended"
    assert "Your account is suspended." in answer.content.decode()


def test_an_address_outside_the_allow_list_gets_no_account(acme):
    acme.company.ip_allowlist = ["203.0.113.0/24"]
    acme.company.version += 1
    acme.company.save()
    answer = Browser().sign_in(acme)
    assert SignIn.objects.get(reference=reference_in(answer)).reason == "address_not_allowed"
    assert not User.objects.exists()
    inside = Browser(REMOTE_ADDR="203.0.113.9")
    assert inside.sign_in(acme).status_code == 302


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"automatic_user_provisioning": False}, "jit_disabled"),
        (
            {"automatic_user_provisioning": False, "jit_provisioning_available": False},
            "jit_unavailable",
        ),
    ],
)
def test_when_automatic_access_is_closed_the_known_still_enter(acme, change, reason):
    Browser().sign_in(acme)
    for name, value in {**change, "version": acme.company.version + 1}.items():
        setattr(acme.company, name, value)
    acme.company.save()
    assert Browser().sign_in(acme).status_code == 302
    newcomer = Person("u-2", "new@acme.example", "New", "Example")
    answer = Browser().sign_in(acme, newcomer)
    assert SignIn.objects.get(reference=reference_in(answer)).reason == reason


def test_an_invited_person_is_activated_with_the_rights_of_the_invitation(acme):
    user = make_user(acme.company, "grace@acme.example", status="invited")
    give(user, source="invitation")
    Browser().sign_in(acme)
    user.refresh_from_db()
    assert user.status == "active"
    assert [one.source for one in user.memberships.all()] == ["invitation"]
    assert SignIn.objects.get().outcome == "linked"


def test_groups_give_and_withdraw_what_rules_say_and_nothing_else(acme):
    make_rule(acme.company, "analysts", workspace="Lab", permission_set="Analyst")
    Browser().sign_in(acme)
    user = User.objects.get()
    give(user, source="hand")
    assert {(m.workspace.name, m.source) for m in user.memberships.all()} == {
        ("Lab", "rule"),
        ("Production", "hand"),
    }
    Browser().sign_in(acme, replace(GRACE, groups=("others",)))
    assert {(m.workspace.name, m.source) for m in user.memberships.all()} == {
        ("Production", "hand")
    }


def test_a_change_of_settings_holds_at_the_next_sign_in(acme):
    Browser().sign_in(acme)
    make_rule(acme.company, "analysts", workspace="Lab", permission_set="Analyst")
    Browser().sign_in(acme)
    assert User.objects.get().memberships.filter(workspace__name="Lab").exists()


def test_an_email_that_changes_at_the_provider_is_followed_inside_the_company(acme):
    Browser().sign_in(acme)
    Browser().sign_in(acme, replace(GRACE, email="grace.new@acme.example"))
    assert User.objects.get().email == "grace.new@acme.example"
    Browser().sign_in(acme, replace(GRACE, email="grace@elsewhere.example"))
    assert User.objects.get().email == "grace.new@acme.example"
    assert SignIn.objects.latest("time").notes == [
        {"note": "email_domain_not_allowed", "value": "grace@elsewhere.example"}
    ]


def test_the_address_of_somebody_who_was_removed_is_not_taken_over(acme):
    Browser().sign_in(acme)
    bob = make_user(acme.company, "bob@acme.example")
    remove(bob, tombstone=True, actor=Actor("system", "test"), now=datetime.now(UTC))
    Browser().sign_in(acme, replace(GRACE, email="Bob@acme.example"))
    assert User.objects.get().email == "grace@acme.example"
    note = {"note": "email_removed", "value": "Bob@acme.example"}
    assert SignIn.objects.latest("time").notes == [note]


def test_a_database_that_does_not_answer_is_overload_not_an_error(acme, monkeypatch):
    def fail(*_args, **_keywords):
        raise OperationalError("database is locked")

    monkeypatch.setattr("passerelle.web.sign_in.saml.start_sign_in", fail)
    answer = Browser().get("/auth/saml/acme/login")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
