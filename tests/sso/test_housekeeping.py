"""What has ended is deleted, but not before people who come too late have heard so."""

from dataclasses import replace
from datetime import timedelta

import pytest

from passerelle.infra.tokens import digest
from passerelle.jobs.housekeeping import purge
from passerelle.sso.models import AuthnRequest, ConsumedAssertion, PendingSignIn
from passerelle.sso.sessions.session import find_session, open_session
from passerelle.sso.sign_in.finish import Visit, finish_sign_in
from passerelle.sso.sign_in.saml import Refused, accept_response
from passerelle.sso.sign_in.saml import start_sign_in as start
from passerelle.sso.sign_in.spend import CODE_LIFETIME, REQUEST_LIFETIME
from tests.world import GRACE, NOW, make_company, make_user, respond_to

pytestmark = pytest.mark.django_db
LATER = timedelta(minutes=2)


@pytest.fixture
def acme():
    return make_company().connections.select_related("company").get()


def asked(connection) -> str:
    start(connection, next_path="", binding="b", address=None, now=NOW)
    return AuthnRequest.objects.get().id


def test_a_response_to_a_request_that_expired_is_told_so_even_after_a_purge(acme):
    request_id, late = asked(acme), NOW + REQUEST_LIFETIME + LATER
    purge(late)
    field = respond_to(acme, request_id=request_id, now=late)
    with pytest.raises(Refused) as refused:
        accept_response("acme", field, relay_state="", address=None, now=late)
    assert refused.value.sign_in.reason == "request_expired"
    purge(NOW + timedelta(days=2))
    assert not AuthnRequest.objects.exists()


def test_a_code_that_expired_is_told_so_even_after_a_purge(acme):
    field = respond_to(acme, request_id=asked(acme))
    parked = accept_response("acme", field, relay_state="", address=None, now=NOW)
    late = NOW + CODE_LIFETIME + LATER
    purge(late)
    visit = Visit(
        slug="acme", code=parked.code, cookie=parked.cookie, binding="b", address=None, now=late
    )
    with pytest.raises(Refused) as refused:
        finish_sign_in(visit)
    assert (refused.value.sign_in.reason, refused.value.sign_in.email) == (
        "request_expired",
        "grace@acme.example",
    )
    purge(NOW + timedelta(hours=2))
    assert not PendingSignIn.objects.exists()


GROUPS = tuple(f"{one:0>1000}" for one in range(20))


def parked_with(connection, **said):
    start(connection, next_path="", binding="b", address=None, now=NOW)
    waiting = AuthnRequest.objects.get(answered_at=None)
    field = respond_to(connection, request_id=waiting.id, **said)
    return accept_response("acme", field, relay_state="", address=None, now=NOW)


def test_large_claims_of_a_code_that_ended_are_dropped_and_it_is_told_so_still(acme):
    parked = parked_with(acme, person=replace(GRACE, groups=GROUPS))
    small = parked_with(acme)
    purge(NOW)
    pending = PendingSignIn.objects.get(code_digest=digest(parked.code))
    assert len(str(pending.claims)) > 20_000
    late = NOW + CODE_LIFETIME + LATER
    purge(late)
    pending.refresh_from_db()
    assert pending.claims["attributes"] == {}
    assert PendingSignIn.objects.get(code_digest=digest(small.code)).claims["attributes"]
    visit = Visit(
        slug="acme", code=parked.code, cookie=parked.cookie, binding="b", address=None, now=late
    )
    with pytest.raises(Refused) as refused:
        finish_sign_in(visit)
    assert refused.value.sign_in.reason == "request_expired"


def test_of_large_claims_that_wait_the_newest_stay_and_small_ones_too(acme, monkeypatch):
    monkeypatch.setattr("passerelle.sso.sign_in.spend.MOST_LARGE", 50_000)
    small = parked_with(acme)
    parked = [parked_with(acme, person=replace(GRACE, groups=GROUPS)) for _ in range(4)]
    waiting = set(PendingSignIn.objects.values_list("code_digest", flat=True))
    assert digest(small.code) in waiting
    assert digest(parked[-1].code) in waiting
    assert len(waiting) == 3


def test_one_that_is_larger_than_all_may_be_waits_alone(acme, monkeypatch):
    monkeypatch.setattr("passerelle.sso.sign_in.spend.MOST_LARGE", 15_000)
    for _ in range(2):
        last = parked_with(acme, person=replace(GRACE, groups=GROUPS))
    assert PendingSignIn.objects.get().code_digest == digest(last.code)


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=23), -timedelta(hours=1)])
def test_a_response_counts_once_though_the_clock_goes_away_and_comes_back(acme, jump):
    acme.idp_initiated = True
    acme.save()
    field = respond_to(acme, request_id=None)
    accept_response("acme", field, relay_state="", address=None, now=NOW)
    purge(NOW + jump)
    with pytest.raises(Refused) as refused:
        accept_response("acme", field, relay_state="", address=None, now=NOW)
    assert refused.value.sign_in.reason == "assertion_replayed"


def test_a_clock_that_goes_back_lets_nothing_old_in_again(acme):
    acme.idp_initiated = True
    acme.save()
    field = respond_to(acme, request_id=None)
    accept_response("acme", field, relay_state="", address=None, now=NOW)
    for hours in range(1, 23):
        purge(NOW + timedelta(hours=hours))
    with pytest.raises(Refused) as refused:
        accept_response("acme", field, relay_state="", address=None, now=NOW)
    assert refused.value.sign_in.reason == "assertion_replayed"
    purge(NOW + timedelta(days=2))
    assert not ConsumedAssertion.objects.exists()


@pytest.mark.parametrize("minutes", [1, 5, 60, 1440])
def test_a_session_in_use_stays_open_and_an_idle_one_ends(minutes):
    company = make_company(session_minutes=minutes)
    user = make_user(company, "ada@acme.example")
    key, now = open_session(user, connection=None, now=NOW), NOW
    for _ in range(30):
        now += timedelta(minutes=minutes) / 2
        assert find_session(key, now=now)
    assert not find_session(key, now=now + timedelta(minutes=minutes + 1))
