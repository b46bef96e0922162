"""Signing out of a dashboard and of us, and dashboards that are told of it."""

from datetime import timedelta
from urllib.parse import parse_qs

import pytest
from django.utils import timezone

from passerelle.directory.models import Membership, PermissionSet
from passerelle.oidc import back_channel
from passerelle.oidc.models import Grant, LogoutNotice, Loss
from passerelle.sso.models import Session
from tests.browsing import Browser
from tests.oidc.client import CALLBACK, RelyingParty
from tests.world import give, make_user

pytestmark = pytest.mark.django_db
BYE = "https://reports.acme.example/bye"
TELL = "https://reports.acme.example/told"


@pytest.fixture
def bob(acme):
    user = make_user(acme, "bob@acme.example")
    give(user)
    return user


@pytest.fixture
def told(acme) -> RelyingParty:
    return RelyingParty.made(acme, backchannel_logout_uri=TELL)


@pytest.fixture
def heard(monkeypatch):
    """What is sent to dashboards."""
    found = []

    def taken(url, *, sent, **_keywords):
        found.append((url, parse_qs(sent.body.decode())["logout_token"][0]))
        return b""

    monkeypatch.setattr(back_channel, "fetch", taken)
    return found


def test_who_signs_out_there_is_out_here_and_back_there(bob, reports):
    browser = Browser().enter(bob)
    tokens = reports.sign_in(browser)
    query = {
        "id_token_hint": tokens["id_token"],
        "post_logout_redirect_uri": BYE,
        "state": "s&t",
    }
    answer = browser.get("/oidc/logout", query)
    assert (answer.status_code, answer["Location"]) == (303, f"{BYE}?state=s%26t")
    assert not Session.objects.exists()
    assert reports.userinfo(tokens["access_token"]).status_code == 401
    again = browser.get("/oidc/logout", query)
    assert again["Location"].startswith(BYE)


def test_without_a_token_that_says_whose_sign_in_it_is_the_person_is_asked(bob, reports):
    browser = Browser().enter(bob)
    query = {"client_id": "acme-reports", "post_logout_redirect_uri": BYE}
    page = browser.get("/oidc/logout", query)
    assert "Sign out?" in page.content.decode()
    assert Session.objects.exists()
    answer = browser.post("/oidc/logout/confirmed", query)
    assert answer["Refresh"] == f"0; url={BYE}"
    assert not Session.objects.exists()


def test_the_token_of_another_session_ends_nothing_unasked(bob, reports):
    tokens = reports.sign_in(Browser().enter(bob))
    other = Browser().enter(bob)
    other.get("/oidc/logout", {"id_token_hint": tokens["id_token"]})
    assert Session.objects.count() == 2


@pytest.mark.parametrize("address", ["https://evil.example/", CALLBACK, BYE + "?x", "javascript:1"])
def test_nobody_is_led_to_an_address_that_is_not_registered(bob, reports, address):
    tokens = reports.sign_in(Browser().enter(bob))
    query = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": address}
    answer = Browser().get("/oidc/logout", query)
    assert answer.status_code == 400
    assert "Location" not in answer


def test_a_token_that_is_not_ours_is_no_hint(bob, reports):
    browser = Browser().enter(bob)
    tokens = reports.sign_in(browser)
    head, _, rest = tokens["id_token"].partition(".")
    for junk in ("x", "a.b.c", f"{head}x.{rest}", tokens["id_token"][:-4] + "AAAA"):
        page = browser.get("/oidc/logout", {"id_token_hint": junk})
        assert page.status_code == 200
    assert Session.objects.exists()


@pytest.mark.parametrize(
    "end",
    [
        lambda user: user.sessions.all().delete(),
        lambda user: Browser().enter(user) and Session.objects.all().delete(),
        lambda user: user.delete(),
    ],
    ids=["signed out", "all sessions ended", "removed"],
)
def test_a_dashboard_is_told_when_a_session_ends(bob, told, heard, end):
    tokens = told.sign_in(Browser().enter(bob))
    sub, sid = (told.verified(tokens["id_token"])[name] for name in ("sub", "sid"))
    end(bob)
    back_channel.work(timezone.now())
    [(url, token)] = heard
    claims = told.verified(token)
    assert url == TELL
    assert (claims["sub"], claims["sid"], claims["aud"]) == (sub, sid, "acme-reports")
    assert claims["events"] == {back_channel.EVENT: {}}
    assert "nonce" not in claims
    assert not (Loss.objects.exists() or LogoutNotice.objects.exists())
    back_channel.work(timezone.now())
    assert len(heard) == 1


def test_a_dashboard_is_told_when_a_right_is_taken_away(acme, bob, heard):
    lead = PermissionSet.objects.create(company=acme, name="Lead")
    told = RelyingParty.made(acme, backchannel_logout_uri=TELL, roles=((lead, "Admin"),))
    extra = give(bob, permission_set="Lead")
    tokens = told.sign_in(Browser().enter(bob))
    extra.delete()
    back_channel.work(timezone.now())
    assert len(heard) == 1
    assert told.userinfo(tokens["access_token"]).status_code == 401
    assert Session.objects.exists()


def test_a_right_that_comes_from_two_sources_is_not_lost_with_one(acme, bob, told, heard):
    give(bob, source="rule")
    told.sign_in(Browser().enter(bob))
    Membership.objects.filter(source="rule").delete()
    back_channel.work(timezone.now())
    assert heard == []
    assert Grant.objects.exists()


def test_nothing_is_noted_where_nobody_went_on(bob):
    Browser().enter(bob)
    bob.sessions.all().delete()
    Membership.objects.all().delete()
    assert not Loss.objects.exists()


def test_what_a_dashboard_does_not_take_is_tried_again_and_given_up(bob, told, monkeypatch):
    from passerelle.infra.fetch import FetchError

    def refused(*_given, **_keywords):
        raise FetchError("fetch_no_answer")

    monkeypatch.setattr(back_channel, "fetch", refused)
    told.sign_in(Browser().enter(bob))
    bob.sessions.all().delete()
    now = timezone.now()
    for number in range(len(back_channel.PAUSES)):
        assert LogoutNotice.objects.count() == (1 if number else 0)
        back_channel.work(now + timedelta(days=number))
    assert not LogoutNotice.objects.exists()


def test_who_never_used_the_code_is_told_nothing(bob, told, heard):
    told.code(Browser().enter(bob))
    bob.sessions.all().delete()
    back_channel.work(timezone.now())
    assert heard == []
