"""Test sign-in: the real way, through settings that are not saved, and no account written."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from passerelle.audit.models import AuditEvent
from passerelle.directory.models import Membership, User
from passerelle.practice_idp.people import Person
from passerelle.sso.models import ConsumedAssertion, Session, SignIn, Trial
from tests.browsing import Browser
from tests.web.test_security_settings import fields_of
from tests.world import (
    GRACE,
    load_certificate_of,
    make_administrator,
    make_company,
    make_user,
    respond_to,
    signing_key,
)

pytestmark = pytest.mark.django_db
START = "/settings/security/trial/"
OTHER_IDP = "https://idp.new.example/metadata"


@pytest.fixture
def connection(acme):
    return acme.connections.select_related("company").get()


def begin(browser: Browser, company, slug: str = "acme", **changes) -> Trial:
    answer = browser.post(f"{START}?connection={slug}", fields_of(company, **changes))
    assert answer.status_code == 200, answer.content.decode()
    assert "Refresh" in answer.headers
    return Trial.objects.order_by("-created_at").first()


def answer(browser: Browser, connection, trial: Trial, person: Person = GRACE, **said):
    """The identity provider's answer; then the page that the browser is led to."""
    field = respond_to(
        connection, person, request_id=trial.request_id, now=datetime.now(UTC), **said
    )
    sent = browser.post_response(connection, field)
    return browser.get(sent["Location"]) if sent.status_code == 303 else sent


def nothing_but_the_trial() -> tuple[int, ...]:
    rows = (User, Membership, SignIn, Session, ConsumedAssertion, AuditEvent)
    return tuple(row.objects.count() for row in rows)


def test_it_shows_what_would_happen_and_writes_no_account(acme, connection, alice):
    before = nothing_but_the_trial()
    page = answer(alice, connection, begin(alice, acme)).content.decode()
    assert "It works" in page
    assert "Create the account grace@acme.example" in page
    assert "Give Analyst in Production" in page
    assert "analysts" in page
    assert nothing_but_the_trial() == before


def test_it_tries_what_is_typed_and_not_what_is_saved(acme, connection, alice):
    pem = load_certificate_of("acme").pem
    trial = begin(alice, acme, idp_entity_id=OTHER_IDP, new_certificates=pem)
    page = answer(alice, connection, trial, idp_entity_id=OTHER_IDP).content.decode()
    assert "It works" in page
    connection.refresh_from_db()
    assert connection.idp_entity_id != OTHER_IDP


def test_a_connection_that_was_never_saved_can_be_tried(acme, connection, alice):
    pem = connection.certificates.get().pem
    trial = begin(
        alice, acme, slug="new", name="Second", idp_entity_id=OTHER_IDP, new_certificates=pem
    )
    connection.slug = trial.slug
    assert trial.slug == "acme-2"
    key = signing_key("acme")
    assert key
    page = respond_as_new(alice, connection, trial)
    assert "It works" in page
    assert acme.connections.count() == 1


def respond_as_new(alice: Browser, connection, trial: Trial) -> str:
    ours = f"http://127.0.0.1:8000/auth/saml/{trial.slug}"
    said = {
        "idp_entity_id": OTHER_IDP,
        "acs_url": f"{ours}/callback",
        "audience": f"{ours}/metadata",
    }
    slug, connection.slug = trial.slug, "acme"
    field = respond_to(connection, request_id=trial.request_id, now=datetime.now(UTC), **said)
    connection.slug = slug
    sent = alice.post_response(connection, field)
    return alice.get(sent["Location"]).content.decode()


def test_it_tries_the_provisioning_that_is_typed_too(acme, connection, alice):
    trial = begin(alice, acme, automatic_user_provisioning=None)
    page = answer(alice, connection, trial).content.decode()
    assert "The connection works" in page
    assert "This person would not get in yet" in page
    assert "jit_disabled" in page


def test_a_failure_says_what_and_how_to_mend_it(acme, connection, alice):
    page = answer(alice, connection, begin(alice, acme), fault="expired").content.decode()
    assert "How to fix it" in page
    assert "expired" in page
    assert not SignIn.objects.exists()


def test_somebody_who_is_known_would_only_be_signed_in(acme, connection, alice):
    Browser().sign_in(connection)
    page = answer(alice, connection, begin(alice, acme)).content.decode()
    assert "Nothing would change" in page


def test_nothing_to_test_says_what_is_missing(acme, alice):
    page = alice.post(
        f"{START}?connection=new",
        fields_of(acme, saml_enabled=None, name="", idp_entity_id="", target_url=""),
    ).content.decode()
    assert "Still missing: a SAML connection" in page
    assert not Trial.objects.exists()


