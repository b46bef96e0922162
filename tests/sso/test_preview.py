"""What a response would do, without doing it."""

from datetime import UTC, datetime

import pytest
from django.apps import apps

from passerelle.directory.models import User
from passerelle.practice_idp.people import Person
from passerelle.sso.sign_in.preview import preview_response
from tests.browsing import Browser
from tests.world import GRACE, NOW, make_company, make_rule, make_user, respond_to

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    return make_company().connections.select_related("company").get()


def preview(connection, person=GRACE, **said):
    field = respond_to(connection, person, request_id="_any", now=NOW, **said)
    return preview_response(connection, field.encode(), now=NOW)


def rows() -> dict[str, int]:
    return {model._meta.label: model._default_manager.count() for model in apps.get_models()}


def test_a_newcomer_would_get_an_account_with_the_defaults_and_nothing_is_written(acme):
    before = rows()
    found = preview(acme)
    assert rows() == before
    assert (found["outcome"], found["reason"], found["email"]) == (
        "created",
        None,
        "grace@acme.example",
    )
    assert found["grants"] == [
        {
            "change": "give",
            "workspace": "Production",
            "permission_set": "Analyst",
            "why": "default",
        }
    ]
    assert found["steps"][0] == "Create the account grace@acme.example"
    assert all(check["passed"] for check in found["checks"])


def test_a_rule_is_named_as_the_reason_of_what_it_gives(acme):
    make_rule(acme.company, "analysts", workspace="Lab", permission_set="Editor")
    acme.company.refresh_from_db()
    [grant] = preview(acme)["grants"]
    assert (grant["workspace"], grant["permission_set"], grant["why"]) == (
        "Lab",
        "Editor",
        "groups = analysts",
    )


def test_a_response_that_was_used_can_be_looked_at_again(acme):
    browser = Browser()
    now = datetime.now(UTC)
    field = respond_to(acme, request_id=browser.start(acme), now=now)
    browser.get(browser.post_response(acme, field)["Location"])
    found = preview_response(acme, field.encode(), now=now)
    assert (found["outcome"], found["steps"]) == ("signed_in", [])


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"fault": "expired"}, "expired"),
        ({"fault": "unsigned"}, "signature_missing"),
        ({"person": Person("u-9", "x@other.example", "X", "Y", ())}, "domain_not_allowed"),
    ],
)
def test_a_refusal_is_told_with_its_reason_and_cure(acme, said, reason):
    found = preview(acme, **said)
    assert (found["outcome"], found["reason"]) == ("refused", reason)
    [failed] = [check for check in found["checks"] if not check["passed"]]
    assert failed["fix"]
    assert not User.objects.exists()


def test_an_existing_account_would_be_linked(acme):
    user = make_user(acme.company, GRACE.email)
    found = preview(acme)
    assert (found["outcome"], found["account"]) == ("linked", str(user.id))


@pytest.mark.parametrize("sent", [b"", b"junk", b"<a/>", b"\xff"])
def test_junk_is_refused_with_a_reason(acme, sent):
    found = preview_response(acme, sent, now=NOW)
    assert found["outcome"] == "refused"
    assert found["reason"] in ("malformed_message", "wrong_message")
