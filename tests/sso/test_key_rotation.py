"""A provider that signs with a new key at once, and metadata that is read once a day."""

from datetime import UTC, datetime, timedelta

import pytest

from passerelle.administration.follow_metadata import follow
from passerelle.saml import Certificate, load_certificate
from passerelle.sso.models import SamlConnection, SignIn
from tests.browsing import Browser, reference_in
from tests.world import make_administrator, signing_key

from .test_follow import NEXT, OLD, key_of, now_trusted, published
from .test_follow import acme as acme

pytestmark = pytest.mark.django_db


def of(name: str) -> Certificate:
    return load_certificate(signing_key(name).certificate_der)


@pytest.fixture
def rotated(acme, web, monkeypatch):
    """The provider signs with its next key; what its metadata says is the test's to say."""
    later = datetime.now(UTC) + timedelta(days=1)
    SamlConnection.objects.update(metadata_due_at=later, metadata_read_at=datetime.now(UTC))
    monkeypatch.setattr("tests.world.signing_key", lambda _slug: signing_key(NEXT))
    return acme


def test_the_first_person_after_a_rotation_is_let_in(rotated, web):
    published(web, key_of(OLD, NEXT))
    assert Browser().sign_in(rotated).status_code == 302
    assert now_trusted() == {of(name).fingerprint for name in (OLD, NEXT)}
    assert web.asked == ["/metadata"]


def test_a_signature_without_a_certificate_beside_it_has_the_metadata_read_as_well(
    rotated, web, monkeypatch
):
    monkeypatch.setattr("passerelle.saml.xmldsig.MAX_EMBEDDED", 0)
    published(web, key_of(OLD, NEXT))
    assert Browser().sign_in(rotated).status_code == 302


def test_all_keys_at_once_wait_for_an_administrator_who_is_led_there(rotated, web):
    published(web, key_of(NEXT))
    reference = reference_in(Browser().sign_in(rotated))
    assert now_trusted() == {of(OLD).fingerprint}
    alice = Browser().enter(make_administrator(rotated.company))
    page = alice.get(f"/settings/sign-ins/{reference}/").content.decode()
    assert "It stands in the metadata at https://localhost" in page
    assert "Look at the change" in page


def page_of(company_of, response) -> str:
    alice = Browser().enter(make_administrator(company_of.company))
    return alice.get(f"/settings/sign-ins/{reference_in(response)}/").content.decode()


def test_without_a_certificate_beside_the_signature_they_are_led_there_too(
    rotated, web, monkeypatch
):
    monkeypatch.setattr("passerelle.saml.xmldsig.MAX_EMBEDDED", 0)
    published(web, key_of(NEXT))
    page = page_of(rotated, Browser().sign_in(rotated))
    assert "The metadata at https://localhost" in page
    assert "names certificates that are not trusted yet" in page
    assert "Look at the change" in page


def test_nobody_is_led_to_a_change_that_is_not_there(rotated, web, monkeypatch):
    monkeypatch.setattr("passerelle.saml.xmldsig.MAX_EMBEDDED", 0)
    published(web, key_of(OLD))
    assert "Look at the change" not in page_of(rotated, Browser().sign_in(rotated))


def test_nobody_is_led_to_a_change_that_would_not_mend_it(acme, web):
    published(web, key_of(NEXT))
    follow(acme, now=datetime.now(UTC))
    assert "Look at the change" not in page_of(acme, Browser().sign_in(acme, fault="changed"))


def test_a_stranger_has_it_read_three_times_within_ten_minutes_and_no_more(rotated, web):
    published(web, key_of(OLD))
    for _ in range(6):
        assert Browser().sign_in(rotated).status_code == 400
    assert web.asked == ["/metadata"] * 3


def test_the_refusal_says_that_the_metadata_does_not_hold_the_certificate(rotated, web):
    published(web, key_of(OLD))
    reference = reference_in(Browser().sign_in(rotated))
    alice = Browser().enter(make_administrator(rotated.company))
    page = alice.get(f"/settings/sign-ins/{reference}/").content.decode()
    assert "It does not stand in the metadata at https://localhost" in page


@pytest.mark.parametrize("fault", ["changed", "issuer", "unsigned"])
def test_what_another_key_would_not_mend_has_nothing_read(acme, web, fault):
    published(web, key_of(OLD))
    Browser().sign_in(acme, fault=fault)
    assert web.asked == []


def test_metadata_that_cannot_be_read_refuses_as_before(rotated, web):
    web.answers["/metadata"] = (500, b"")
    assert Browser().sign_in(rotated).status_code == 400
    assert SignIn.objects.get().reason == "certificate_unknown"


def test_an_administrator_has_it_read_now(rotated, web):
    published(web, key_of(OLD, NEXT))
    alice = Browser().enter(make_administrator(rotated.company))
    page = alice.get("/settings/security/?connection=acme").content.decode()
    assert "Read it now" in page
    done = alice.post("/settings/security/metadata/read/?connection=acme", follow=True)
    assert "The metadata was read." in done.content.decode()
    assert of(NEXT).fingerprint in now_trusted()


def test_an_administrator_is_told_when_it_cannot_be_read(rotated, web):
    web.answers["/metadata"] = (404, b"")
    alice = Browser().enter(make_administrator(rotated.company))
    done = alice.post("/settings/security/metadata/read/?connection=acme", follow=True)
    page = done.content.decode()
    assert "The metadata could not be read." in page
    assert "Expected status 200, received 404." in page


@pytest.fixture
def refused(rotated, web) -> tuple[Browser, str]:
    SamlConnection.objects.update(metadata_url="")
    reference = reference_in(Browser().sign_in(rotated))
    return Browser().enter(make_administrator(rotated.company)), reference


def accept(refused, **fields: str) -> str:
    alice, reference = refused
    address = f"/settings/sign-ins/{reference}/certificate/"
    return alice.post(address, fields, follow=True).content.decode()


def test_the_certificate_is_accepted_where_it_is_pasted_from_the_console(refused):
    assert "The certificate is trusted now." in accept(refused, certificate=of(NEXT).pem)
    assert of(NEXT).fingerprint in now_trusted()


@pytest.mark.parametrize("pasted", ["", "junk", of(OLD).pem])
def test_another_certificate_or_none_is_not(refused, pasted):
    page = accept(refused, certificate=pasted)
    assert "trusted now" not in page
    assert "Nothing was accepted" in page or "Tick the box first" in page
    assert of(NEXT).fingerprint not in now_trusted()