def test_a_wrong_entry_is_said_before_leaving(acme, alice):
    sent = alice.post(f"{START}?connection=acme", fields_of(acme, target_url="ftp://x"))
    assert sent.status_code == 422
    assert "starting with https://" in sent.content.decode()


def test_an_answer_counts_once_and_in_time(acme, connection, alice):
    trial = begin(alice, acme)
    answer(alice, connection, trial, fault="expired")
    again = answer(alice, connection, trial)
    assert again.status_code == 400
    assert "This test is over" in again.content.decode()
    trial.refresh_from_db()
    assert trial.result["reason"] == "expired"
    late = begin(alice, acme)
    Trial.objects.filter(id=late.id).update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert answer(alice, connection, late).status_code == 400


def test_of_many_tests_the_newest_wait_and_the_oldest_is_over(acme, connection, alice):
    trials = [begin(alice, acme) for _ in range(7)]
    assert {one.id for one in Trial.objects.all()} == {one.id for one in trials[2:]}
    over = answer(alice, connection, trials[1])
    assert over.status_code == 400
    assert "This test is over" in over.content.decode()
    for trial in trials[2:]:
        assert answer(alice, connection, trial).status_code == 200
    # Answers stay to be looked at beside those that wait.
    for _ in range(6):
        begin(alice, acme)
    assert Trial.objects.filter(answered_at=None).count() == 5
    assert Trial.objects.exclude(answered_at=None).count() == 5


def test_of_answered_tests_the_newest_are_kept(acme, connection, alice, monkeypatch):
    monkeypatch.setattr("passerelle.sso.sign_in.test_sign_in.MOST_ANSWERED", 2)
    for _ in range(4):
        last = begin(alice, acme)
        answer(alice, connection, last)
    begin(alice, acme)
    answered = Trial.objects.exclude(answered_at=None)
    assert answered.count() == 2
    assert answered.filter(id=last.id).exists()


def test_tests_of_connections_that_were_never_saved_are_few_too(acme, connection, alice):
    pem = connection.certificates.get().pem
    for _ in range(6):
        begin(alice, acme, slug="new", name="New", idp_entity_id=OTHER_IDP, new_certificates=pem)
    assert Trial.objects.filter(connection=None).count() == 5


def test_the_answer_to_a_test_never_signs_anybody_in(acme, connection, alice):
    trial = begin(alice, acme)
    stranger = Browser()
    page = answer(stranger, connection, trial)
    # Led to the result, and from there to the sign-in page: it is for administrators.
    assert page.status_code == 302
    assert page["Location"].startswith("/login/")
    assert not Session.objects.filter(user__email="grace@acme.example").exists()


def test_before_the_answer_the_page_says_so(acme, alice):
    page = alice.get(f"{START}{begin(alice, acme).id}/").content.decode()
    assert "No answer yet" in page


def test_another_company_sees_nothing_of_it(acme, alice):
    trial = begin(alice, acme)
    mallory = Browser().enter(make_administrator(make_company("globex")))
    assert mallory.get(f"{START}{trial.id}/").status_code == 404
    assert mallory.post(f"{START}?connection=acme", fields_of(acme)).status_code == 404


def test_only_an_administrator_may_test(acme):
    member = Browser().enter(make_user(acme, "bob@acme.example"))
    assert member.post(f"{START}?connection=acme", fields_of(acme)).status_code == 403
    assert not Trial.objects.exists()


def test_what_arrived_is_cut_where_it_is_endless(acme, connection, alice):
    crowd = Person("u-9", "eve@acme.example", "Eve", "Example", tuple(f"g{n}" for n in range(90)))
    page = answer(alice, connection, begin(alice, acme), crowd).content.decode()
    assert "and 70 more" in page
    assert re.search(r"<code>g19</code>", page)
    assert "<code>g20</code>" not in page


def test_what_is_missing_of_everybody_is_the_connections_fault(acme, connection, alice):
    page = answer(alice, connection, begin(alice, acme), fault="no_email").content.decode()
    assert "The test failed" in page
    assert "Next: switch it on" not in page


def test_a_test_of_other_values_says_nothing_of_those_that_are_saved(acme, connection, alice):
    answer(alice, connection, begin(alice, acme))
    acme.connections.update(enabled=False)
    guide = "/settings/connect/acme/"
    assert "The last test worked" in alice.get(guide).content.decode()
    acme.connections.update(target_url="https://elsewhere.example/sso")
    assert "The last test worked" not in alice.get(guide).content.decode()
