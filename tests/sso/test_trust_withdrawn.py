"""What was verified a minute ago counts only as long as it would be verified again."""

from datetime import UTC, datetime

import pytest

from passerelle.directory.models import User
from passerelle.practice_idp.people import Person
from passerelle.sso.models import PendingSignIn, Session, SignIn
from tests.browsing import Browser
from tests.web.test_security_settings import PAGE, fields_of
from tests.world import (
    GRACE,
    load_certificate_of,
    make_administrator,
    respond_to,
)

pytestmark = pytest.mark.django_db
END = "/settings/security/sessions/?connection=acme"


def parked(acme, person: Person = GRACE) -> tuple[Browser, str]:
    """A browser whose claims wait to be finished, and the address where they are."""
    connection = acme.connections.select_related("company").get()
    browser = Browser()
    request_id = browser.start(connection)
    field = respond_to(connection, person, request_id=request_id, now=datetime.now(UTC))
    return browser, browser.post_response(connection, field)["Location"]


def another_key(acme) -> dict[str, object]:
    """The form in which the connection's certificate gives way to another."""
    trusted = acme.connections.get().certificates.get().fingerprint
    added = load_certificate_of("other").pem
    return fields_of(acme) | {"new_certificates": added, "removed_certificates": [trusted]}


def is_refused(browser: Browser, address: str, reason: str) -> bool:
    answer = browser.get(address)
    newest = SignIn.objects.order_by("-time", "-id")[0]
    return answer.status_code in (400, 403) and newest.reason == reason


def test_signed_by_a_key_that_was_removed_since_nobody_comes_in(acme, alice):
    browser, address = parked(acme)
    assert alice.post(PAGE, another_key(acme)).status_code == 302
    assert is_refused(browser, address, "certificate_unknown")
    assert not User.objects.filter(email="grace@acme.example").exists()


def test_said_by_another_provider_than_the_connection_trusts_now_nobody_is_anybody(acme, alice):
    other = "https://other.example/metadata"
    boss = make_administrator(acme, "boss@acme.example")
    boss.identities.create(
        company=acme,
        connection=acme.connections.get(),
        idp_entity_id=other,
        subject="u-1",
        created_at=boss.created_at,
    )
    browser, address = parked(acme)
    waiting = PendingSignIn.objects.get()
    assert alice.post(PAGE, another_key(acme) | {"idp_entity_id": other}).status_code == 302
    # What waited is gone; and if it had come a moment later, it is not taken for another's.
    assert not PendingSignIn.objects.exists()
    waiting.save(force_insert=True)
    assert is_refused(browser, address, "issuer_mismatch")
    boss.refresh_from_db()
    assert boss.email == "boss@acme.example"


def test_signing_everybody_out_ends_what_waits_to_be_finished_as_well(acme, alice):
    browser, address = parked(acme)
    assert alice.post(END).status_code == 302
    assert is_refused(browser, address, "request_unknown")
    assert not Session.objects.exclude(connection=None).exists()


def test_nothing_changed_and_the_person_is_in(acme, alice):
    browser, address = parked(acme)
    assert alice.post(PAGE, fields_of(acme, name="Another name")).status_code == 302
    assert browser.get(address).status_code == 302
    assert Session.objects.filter(user__email="grace@acme.example").exists()


def test_started_at_the_provider_it_counts_only_as_long_as_that_is_allowed(acme, alice):
    acme.connections.update(idp_initiated=True)
    connection = acme.connections.select_related("company").get()
    browser = Browser()
    field = respond_to(connection, request_id=None, now=datetime.now(UTC))
    address = browser.post_response(connection, field)["Location"]
    acme.connections.update(idp_initiated=False)
    assert is_refused(browser, address, "unsolicited_refused")
