"""A newcomer signs in and is in."""

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from passerelle.directory.models import ExternalIdentity, Membership, User
from passerelle.sso.models import SamlConnection, SignIn
from tests.browsing import Browser, reference_in
from tests.world import GRACE, make_company

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
