"""A subscriber may hold more than a /64: failures count for the /56 and the /48 around it, too."""

import pytest
from django.contrib.auth.hashers import make_password
from django.utils import timezone

from passerelle.infra.network import networks_of
from passerelle.sso.records.failures import (
    fails_too_often,
    has_begun_too_many,
    has_failed_too_often,
)
from passerelle.sso.sign_in.passwords import MAX_FAILURES, TooManyAttempts, confirm
from tests.world import make_company, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("within_the_hour")]
PASSWORD = "a long enough password"


@pytest.fixture
def bob():
    return make_user(make_company(), "bob@acme.example", password=make_password(PASSWORD))


def test_an_address_has_its_network_and_those_around_it():
    assert networks_of("2001:db8:1:203::9") == (
        ("2001:db8:1:203::/64", 1),
        ("2001:db8:1:200::/56", 4),
        ("2001:db8:1::/48", 16),
    )
    assert networks_of("192.0.2.7") == networks_of("::ffff:192.0.2.7") == (("192.0.2.7", 1),)
    assert networks_of(None) == (("", 1),)


def test_passwords_are_guessed_from_a_whole_56_four_times_as_often_and_no_more(bob, monkeypatch):
    monkeypatch.setattr(
        "passerelle.sso.sign_in.passwords._is_password_of", lambda _user, one: one == PASSWORD
    )
    now = timezone.now()
    for number in range(4 * MAX_FAILURES + 1):
        confirm(bob, "wrong", address=f"2001:db8:1:{number:x}::1", now=now)
    with pytest.raises(TooManyAttempts):
        confirm(bob, "wrong", address="2001:db8:1:ff::1", now=now)
    assert confirm(bob, PASSWORD, address="2001:db8:1:100::1", now=now)
    assert confirm(bob, PASSWORD, address="192.0.2.7", now=now)


def test_the_48_has_its_limit_as_well():
    now = timezone.now()
    for network in range(33):
        fails_too_often("callback", f"2001:db8:1:{network:x}00::1", 2, now=now)
    assert has_failed_too_often("callback", "2001:db8:1:ff00::1", 2, now=now)
    assert not has_failed_too_often("callback", "2001:db8:2::1", 2, now=now)


def test_a_right_password_asks_one_statement_more_from_ipv6_alone(bob, django_assert_num_queries):
    now = timezone.now()
    with django_assert_num_queries(8):
        assert confirm(bob, PASSWORD, address="192.0.2.7", now=now)
    with django_assert_num_queries(9):
        assert confirm(bob, PASSWORD, address="2001:db8:1::1", now=now)


def test_sign_ins_begun_count_around_too(monkeypatch):
    monkeypatch.setattr("passerelle.sso.records.failures.MAX_BEGUN", 2)
    now = timezone.now()
    begun = [has_begun_too_many(f"2001:db8:1:{one:x}::1", now=now) for one in range(9)]
    assert begun == [False] * 8 + [True]
