"""Before what changes who can enter: whoever came in a while ago shows once more who they are."""

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.contrib.auth.hashers import make_password

from passerelle.sso.models import AuthnRequest, Session
from tests.browsing import Browser
from tests.web.test_security_settings import PAGE, fields_of
from tests.world import make_administrator, make_user, respond_to

pytestmark = pytest.mark.django_db
PASSWORD = "a long enough passphrase"


@pytest.fixture
def connection(acme):
    return acme.connections.select_related("company").get()


@pytest.fixture
def admin(acme):
    user = make_administrator(acme)
    user.password = make_password(PASSWORD)
    user.save()
    return user


@pytest.fixture
def alice(admin) -> Browser:
    """Signed in, and not asked who she is for two hours."""
    browser = Browser().enter(admin)
    Session.objects.update(confirmed_at=datetime.now(UTC) - timedelta(hours=2))
    return browser


def save(browser: Browser, acme, **changes):
    return browser.post(PAGE, fields_of(acme, name="New name", **changes))


def name_of(acme) -> str:
    return acme.connections.get().name


def test_nothing_is_saved_until_she_confirms_and_her_entries_are_kept(acme, alice):
    asked = save(alice, acme)
    page = asked.content.decode()
    assert asked.status_code == 403
    assert "Confirm that it is you" in page
    assert '<input type="hidden" name="name" value="New name">' in page
    assert name_of(acme) == "Acme SSO"
    assert save(alice, acme, confirm_password=PASSWORD).status_code == 302
    assert name_of(acme) == "New name"


def test_once_confirmed_she_is_not_asked_again_for_an_hour(acme, alice):
    save(alice, acme, confirm_password=PASSWORD)
    acme.refresh_from_db()
    assert alice.post(PAGE, fields_of(acme, name="Again")).status_code == 302
    Session.objects.update(confirmed_at=datetime.now(UTC) - timedelta(minutes=61))
    acme.refresh_from_db()
    assert alice.post(PAGE, fields_of(acme, name="Later")).status_code == 403


def test_a_wrong_password_is_said_and_saves_nothing(acme, alice):
    page = save(alice, acme, confirm_password="not-mine-at-all").content.decode()
    assert "This is not your password." in page
    assert "not-mine-at-all" not in page
    assert name_of(acme) == "Acme SSO"


def test_guesses_are_limited(acme, alice):
    for _ in range(11):
        asked = save(alice, acme, confirm_password="wrong")
    assert "Too many failed attempts" in asked.content.decode()
    assert save(alice, acme, confirm_password=PASSWORD).status_code == 403


def test_a_look_needs_no_confirmation(alice):
    assert alice.get(PAGE).status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "/settings/security/key/?connection=acme",
        "/settings/security/metadata/?connection=acme",
        "/settings/connect/",
        "/settings/connect/acme/",
        "/settings/connect/acme/switch/",
        "/settings/connect/acme/link/",
        "/settings/sign-ins/AAA-AAA/certificate/",
        "/settings/sign-ins/AAA-AAA/admit/",
        "/settings/sign-ins/AAA-AAA/domain/",
    ],
)
def test_each_such_action_asks(alice, address):
    asked = alice.post(address)
    assert asked.status_code == 403
    assert "Confirm that it is you" in asked.content.decode()


def test_making_somebody_an_administrator_asks(acme, alice):
    bob = make_user(acme, "bob@acme.example")
    asked = alice.post(f"/settings/users/{bob.id}/change/promote/")
    assert "Confirm that it is you" in asked.content.decode()
    alice.post(f"/settings/users/{bob.id}/change/promote/", {"confirm_password": PASSWORD})
    bob.refresh_from_db()
    assert bob.is_administrator


def through_the_idp(acme, connection, *, authenticated: timedelta, confirm: bool) -> Browser:
    """Sign in as an administrator, authenticated at the identity provider some time ago."""
    browser, now = Browser(), datetime.now(UTC)
    browser.sign_in(connection)
    acme.users.filter(email="grace@acme.example").update(is_administrator=True)
    query = {"confirm": "", "next": "/account/confirmed/"} if confirm else {}
    sent = browser.get("/auth/saml/acme/login", query)
    request = browser.request_in(sent)
    assert (request.get("ForceAuthn") == "true") is confirm
    field = respond_to(connection, request_id=request.get("ID"), now=now + authenticated)
    answer = browser.post_response(connection, field)
    browser.last = browser.get(answer["Location"]) if answer.status_code == 303 else answer
    return browser


def test_signing_in_anew_at_the_identity_provider_confirms(acme, connection):
    grace = through_the_idp(acme, connection, authenticated=timedelta(), confirm=True)
    assert grace.last["Location"] == "/account/confirmed/"
    assert "Close this tab" in grace.get("/account/confirmed/").content.decode()
    assert AuthnRequest.objects.filter(forced=True).count() == 1
    assert save(grace, acme).status_code == 302


def test_an_old_authentication_there_does_not_confirm_when_it_was_asked_for_anew(acme, connection):
    grace = through_the_idp(acme, connection, authenticated=timedelta(minutes=-3), confirm=True)
    assert grace.last.status_code == 403


def test_somebody_without_password_is_shown_the_way_through_the_identity_provider(acme, connection):
    grace = through_the_idp(acme, connection, authenticated=timedelta(), confirm=False)
    Session.objects.update(confirmed_at=None)
    page = save(grace, acme).content.decode()
    assert "/auth/saml/acme/login?confirm&amp;next=/account/confirmed/" in page
    assert 'name="confirm_password"' not in page


def test_a_password_sign_in_counts_as_confirmed(acme, admin):
    browser = Browser()
    sent = {"email": admin.email, "password": PASSWORD}
    browser.post("/login/acme/", sent)
    assert settings.SESSION_COOKIE in browser.cookies
    assert save(browser, acme).status_code == 302
