"""Attacks on signing in without SAML, a case each."""

from datetime import UTC, datetime

import pytest
from django.conf import settings as django_settings
from django.urls import get_resolver

from passerelle.directory.links import activation_path, reset_path
from passerelle.directory.models import User
from passerelle.infra import hashing
from passerelle.sso.models import FailedAttempts, Letter, Session, SignIn
from passerelle.sso.outbox import letters
from passerelle.sso.sign_in import passwords
from passerelle.sso.sign_in.password_rules import password_problem
from tests.browsing import Browser
from tests.web.test_passwords import OTHER, PASSWORD, enter, is_in, with_password
from tests.world import make_administrator, make_company, make_user

pytestmark = pytest.mark.django_db
NOBODY = "00000000-0000-7000-8000-000000000000"
LONG = "x" * 10_000


@pytest.fixture
def bob(acme) -> User:
    return with_password(make_user(acme, "bob@acme.example"))


# Credential stuffing.


def test_passwords_tried_on_many_accounts_stop_the_network_and_nobody_else(acme, bob, monkeypatch):
    monkeypatch.setattr(passwords, "MAX_FAILURES_OF_A_NETWORK", 5)
    thief = Browser(REMOTE_ADDR="203.0.113.9")
    answers = [enter(thief, f"p{number}@acme.example", "stolen").status_code for number in range(7)]
    assert answers == [422] * 5 + [429] * 2
    assert enter(thief).status_code == 429
    owner = Browser(REMOTE_ADDR="198.51.100.7")
    enter(owner)
    assert is_in(owner)


def test_the_networks_of_one_site_count_as_one(acme, bob, monkeypatch):
    """Whoever has an IPv6 network has more addresses than there are limits."""
    monkeypatch.setattr(passwords, "MAX_FAILURES_OF_A_NETWORK", 3)
    for number in range(4):
        thief = Browser(REMOTE_ADDR=f"2001:db8:0:1::{number + 1}")
        last = enter(thief, f"p{number}@acme.example", "stolen")
    assert last.status_code == 429


def test_those_whose_address_cannot_be_read_share_one_limit(acme, bob, monkeypatch, settings):
    proxied = {"trusted_proxies": ("127.0.0.1",)}
    settings.PASSERELLE = settings.PASSERELLE.model_copy(update=proxied)
    monkeypatch.setattr(passwords, "MAX_FAILURES_OF_A_NETWORK", 3)
    for number, hop in enumerate(["", "\xff", "nonsense", "203.0.113.9:443"]):
        thief = Browser(HTTP_X_FORWARDED_FOR=hop)
        last = enter(thief, f"p{number}@acme.example", "stolen")
    assert last.status_code == 429
    assert set(SignIn.objects.values_list("address", flat=True)) == {None}
    assert enter(Browser(HTTP_X_FORWARDED_FOR="198.51.100.7")).status_code == 302


def test_a_network_that_holds_the_proxy_lets_nobody_in_whose_address_cannot_be_read(
    acme, bob, settings
):
    proxied = {"trusted_proxies": ("127.0.0.1",)}
    settings.PASSERELLE = settings.PASSERELLE.model_copy(update=proxied)
    acme.ip_allowlist = ["127.0.0.0/8"]
    acme.save()
    assert enter(Browser(HTTP_X_FORWARDED_FOR="")).status_code == 403
    assert enter(Browser(HTTP_X_FORWARDED_FOR="127.0.0.1\xff")).status_code == 403
    assert enter(Browser()).status_code == 302


def test_right_passwords_of_many_people_are_not_taken_for_it(acme, monkeypatch):
    monkeypatch.setattr(passwords, "MAX_FAILURES_OF_A_NETWORK", 2)
    for number in range(4):
        with_password(make_user(acme, f"p{number}@acme.example"))
        browser = Browser()
        enter(browser, f"p{number}@acme.example")
        assert is_in(browser)
    assert not FailedAttempts.objects.filter(count__gt=0).exists()


# Session fixation.


@pytest.mark.parametrize("planted", ["x" * 43, "", "\0", LONG])
def test_a_session_key_that_was_planted_is_not_the_one_that_lets_in(acme, bob, planted):
    browser = Browser()
    browser.cookies[django_settings.SESSION_COOKIE] = planted
    enter(browser)
    assert is_in(browser)
    assert browser.cookies[django_settings.SESSION_COOKIE].value != planted
    thief = Browser()
    thief.cookies[django_settings.SESSION_COOKIE] = planted
    assert not is_in(thief)


def test_the_thiefs_own_session_does_not_become_the_victims(acme, bob):
    thief = Browser().enter(make_user(acme, "eve@acme.example"))
    key = thief.cookies[django_settings.SESSION_COOKIE].value
    victim = Browser()
    victim.cookies[django_settings.SESSION_COOKIE] = key
    enter(victim)
    assert Session.objects.get().user == bob
    assert not is_in(thief)


# Forms from other sites.

MACHINES = ("/auth/", "/.well-known/", "/oidc/", "/scim/")
"""What other servers and browsers coming from there call: it carries a signature, a secret or a
state, or leads to a question."""
PAGES_AMONG_THEM = ("/oidc/logout/confirmed",)


