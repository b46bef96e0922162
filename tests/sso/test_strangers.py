"""What strangers can make us keep is bounded, whichever way they come."""

import json
from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib.auth.hashers import make_password
from django.db.models import F
from django.utils import timezone

from passerelle.directory.models import Company
from passerelle.jobs.housekeeping import purge
from passerelle.practice_idp.issue import SigningKey, make_signing_key
from passerelle.sso.connections.claims import MAX_KEPT
from passerelle.sso.models import AuthnRequest, Letter, PasskeyChallenge, PendingSignIn, SignIn
from passerelle.sso.outbox.letters import send_letters
from passerelle.sso.sign_in.passkeys import begin_sign_in
from tests.browsing import Browser
from tests.world import GRACE, NOW, make_company, make_rule, make_user, respond_to

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("within_the_hour"),
    pytest.mark.thorough,
]
MANY = 120


@pytest.fixture
def acme():
    company = make_company(google_sso_enabled=False)
    make_user(company, "bob@acme.example", password=make_password("a long enough password"))
    return company


@pytest.fixture
def connection(acme):
    return acme.connections.get()


def kept() -> tuple[int, int]:
    """How many rows there are, and how many characters they hold."""
    rows = [row for model in apps.get_models() for row in model._default_manager.values()]
    return len(rows), sum(len(str(value)) for row in rows for value in row.values())


def from_network(number: int) -> Browser:
    return Browser(REMOTE_ADDR=f"2001:db8:{number:x}::1")


def test_sign_ins_that_one_network_begins_and_does_not_finish_are_limited(connection, monkeypatch):
    monkeypatch.setattr("passerelle.sso.records.failures.MAX_BEGUN", 20)
    statuses = [Browser().get("/auth/saml/acme/login").status_code for _ in range(30)]
    assert statuses == [302] * 20 + [429] * 10
    assert AuthnRequest.objects.count() == 20
    assert from_network(1).get("/auth/saml/acme/login").status_code == 302


def test_those_that_are_finished_do_not_count(connection, monkeypatch):
    monkeypatch.setattr("passerelle.sso.records.failures.MAX_BEGUN", 3)
    assert {Browser().sign_in(connection).status_code for _ in range(8)} == {302}


def test_a_company_keeps_so_many_begun_sign_ins_and_forgets_the_oldest(connection, monkeypatch):
    monkeypatch.setattr("passerelle.sso.records.begun.MOST_WAITING", 10)
    browsers = [from_network(number) for number in range(15)]
    asked = [browser.start(connection) for browser in browsers]
    for number, one in enumerate(asked):
        ends = timezone.now() + timedelta(seconds=number)
        AuthnRequest.objects.filter(id=one).update(expires_at=ends)
    answered = respond_to(connection, request_id=asked[0], now=timezone.now())
    browsers[0].post_response(connection, answered)
    purge(timezone.now())
    left = set(AuthnRequest.objects.filter(answered_at=None).values_list("id", flat=True))
    assert left == set(asked[-10:])
    assert AuthnRequest.objects.filter(id=asked[0]).exists()


def begin_by_saml(_connection, browser):
    assert browser.get("/auth/saml/acme/login", {"next": "/" + "x" * 1999}).status_code == 302


def begin_by_passkey(connection, _browser):
    begin_sign_in(connection.company, now=timezone.now())


def answer_unasked(connection, browser):
    answered = respond_to(connection, request_id=None, now=timezone.now())
    assert "/finish?code=" in browser.post_response(connection, answered)["Location"]


@pytest.mark.parametrize(
    ("begin", "model"),
    [
        (begin_by_saml, AuthnRequest),
        (begin_by_passkey, PasskeyChallenge),
        (answer_unasked, PendingSignIn),
    ],
)
def test_a_flood_within_one_minute_stays_as_small_before_anybody_keeps_house(
    connection, monkeypatch, begin, model
):
    monkeypatch.setattr("passerelle.sso.records.begun.MOST_WAITING", 10)
    monkeypatch.setattr("passerelle.sso.records.begun.LOOKED_AT_EVERY", 5)
    connection.idp_initiated = True
    connection.save()
    most = 0
    for number in range(MANY):
        begin(connection, from_network(number))
        most = max(most, model.objects.count())
    assert most <= 10 + 5


def test_a_sign_in_that_was_begun_is_about_three_kilobytes_at_most(connection):
    begin_by_saml(connection, Browser())
    [row] = AuthnRequest.objects.values()
    assert len(row["next"]) == 2000
    assert sum(len(str(value)) for value in row.values()) < 3000


def stranger_key(number: int, *, name: str = "") -> SigningKey:
    return make_signing_key(name=name or f"stranger {number}", now=NOW)


def test_of_strangers_certificates_few_are_kept_and_none_that_is_huge(connection, monkeypatch):
    keys = iter([stranger_key(number) for number in range(15)])
    monkeypatch.setattr("tests.world.signing_key", lambda _slug: next(keys))
    for _ in range(15):
        Browser().sign_in(connection)
    offered = SignIn.objects.exclude(offered_certificate="")
    assert SignIn.objects.filter(reason="certificate_unknown").count() == 15
    assert offered.count() == 10
    huge = stranger_key(0, name="x" * 64)
    monkeypatch.setattr("passerelle.sso.records.traces.MAX_CERTIFICATE", 100)
    monkeypatch.setattr("tests.world.signing_key", lambda _slug: huge)
    SignIn.objects.all().delete()
    Browser().sign_in(connection)
    assert SignIn.objects.get().offered_certificate == ""


