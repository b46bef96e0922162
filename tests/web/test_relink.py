"""Somebody known comes with another identifier: an administrator replaces the one that is known."""

from dataclasses import replace

import pytest
from django.utils import timezone

from passerelle.administration.relink import relinks
from passerelle.audit.events import EventName
from passerelle.audit.models import AuditEvent
from passerelle.directory.models import ExternalIdentity, User
from passerelle.sso.connections.connection import certificate_row
from passerelle.sso.models import SamlConnection, Session, SignIn
from tests.browsing import Browser, reference_in
from tests.world import (
    GRACE,
    NOW,
    load_certificate_of,
    make_administrator,
    make_company,
    make_user,
    signing_key,
)

pytestmark = pytest.mark.django_db
IDENTITIES = "/settings/identities/"
ANEW = replace(GRACE, subject="u-1-made-anew")
ADA = replace(GRACE, subject="u-2", email="ada@acme.example")


@pytest.fixture
def connection(acme):
    return acme.connections.get()


@pytest.fixture
def reference(connection) -> str:
    """Of Grace's sign-in after her directory made her anew."""
    assert Browser().sign_in(connection).status_code == 302
    return reference_in(Browser().sign_in(connection, ANEW))


def known(email: str = GRACE.email) -> str:
    return ExternalIdentity.objects.get(user__email_key=email).subject


def post(browser: Browser, reference: str, **fields: str):
    return browser.post(
        f"/settings/sign-ins/{reference}/identity/", {"known": GRACE.subject, **fields}
    )


def test_the_refusal_shows_the_known_identifier_and_the_received_one(acme, alice, reference):
    page = alice.get(f"/settings/sign-ins/{reference}/").content.decode()
    row = SignIn.objects.get(reference=reference)
    assert row.reason == "identity_conflict"
    assert (row.checks[-1]["expected"], row.checks[-1]["received"]) == ("u-1", "u-1-made-anew")
    assert f"Is it the same person as {GRACE.email}?" in page
    assert "<code>u-1</code>" in page and "<code>u-1-made-anew</code>" in page


def test_replaced_the_person_is_in_with_the_rights_they_had(acme, alice, connection, reference):
    user = User.objects.get(email_key=GRACE.email)
    rights = list(user.memberships.values_list("id", flat=True))
    assert rights
    assert post(alice, reference).status_code == 302
    assert known() == ANEW.subject
    assert not user.sessions.exists()
    assert Browser().sign_in(connection, ANEW).status_code == 302
    assert User.objects.get(email_key=GRACE.email).id == user.id
    assert list(user.memberships.values_list("id", flat=True)) == rights


def test_it_is_recorded_with_both_identifiers_and_the_reference(alice, reference):
    post(alice, reference)
    event = AuditEvent.objects.get(event=EventName.IDENTITY_REPLACED)
    assert (event.target, event.actor) == (GRACE.email, "admin@acme.example")
    assert event.details["identity"] == ["u-1", "u-1-made-anew"]
    assert event.details["reference"] == reference
    page = alice.get("/settings/audit/").content.decode()
    assert "Identifier replaced" in page


def test_another_known_identifier_than_the_one_that_was_shown_is_left_alone(alice, reference):
    post(alice, reference, known="something else")
    assert known() == GRACE.subject


def test_twice_is_once(alice, reference):
    post(alice, reference)
    post(alice, reference)
    assert AuditEvent.objects.filter(event=EventName.IDENTITY_REPLACED).count() == 1


def test_a_subject_that_is_somebody_elses_by_now_is_not_given_to_another(
    acme, alice, connection, reference
):
    other = make_user(acme, "other@acme.example")
    ExternalIdentity.objects.create(
        company=acme,
        user=other,
        idp_entity_id=connection.idp_entity_id,
        subject=ANEW.subject,
        created_at=NOW,
    )
    assert (
        "Is it the same person"
        not in alice.get(f"/settings/sign-ins/{reference}/").content.decode()
    )
    post(alice, reference)
    assert known() == GRACE.subject


def test_claims_of_another_provider_by_now_replace_nothing(alice, connection, reference):
    SamlConnection.objects.update(idp_entity_id="https://another.example/metadata")
    post(alice, reference)
    assert known() == GRACE.subject


def test_who_is_no_administrator_cannot(acme, reference):
    somebody = Browser().enter(make_user(acme, "somebody@acme.example"))
    assert post(somebody, reference).status_code == 403
    assert somebody.get("/settings/identities/").status_code == 403
    assert known() == GRACE.subject


def test_another_company_does_not_find_it(reference):
    mallory = Browser().enter(make_administrator(make_company("globex")))
    assert post(mallory, reference).status_code == 404
    assert "u-1" not in mallory.get("/settings/identities/").content.decode()


def test_it_asks_for_a_confirmation_when_the_last_one_is_old(acme, alice, reference):
    Session.objects.update(confirmed_at=NOW.replace(year=2020))
    assert post(alice, reference).status_code == 403
    assert known() == GRACE.subject