def _addresses() -> list[str]:
    found = []
    for pattern in get_resolver("passerelle.web.urls").url_patterns:
        route = "/" + str(pattern.pattern)
        for kind, value in (
            ("uuid:", NOBODY),
            ("slug:", "acme"),
            ("str:", "x"),
        ):
            while f"<{kind}" in route:
                start, rest = route.split(f"<{kind}", 1)
                route = start + value + rest.split(">", 1)[1]
        if route in PAGES_AMONG_THEM or not route.startswith(MACHINES):
            found.append(route)
    return sorted(set(found))


@pytest.mark.parametrize("address", _addresses())
def test_a_form_of_another_site_does_nothing_anywhere(address):
    acme = make_company()
    browser = Browser(enforce_csrf_checks=True).enter(make_administrator(acme))
    before = list(User.objects.values()), list(acme.connections.values())
    answer = browser.post(address, {"password": PASSWORD, "email": "eve@acme.example"})
    assert answer.status_code == 403
    assert (list(User.objects.values()), list(acme.connections.values())) == before
    assert Session.objects.count() == 1


# Addresses that look alike.


@pytest.mark.parametrize(
    "typed",
    [
        "bоb@acme.example",
        "bob@аcme.example",
        "ｂｏｂ@acme.example",
        "bob@acme.example.",
        "bob@acme\u200b.example",
        "bob\u200d@acme.example",
        '"bob"@acme.example',
        "bob+x@acme.example",
        "bob@acme.example@evil.example",
        "bob@acme.example,eve@evil.example",
        "bob@acme.example\neve@evil.example",
    ],
)
def test_an_address_that_looks_alike_is_another(acme, bob, typed):
    browser = Browser()
    assert enter(browser, typed).status_code == 422
    Browser().post("/login/acme/forgot/", {"email": typed})
    letters.send_letters(datetime.now(UTC))
    assert not Letter.objects.filter(sent_at__isnull=False).exists()


# Very long passwords.


def test_a_very_long_password_is_refused_everywhere_and_hashed_nowhere(acme, bob, monkeypatch):
    hashed: list[int] = []
    make, check = hashing.make_password, hashing.check_password

    def making(password):
        hashed.append(len(password))
        return make(password)

    def checking(password, encoded, setter=None):
        hashed.append(len(password))
        return check(password, encoded, setter)

    monkeypatch.setattr(hashing, "make_password", making)
    monkeypatch.setattr(hashing, "check_password", checking)
    invited = make_user(acme, "new@acme.example", status="invited")
    member = Browser().enter(bob)
    for answer in (
        enter(Browser(), password=LONG),
        enter(Browser(), "nobody@acme.example", LONG),
        Browser().post(reset_path(bob), {"password": LONG}),
        Browser().post(activation_path(invited), {"password": LONG}),
        member.post("/account/password/", {"current": LONG, "password": OTHER}),
        member.post("/account/password/", {"current": PASSWORD, "password": LONG}),
    ):
        assert answer.status_code == 422
    Session.objects.update(confirmed_at=None)
    assert member.post("/account/app/", {"confirm_password": LONG}).status_code == 403
    assert max(hashed) <= 1000
    assert enter(Browser()).status_code == 302


# Networks in headers.


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Client-IP"])
def test_a_network_in_a_header_does_not_lead_past_the_allow_list(acme, bob, header):
    acme.ip_allowlist = ["10.0.0.0/8"]
    acme.save()
    browser = Browser()
    answer = browser.post(
        "/login/acme/",
        {"email": "bob@acme.example", "password": PASSWORD},
        headers={header: "for=10.0.0.1" if header == "Forwarded" else "10.0.0.1"},
    )
    assert answer.status_code == 403
    assert SignIn.objects.get().address == "127.0.0.1"


def test_behind_a_trusted_proxy_only_what_it_added_counts(acme, bob, settings):
    proxied = {"trusted_proxies": ("127.0.0.1/32",)}
    settings.PASSERELLE = settings.PASSERELLE.model_copy(update=proxied)
    acme.ip_allowlist = ["10.0.0.0/8"]
    acme.save()
    fields = {"email": "bob@acme.example", "password": PASSWORD}
    forged = {"X-Forwarded-For": "10.0.0.1, 203.0.113.9"}
    assert Browser().post("/login/acme/", fields, headers=forged).status_code == 403
    honest = {"X-Forwarded-For": "203.0.113.9, 10.0.0.1"}
    assert Browser().post("/login/acme/", fields, headers=honest).status_code == 302


@pytest.mark.parametrize(
    "password",
    [
        "password",
        "Password1",
        "aaaaaaaaaaaa",
        "12121212",
        "bob@acme.example",
        "bob.example1",
        "Acme2026!",
        "acmeacme",
        "motdepasse",
    ],
)
def test_what_is_guessed_first_is_no_password(acme, password):
    user = User(company=acme, email="bob.example@acme.example", first_name="Bob")
    assert "among the first that are guessed" in password_problem(user, password)


@pytest.mark.parametrize(
    "password", ["correct horse battery", "8 fois Sept…", "Xq7-pt9.2kf", "8392-0174-6645-1207-9938"]
)
def test_what_nobody_guesses_is_one(acme, password):
    assert password_problem(User(company=acme, email="bob@acme.example"), password) == ""
