"""Metadata that is followed: what is harmless is taken over, the rest waits for a person."""

import base64
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from passerelle.administration.follow_metadata import decide, follow_all, held_difference
from passerelle.audit.models import AuditEvent
from passerelle.audit.record import OPERATOR
from passerelle.saml import load_certificate
from passerelle.sso.connections.connection import certificate_row, trusted_certificates
from passerelle.sso.connections.problems import noted_sentences
from passerelle.sso.models import SamlConnection
from tests.configfile.files import metadata_of
from tests.world import NOW, idp_of, load_certificate_of, make_company, signing_key

pytestmark = pytest.mark.django_db
PATH = "/metadata"
OLD, NEXT = "acme", "next"


@pytest.fixture
def acme(web):
    connection = make_company().connections.get()
    connection.metadata_url = web.url(PATH)
    connection.metadata_due_at = NOW
    connection.save()
    return connection


def key_of(*names: str) -> bytes:
    """Acme's metadata with the certificates of these keys."""
    document = metadata_of("acme", key=signing_key(names[0]))
    first = base64.b64encode(signing_key(names[0]).certificate_der)
    start = document.index(b"<md:KeyDescriptor")
    end = document.index(b"</md:KeyDescriptor>") + len(b"</md:KeyDescriptor>")
    one = document[start:end]
    every = b"".join(
        one.replace(first, base64.b64encode(signing_key(name).certificate_der)) for name in names
    )
    return document[:start] + every + document[end:]


def published(web, document: bytes) -> None:
    web.answers[PATH] = (200, document)


def now_trusted() -> set[str]:
    connection = SamlConnection.objects.select_related("company").get(slug="acme")
    return {one.fingerprint for one in trusted_certificates(connection)}


def fingerprint(name: str) -> str:
    return load_certificate_of(name).fingerprint


def again() -> SamlConnection:
    return SamlConnection.objects.select_related("company").get(slug="acme")


def events() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("event", flat=True))


def decided(*, accept: bool) -> bool:
    """An administrator looks at what is held, and decides at once."""
    row = again()
    shown = held_difference(row, now=NOW).digest
    return decide(row, accept=accept, shown=shown, actor=OPERATOR, now=NOW)


def dressed(document: bytes, name: str) -> bytes:
    """The same metadata under another ID, as identity providers that write it anew send it."""
    return document.replace(b"<md:EntityDescriptor ", f'<md:EntityDescriptor ID="{name}" '.encode())


def test_a_rollover_goes_by_itself_and_costs_nobody_a_sign_in(acme, web):
    published(web, key_of(OLD, NEXT))
    assert follow_all(NOW) == 1
    assert now_trusted() == {fingerprint(OLD), fingerprint(NEXT)}
    published(web, key_of(NEXT))
    assert follow_all(NOW + timedelta(days=1)) == 1
    assert now_trusted() == {fingerprint(NEXT)}
    assert events() == ["connection:metadata_followed"] * 2


def test_a_certificate_that_cannot_be_used_is_left_out_and_named_until_it_is_gone(acme, web):
    good = base64.b64encode(signing_key(OLD).certificate_der)
    published(web, key_of(OLD, NEXT).replace(good, b"rubbish", 1))
    acme.certificates.all().delete()
    follow_all(NOW)
    assert now_trusted() == {fingerprint(NEXT)}
    [sentence] = noted_sentences(again().certificates_left_out)
    assert "Received: text that is not base64 (certificate 1)." in sentence
    published(web, key_of(NEXT))
    follow_all(NOW + timedelta(days=1))
    assert again().certificates_left_out == ""


def test_an_authority_that_was_trusted_leaves_when_metadata_is_read_again(acme, web):
    """It came along in one X509Data, and was taken for one more key that signs."""
    leaf, authority = issued_by_an_authority()
    for one in (leaf, authority):
        row = certificate_row(acme, load_certificate(one))
        row.from_metadata = True
        row.save()
    trusted = base64.b64encode(signing_key(OLD).certificate_der)
    listed = b"</ds:X509Certificate><ds:X509Certificate>".join(
        base64.b64encode(one) for one in (leaf, authority)
    )
    published(web, key_of(OLD, NEXT).replace(trusted, listed, 1))
    follow_all(NOW)
    assert now_trusted() == {
        fingerprint(OLD),
        fingerprint(NEXT),
        load_certificate(leaf).fingerprint,
    }
    assert AuditEvent.objects.get().details["certificates_removed"] == [
        load_certificate(authority).fingerprint
    ]