def test_many_are_looked_at_and_replaced_together(acme, alice, connection, reference):
    Browser().sign_in(connection, ADA)
    again = [Browser().sign_in(connection, replace(ADA, subject="u-2-anew")) for _ in range(2)]
    page = alice.get("/settings/identities/").content.decode()
    assert page.count('name="chosen"') == 2
    for identifier in ("u-1", "u-1-made-anew", "u-2", "u-2-anew"):
        assert f"<code>{identifier}</code>" in page
    newest = reference_in(again[-1])
    answer = alice.post("/settings/identities/", {"chosen": [f"{newest} u-2"]}, follow=True)
    assert "1 identifier replaced." in answer.content.decode()
    assert (known(), known(ADA.email)) == ("u-1", "u-2-anew")


def test_the_page_of_many_holds_the_claims_of_a_few_at_a_time(acme, connection, reference):
    [found] = relinks(acme, now=timezone.now())
    assert (found.row.reference, found.row.claims) == (reference, None)
    assert "metadata_held" not in found.row.connection.__dict__


def test_an_identity_is_removed_from_a_persons_page_after_asking(
    acme, alice, connection, reference
):
    user = User.objects.get(email_key=GRACE.email)
    identity = user.identities.get()
    page = alice.get(f"/settings/users/{user.id}/").content.decode()
    ask = f"/settings/users/{user.id}/change/unlink/"
    assert f"{ask}?identity={identity.id}" in page
    asked = alice.get(f"{ask}?identity={identity.id}").content.decode()
    assert "Remove this identity of grace@acme.example?" in asked
    assert "<code>u-1</code>" in asked
    done = alice.post(ask, {"identity": str(identity.id)}, follow=True).content.decode()
    assert "The identity is removed" in done
    assert not user.identities.exists() and not user.sessions.exists()
    assert user.memberships.exists()
    details = AuditEvent.objects.get(event=EventName.IDENTITY_REMOVED).details
    assert details["identity"] == ["u-1", None]
    # The domain is verified, so the person is known again by the address.
    assert Browser().sign_in(connection, ANEW).status_code == 302
    assert known() == ANEW.subject


@pytest.mark.parametrize("identity", ["", "x", "00000000-0000-7000-8000-000000000000"])
def test_an_identity_that_is_not_theirs_is_not_found(acme, alice, identity):
    user = make_user(acme, "bob@acme.example")
    address = f"/settings/users/{user.id}/change/unlink/"
    assert alice.get(address, {"identity": identity}).status_code == 404
    assert alice.post(address, {"identity": identity}).status_code == 404


def the_key_is_removed(connection) -> None:
    """It was stolen; people go on signing in with another one."""
    connection.certificates.all().delete()
    certificate_row(connection, load_certificate_of("next")).save()


def test_what_a_key_proved_that_is_not_trusted_any_more_replaces_nothing(
    alice, connection, reference
):
    assert f">{reference}</a>" in alice.get(IDENTITIES).content.decode()
    the_key_is_removed(connection)
    page = alice.get(f"/settings/sign-ins/{reference}/").content.decode()
    assert "Is it the same person" not in page
    assert "The certificate that signed this sign-in is no longer trusted" in page
    listed = alice.get(IDENTITIES).content.decode()
    assert f">{reference}</a>" not in listed
    assert "Sign-ins whose certificate is no longer trusted are not listed" in listed
    post(alice, reference)
    alice.post(IDENTITIES, {"chosen": [f"{reference} {GRACE.subject}"]})
    assert known() == GRACE.subject


def test_claims_that_do_not_name_their_certificate_replace_nothing(alice, reference):
    """Those that were kept before it was kept with them."""
    row = SignIn.objects.get(reference=reference)
    del row.claims["signed_with"]
    row.save()
    post(alice, reference)
    assert known() == GRACE.subject


def test_while_the_certificate_is_trusted_nothing_is_said_of_it(alice, reference):
    page = alice.get(f"/settings/sign-ins/{reference}/").content.decode()
    assert "The certificate that signed this sign-in" not in page


def test_of_a_removed_key_many_attempts_hide_no_true_one(
    acme, alice, connection, reference, monkeypatch
):
    monkeypatch.setattr("passerelle.administration.relink.SHOWN", 1)
    certificate_row(connection, load_certificate_of("stolen")).save()
    stolen, fingerprint = signing_key("stolen"), load_certificate_of("stolen").fingerprint
    monkeypatch.setattr("tests.world.signing_key", lambda _slug: stolen)
    acme.version += 1
    acme.save()
    forged = reference_in(Browser().sign_in(connection, replace(GRACE, subject="thief")))
    connection.certificates.filter(fingerprint=fingerprint).delete()
    listed = alice.get(IDENTITIES).content.decode()
    assert f">{reference}</a>" in listed
    assert f">{forged}</a>" not in listed
