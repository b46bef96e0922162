"""Whom a letter goes to: the address that we know, with its domain as we encode it."""

import re
from datetime import UTC, datetime

import pytest
from django.contrib.auth.hashers import make_password

from passerelle.directory.models import User
from passerelle.sso.outbox.expiry_notices import send_notices
from passerelle.sso.outbox.letters import queue_letter, send_invitation, send_letters
from tests.browsing import Browser
from tests.world import NOW, make_user

from .test_notices import ends_in

pytestmark = pytest.mark.django_db
SHARP, FINAL = "root@faß.example", "root@σίσυφος.example"
ENCODED = {SHARP: "root@xn--fa-hia.example", FINAL: "root@xn--kxa6ajbbmh.example"}


def recipients(mail) -> list[str]:
    send_letters(datetime.now(UTC))
    return [address for people, _message in mail for address in people]


def ask_for_another_password(acme, typed: str) -> None:
    answer = Browser().post(f"/login/{acme.slug}/forgot/", {"email": typed})
    assert answer.status_code == 200


@pytest.mark.parametrize("address", ENCODED)
def test_a_reset_link_goes_to_the_domain_of_the_account_and_to_no_other(acme, mail, address):
    make_user(acme, address, password=make_password("a long enough password"))
    ask_for_another_password(acme, address)
    assert recipients(mail) == [ENCODED[address]]
    assert mail[0][1]["To"] == ENCODED[address]


@pytest.mark.parametrize(
    ("account", "typed"),
    [
        ("Root@acme.example", "ROOT@ACME.example"),
        (SHARP, "root@XN--FA-HIA.example"),
        ("root@XN--FA-HIA.example", SHARP),
    ],
)
def test_a_reset_link_goes_to_the_address_that_is_stored_not_to_the_one_typed(
    acme, mail, account, typed
):
    user = make_user(acme, account, password=make_password("a long enough password"))
    ask_for_another_password(acme, typed)
    [recipient] = recipients(mail)
    assert recipient == user.address.mailbox
    assert recipient.partition("@")[0] == account.partition("@")[0]


@pytest.mark.parametrize("typed", ["root@fass.example", "root@σίσυφοσ.example"])
def test_the_account_of_a_look_alike_is_not_found(acme, mail, typed):
    for address in ENCODED:
        make_user(acme, address, password=make_password("a long enough password"))
    ask_for_another_password(acme, typed)
    assert recipients(mail) == []


def test_whatever_is_sent_goes_to_the_encoded_domain(acme, mail):
    root = make_user(acme, SHARP, is_administrator=True)
    invited = make_user(acme, FINAL, status="invited")
    send_invitation(invited, who="Alice", now=datetime.now(UTC))
    queue_letter("password_changed", acme, root.email, now=datetime.now(UTC))
    ends_in(days=3)
    send_notices(NOW)
    assert sorted(set(recipients(mail))) == sorted(ENCODED.values())
    assert len(mail) == 3


def test_a_person_is_found_by_the_domain_as_it_is_written_or_encoded(acme):
    make_user(acme, SHARP)
    alice = Browser().enter(make_user(acme, "alice@acme.example", is_administrator=True))
    for searched in (SHARP, "FAß.example", "xn--fa-hia", "root@"):
        page = alice.get("/settings/users/", {"q": searched}).content.decode()
        assert re.search(r"root@faß\.example", page), searched
    page = alice.get("/settings/users/", {"q": "fass.example"}).content.decode()
    assert "root@faß" not in page
    assert User.objects.count() == 2