def issued_by_an_authority() -> tuple[bytes, bytes]:
    """A certificate and that of the authority which issued it, in DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in ("idp", "Root")]
    made = [
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(names[1])
        .public_key(one.public_key())
        .serial_number(7)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=5))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
        for name, one in zip(names, (ec.generate_private_key(ec.SECP256R1()), key), strict=True)
    ]
    return made[0], made[1]


def test_metadata_that_says_the_same_changes_nothing(acme, web):
    published(web, key_of(OLD))
    version = acme.company.version
    follow_all(NOW)
    assert events() == []
    assert again().company.version == version
    assert again().metadata_read_at == NOW


def test_it_is_asked_once_a_day_or_as_it_says(acme, web):
    published(web, key_of(OLD))
    follow_all(NOW)
    assert again().metadata_due_at == NOW + timedelta(days=1)
    assert follow_all(NOW + timedelta(hours=23)) == 0
    document = key_of(OLD).replace(
        b"<md:EntityDescriptor ", b'<md:EntityDescriptor cacheDuration="PT2H" '
    )
    published(web, document)
    follow_all(NOW + timedelta(days=1))
    assert again().metadata_due_at == NOW + timedelta(days=1, hours=2)
    assert len(web.asked) == 2


HELD = {
    "another entity ID": lambda: key_of(OLD).replace(
        idp_of("acme").encode(), b"https://new.acme.example/metadata"
    ),
    "another address": lambda: key_of(OLD).replace(
        b"https://idp.acme.example/sso", b"https://evil.example/sso"
    ),
    "no key in common": lambda: key_of(NEXT),
}


@pytest.mark.parametrize("change", HELD.values(), ids=HELD)
def test_what_could_hand_the_door_to_somebody_else_waits_for_a_person(acme, web, change):
    before = (again().idp_entity_id, again().target_url, now_trusted())
    published(web, change())
    follow_all(NOW)
    assert (again().idp_entity_id, again().target_url, now_trusted()) == before
    assert held_difference(again(), now=NOW).needs_a_person
    follow_all(NOW + timedelta(days=1))
    assert events() == ["connection:metadata_held"]


def test_an_administrator_accepts_what_was_held(acme, web):
    acme.certificates.update(from_metadata=True)
    published(web, HELD["no key in common"]())
    follow_all(NOW)
    assert decided(accept=True)
    assert now_trusted() == {fingerprint(NEXT)}
    assert again().metadata_held == ""
    assert events()[-1] == "connection:metadata_accepted"
    follow_all(NOW + timedelta(days=1))
    assert events()[-1] == "connection:metadata_accepted"


def test_a_certificate_that_was_added_by_hand_stays_whatever_metadata_says(acme, web):
    published(web, HELD["no key in common"]())
    follow_all(NOW)
    assert decided(accept=True)
    assert now_trusted() == {fingerprint(OLD), fingerprint(NEXT)}


def test_what_was_dismissed_is_not_asked_again_until_it_changes(acme, web):
    published(web, HELD["another address"]())
    follow_all(NOW)
    assert decided(accept=False)
    follow_all(NOW + timedelta(days=1))
    assert again().metadata_held == ""
    published(web, HELD["no key in common"]())
    follow_all(NOW + timedelta(days=2))
    assert again().metadata_held
    assert events() == [
        "connection:metadata_held",
        "connection:metadata_dismissed",
        "connection:metadata_held",
    ]


PROBLEMS = {
    "nothing there": (404, b"", "fetch_status 404"),
    "a web page": (200, b"<html/>", "metadata_web_page"),
    "nothing": (200, b"", "metadata_empty"),
    "metadata that ended": (
        200,
        b'<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"/>',
        "metadata_no_idp",
    ),
}


@pytest.mark.parametrize(("status", "body", "problem"), PROBLEMS.values(), ids=PROBLEMS)
def test_metadata_that_cannot_be_read_changes_nothing_and_is_tried_again_soon(
    acme, web, status, body, problem
):
    web.answers[PATH] = (status, body)
    follow_all(NOW)
    assert problem in again().metadata_problem
    assert again().metadata_due_at == NOW + timedelta(hours=1)
    assert now_trusted() == {fingerprint(OLD)}
    published(web, key_of(OLD))
    follow_all(NOW + timedelta(hours=1))
    assert again().metadata_problem == ""


def test_metadata_that_has_ended_is_not_used(acme, web):
    ended = key_of(OLD, NEXT).replace(
        b"<md:EntityDescriptor ", b'<md:EntityDescriptor validUntil="2030-01-01T00:00:00Z" '
    )
    published(web, ended)
    follow_all(NOW)
    assert "metadata_expired" in again().metadata_problem
    assert now_trusted() == {fingerprint(OLD)}


def test_replicas_do_not_all_ask_at_once(acme, web):
    published(web, key_of(OLD))
    SamlConnection.objects.update(metadata_due_at=NOW + timedelta(minutes=5))
    assert follow_all(NOW) == 0


def test_a_dismissed_change_stays_dismissed_however_its_document_is_dressed(acme, web):
    for day in range(3):
        published(web, dressed(HELD["another address"](), f"_{day}"))
        follow_all(NOW + timedelta(days=day))
        if day == 0:
            assert decided(accept=False)
    assert events() == ["connection:metadata_held", "connection:metadata_dismissed"]


def test_only_what_was_looked_at_is_accepted(acme, web):
    published(web, HELD["no key in common"]())
    follow_all(NOW)
    seen = held_difference(again(), now=NOW).digest
    published(web, HELD["another address"]())
    follow_all(NOW + timedelta(days=1))
    assert not decide(again(), accept=True, shown=seen, actor=OPERATOR, now=NOW)
    assert again().target_url == "https://idp.acme.example/sso"
    assert again().metadata_held


def test_what_a_person_has_set_otherwise_stays_and_holds_nothing_up(acme, web):
    acme.sign_requests, acme.logout_url = True, "https://idp.acme.example/leave"
    acme.save()
    published(web, key_of(OLD, NEXT))
    follow_all(NOW)
    assert now_trusted() == {fingerprint(OLD), fingerprint(NEXT)}
    row = again()
    assert (row.sign_requests, row.logout_url) == (True, "https://idp.acme.example/leave")
    assert not row.metadata_held


def test_a_certificate_that_a_person_removed_does_not_come_back_by_itself(acme, web):
    published(web, key_of(OLD, NEXT))
    follow_all(NOW)
    row = again()
    row.certificates.get(fingerprint=fingerprint(NEXT)).delete()
    row.refuse_certificates([fingerprint(NEXT)])
    row.save()
    row.company.version += 1
    row.company.save()
    follow_all(NOW + timedelta(days=1))
    assert now_trusted() == {fingerprint(OLD)}


def test_nothing_is_taken_from_an_address_that_was_removed_meanwhile(acme, web, monkeypatch):
    def slow(url, **_how):
        SamlConnection.objects.update(metadata_url="")
        return key_of(OLD, NEXT)

    monkeypatch.setattr("passerelle.administration.follow_metadata.fetch", slow)
    follow_all(NOW)
    assert now_trusted() == {fingerprint(OLD)}


def test_with_another_address_nothing_of_the_old_one_waits_any_more(acme, web):
    published(web, HELD["another address"]())
    follow_all(NOW)
    row = again()
    row.follow_metadata("https://idp.acme.example/other", now=NOW)
    assert (row.metadata_held, row.metadata_said, row.metadata_due_at) == ("", {}, NOW)


def test_a_connection_that_trusts_nobody_yet_takes_what_its_address_says(acme, web):
    acme.certificates.all().delete()
    acme.idp_entity_id = acme.target_url = ""
    acme.save()
    published(web, key_of(OLD))
    follow_all(NOW)
    assert now_trusted() == {fingerprint(OLD)}
    assert again().idp_entity_id == idp_of("acme")


@pytest.mark.parametrize(("enabled", "raised"), [(True, 1), (False, 0)])
def test_of_a_connection_that_is_off_metadata_holds_up_nobody_who_edits_settings(
    acme, web, enabled, raised
):
    before = again().company.version
    SamlConnection.objects.update(enabled=enabled)
    published(web, key_of(OLD, NEXT))
    follow_all(NOW)
    assert now_trusted() == {fingerprint(OLD), fingerprint(NEXT)}
    assert again().company.version == before + raised


def test_a_key_that_was_added_by_hand_goes_with_the_provider_that_it_was_of(acme, web):
    """An accepted move to another provider leaves nothing of the one before."""
    certificate_row(acme, load_certificate_of(NEXT)).save()
    another = metadata_of("acme", key=signing_key("another")).replace(
        idp_of("acme").encode(), b"https://another.example/metadata"
    )
    published(web, another)
    follow_all(NOW)
    assert fingerprint(NEXT) in held_difference(again(), now=NOW).removed
    assert decided(accept=True)
    assert again().idp_entity_id == "https://another.example/metadata"
    assert now_trusted() == {fingerprint("another")}


def test_metadata_of_the_provider_before_adds_no_key_to_the_one_after(acme, web):
    """It is followed still, and the old provider writes it: its keys wait for a person."""
    published(web, key_of(OLD))
    follow_all(NOW)
    row = again()
    row.idp_entity_id = "https://another.example/metadata"
    row.target_url = "https://another.example/sso"
    row.save()
    row.certificates.all().delete()
    certificate_row(row, load_certificate_of("another")).save()
    published(web, key_of(OLD, "another"))
    follow_all(NOW + timedelta(days=1))
    assert now_trusted() == {fingerprint("another")}
    held = held_difference(again(), now=NOW)
    assert held.settings["idp_entity_id"][1] == idp_of("acme")
    assert held.settings["target_url"][1] == "https://idp.acme.example/sso"