def test_a_finish_address_in_other_browsers_keeps_one_row_and_no_claims(connection):
    browser = Browser()
    field = respond_to(connection, request_id=browser.start(connection), now=timezone.now())
    link = browser.post_response(connection, field)["Location"]
    for _ in range(MANY):
        assert Browser().get(link).status_code == 403
    row = SignIn.objects.get()
    assert (row.reason, row.count, row.claims) == ("browser_mismatch", MANY, None)
    assert row.email == GRACE.email
    assert browser.get(link).status_code == 302


def test_a_response_that_is_sent_again_and_again_keeps_one_row(connection):
    browser = Browser()
    field = respond_to(connection, request_id=browser.start(connection), now=timezone.now())
    browser.post_response(connection, field)
    for _ in range(MANY):
        Browser().post_response(connection, field)
    row = SignIn.objects.get(reason="assertion_replayed")
    assert (row.count, row.email) == (MANY - 2, GRACE.email)
    assert PendingSignIn.objects.count() == 3


def many(number: int) -> dict[str, tuple[str, ...]]:
    """So many attributes of 200 values."""
    values = tuple(f"{one}-{'z' * 90}" for one in range(200))
    return {f"a{one}": values for one in range(number)}


def test_of_what_an_identity_provider_says_so_much_is_kept(connection):
    """Who somebody is first, then what the rules read, then the rest; in the order that it came."""
    make_rule(connection.company, "g", workspace="W", permission_set="P")
    connection.company.rules.update(attribute="role")
    said = {**many(58), "role": ("g",), "email": (GRACE.email,)}
    Browser().sign_in(connection, attributes=said)
    kept_ones = SignIn.objects.get().claims
    assert kept_ones is not None
    assert 60_000 < len(json.dumps(kept_ones)) < MAX_KEPT + 5000
    assert kept_ones["attributes"]["role"] == ["g"]
    assert kept_ones["attributes"]["email"] == [GRACE.email]
    assert list(kept_ones["attributes"])[-2:] == ["role", "email"]


def test_of_names_that_are_no_names_and_of_an_endless_identifier_nothing_is_kept(connection):
    connection.subject_attribute = "uid"
    connection.save()
    Company.objects.update(version=F("version") + 1)
    said = {"uid": ("u" * 500_000,), "n" * 500_000: ("v",), "email": (GRACE.email,)}
    Browser().sign_in(connection, attributes=said)
    row = SignIn.objects.get()
    assert row.reason == "subject_too_long"
    assert row.claims["attributes"] == {"uid": [], "email": [GRACE.email]}
    assert row.claims["subject"] is None
    assert sum(len(str(value)) for value in SignIn.objects.values().get().values()) < 10_000


def test_letters_that_nobody_gets_are_not_kept(acme, settings):
    settings.PASSERELLE = settings.PASSERELLE.model_copy(
        update={"email_url": "smtp://127.0.0.1:25", "demo": False}
    )
    for number in range(MANY):
        typed = {"email": f"nobody-{number}@acme.example"}
        from_network(number).post("/login/acme/forgot/", typed)
    assert Letter.objects.count() == MANY
    for _ in range(3):
        send_letters(timezone.now())
    assert Letter.objects.count() == 0


def flood_messages(connection, number: int, browser: Browser) -> None:
    fields = ("", "%%%", "PHgvPg==", "PCFET0NUWVBFIGE+PGEvPg==", f"junk {number}" * 1000)
    for field in fields:
        browser.post("/auth/saml/acme/callback", {"SAMLResponse": field})
    browser.post("/auth/saml/acme/logout", {"SAMLRequest": f"junk {number}" * 1000})
    browser.get("/auth/saml/acme/logout", {"SAMLRequest": f"junk {number}"})
    browser.get("/auth/saml/acme/finish", {"code": f"junk {number}" * 100})
    monster = respond_to(connection, request_id=f"_{number}" * 100, now=timezone.now())
    browser.post("/auth/saml/acme/callback", {"SAMLResponse": monster, "RelayState": "x" * 5000})


def flood_passwords(_connection, number: int, browser: Browser) -> None:
    email = f"{number}@{'x' * 60}.example"
    browser.post("/login/acme/", {"email": email, "password": "x", "next": "/" * 3000})
    browser.post("/login/acme/emergency/", {"code": f"{number}" * 500})
    browser.post("/login/acme/passkey/", {"response": json.dumps({"id": "x" * 3000})})
    browser.get(f"/setup/{number}-{'x' * 100}/")
    browser.get("/auth/google/callback", {"state": f"{number}" * 500, "code": "x"})


@pytest.mark.parametrize("flood", [flood_messages, flood_passwords])
def test_whatever_a_thousand_strangers_send_within_an_hour_stays_small(
    connection, monkeypatch, flood
):
    """A hundred and twenty of them, and then as many more: the second time nothing is added."""
    stranger = stranger_key(0)
    monkeypatch.setattr("tests.world.signing_key", lambda _slug: stranger)
    monkeypatch.setattr("passerelle.sso.sign_in.passwords.hash_of", lambda password: password)
    grown = []
    for start in (0, MANY):
        rows, size = kept()
        for number in range(start, start + MANY):
            flood(connection, number, from_network(number))
        # What is counted for a network is forgotten ten minutes later.
        purge(timezone.now() + timedelta(minutes=20))
        grown.append((kept()[0] - rows, kept()[1] - size))
    assert grown[0][0] <= 110 and grown[0][1] <= 200_000, grown
    assert grown[1][0] <= 5 and grown[1][1] <= 10_000, grown


def test_what_strangers_left_is_forgotten_after_a_month(connection):
    Browser().post("/auth/saml/acme/callback", {"SAMLResponse": "junk"})
    Browser().sign_in(connection)
    assert SignIn.objects.count() == 2
    purge(timezone.now() + timedelta(days=31))
    assert [row.outcome for row in SignIn.objects.all()] == ["created"]
