"""What is pasted, chosen or typed of an identity provider: read as far as it can be, or named."""

import base64

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from passerelle.audit.models import AuditEvent
from passerelle.practice_idp.issue import write_idp_metadata
from passerelle.sso.models import SamlConnection
from tests.browsing import Browser
from tests.saml.keys import key_pair
from tests.web.test_security_settings import PAGE, errors_in, fields_of
from tests.world import NOW, load_certificate_of, make_administrator, signing_key

pytestmark = pytest.mark.django_db
MD = "urn:oasis:names:tc:SAML:2.0:metadata"


def metadata_of(name: str, *keys: str) -> str:
    """An identity provider's metadata, with the certificates of these keys before its own."""
    der = signing_key(name).certificate_der
    document = write_idp_metadata(
        entity_id=f"https://{name}.example/idp",
        sso_url=f"https://{name}.example/sso",
        certificate_der=der,
    ).decode()
    start, end = document.index("<md:KeyDescriptor"), document.index("</md:KeyDescriptor>")
    good = base64.b64encode(der).decode()
    weak = [
        document[start:end].replace(good, base64.b64encode(key_pair(one).der).decode())
        + "</md:KeyDescriptor>"
        for one in keys
    ]
    return document[:start] + "".join(weak) + document[start:]


def several(*documents: str) -> str:
    inner = "".join(one[one.index("<md:EntityDescriptor") :] for one in documents)
    return f'<md:EntitiesDescriptor xmlns:md="{MD}">{inner}</md:EntitiesDescriptor>'


def saved(alice, acme, **fields: object) -> SamlConnection:
    answer = alice.post(PAGE, fields_of(acme, **fields))
    assert answer.status_code == 302, errors_in(answer)
    return acme.connections.get()


def test_the_typed_entity_id_chooses_among_several_identity_providers(acme, alice):
    both = several(metadata_of("one"), metadata_of("two"))
    refused = alice.post(PAGE, fields_of(acme, metadata=both, idp_entity_id=""))
    assert errors_in(refused)["metadata"] == [
        "This metadata describes several identity providers (https://one.example/idp, "
        "https://two.example/idp). Enter the entity ID of yours as well."
    ]
    row = saved(alice, acme, metadata=both, idp_entity_id=" https://two.example/idp ")
    assert (row.idp_entity_id, row.target_url) == (
        "https://two.example/idp",
        "https://two.example/sso",
    )


def test_metadata_of_one_identity_provider_replaces_what_is_typed(acme, alice):
    assert saved(alice, acme, metadata=metadata_of("one")).idp_entity_id == (
        "https://one.example/idp"
    )


def test_a_certificate_that_cannot_be_used_is_left_out_and_named_on_the_page(acme, alice):
    row = saved(alice, acme, metadata=metadata_of("one", "weak"))
    assert [one.fingerprint for one in row.certificates.all()] == [
        load_certificate_of("one").fingerprint
    ]
    page = alice.get(PAGE).content.decode()
    assert "A certificate was left out" in page
    assert "RSA, 1024 bits (CN=weak of idp.example)" in page
    details = AuditEvent.objects.order_by("id").last().details
    assert details["saml.certificates_left_out"][1].startswith("certificate_key_weak")
    acme.refresh_from_db()
    saved(alice, acme, metadata=metadata_of("one"))
    assert "A certificate was left out" not in alice.get(PAGE).content.decode()


def test_what_is_left_out_of_metadata_and_of_a_list_beside_it_is_named_together(acme, alice):
    pasted = key_pair("p256k").certificate_pem + load_certificate_of("next").pem.encode()
    fields = {"metadata": metadata_of("one", "weak"), "new_certificates": pasted.decode()}
    row = saved(alice, acme, **fields)
    assert row.certificates.count() == 2
    assert [line[:40] for line in row.certificates_left_out.split("\n")] == [
        "certificate_key_weak RSA, 1024 bits (CN=",
        "certificate_key_weak curve secp256k1 (CN",
    ]


def test_the_guide_names_what_is_left_out_while_it_is_typed_and_once_it_is_saved(acme, alice):
    guide = "/settings/connect/acme/"
    fields = {"metadata": metadata_of("one", "weak"), "name": "Acme SSO"}
    for page in (alice.post(f"{guide}check/", fields), alice.post(guide, fields, follow=True)):
        assert "A certificate was left out" in page.content.decode()


def test_the_guide_says_how_long_what_signs_is_valid(acme, alice):
    row = acme.connections.get()
    row.certificates.update(last_seen_at=NOW, not_after=NOW.replace(day=1, month=3))
    lasting = load_certificate_of("next").pem
    page = alice.post(
        "/settings/connect/acme/check/",
        {
            "idp_entity_id": row.idp_entity_id,
            "target_url": row.target_url,
            "new_certificates": lasting,
        },
    )
    assert "2 certificates, valid until 1 March 2030" in page.content.decode()


WRONG = {
    "a web page": (
        "metadata",
        "<!DOCTYPE html><html><head><title>Sign in</title></head></html>",
        "This is a web page (“Sign in”), not metadata.",
    ),
    "Latin 1": (
        "metadata",
        '<?xml version="1.0" encoding="ISO-8859-1"?><a/>',
        "This metadata is not written in UTF-8. Received: ISO-8859-1.",
    ),
    "a stylesheet": (
        "metadata",
        '<?xml version="1.0"?><?xml-stylesheet href="md.xsl"?><a/>',
        "This metadata holds an instruction for browsers, which is not accepted: <?xml-stylesheet.",
    ),
    "no namespace": (
        "metadata",
        '<EntityDescriptor entityID="x"/>',
        "This looks like metadata, but its namespace is not that of SAML 2.0.",
    ),
    "a time zone without a colon": (
        "metadata",
        metadata_of("one").replace(
            "<md:EntityDescriptor ",
            '<md:EntityDescriptor validUntil="2031-01-01T00:00:00+0000" ',
        ),
        "The time in validUntil cannot be read. Expected: a time such as 2030-01-31T12:00:00Z",
    ),
    "an address": (
        "metadata",
        "https://idp.acme.example/metadata",
        "This is an address, not the metadata itself: https://idp.acme.example/metadata.",
    ),
    "too much": (
        "metadata",
        "<a>" + "x" * (2 * 1024 * 1024) + "</a>",
        "This is too large: metadata has at most 2 MB. Received: 2097159 bytes.",
    ),
    "half of it": ("metadata", metadata_of("one")[:-60], "The end of this metadata is missing"),
    "a private key": ("metadata", key_pair().pem.decode(), "This is a private key"),
    "a certificate": (
        "metadata",
        key_pair().certificate_pem.decode(),
        "This is a certificate, not metadata.",
    ),
    "an application": (
        "metadata",
        f'<EntityDescriptor xmlns="{MD}" entityID="urn:app"><SPSSODescriptor/></EntityDescriptor>',
        "This is the metadata of an application (urn:app), not of an identity provider.",
    ),
    "OpenID": ("metadata", '{"authorization_endpoint": "x"}', "This describes OpenID Connect"),
    "no end": (
        "new_certificates",
        key_pair().certificate_pem.decode()[:-27],
        "The end of a certificate is missing: the line -----END CERTIFICATE-----.",
    ),
    "a fingerprint": (
        "new_certificates",
        key_pair().certificate.fingerprint,
        "This is a fingerprint, not a certificate",
    ),
    "a private key as certificate": (
        "new_certificates",
        key_pair().pem.decode(),
        "This is a private key, not a certificate. It was not saved.",
    ),
    "metadata as certificate": (
        "new_certificates",
        metadata_of("one"),
        "This is XML, not a certificate in PEM form.",
    ),
}


@pytest.mark.parametrize(("field", "value", "sentence"), WRONG.values(), ids=WRONG)
def test_each_mistake_has_its_own_sentence_and_changes_nothing(acme, alice, field, value, sentence):
    before = SamlConnection.objects.values().get()
    answer = alice.post(PAGE, fields_of(acme, **{field: value}))
    assert answer.status_code == 422
    [said] = errors_in(answer)[field]
    assert said.startswith(sentence)
    assert SamlConnection.objects.values().get() == before


@pytest.mark.parametrize("size", [2 * 1024 * 1024 + 1, 5 * 1024 * 1024])
def test_a_file_that_is_too_large_names_the_limit_that_holds(acme, alice, size):
    large = SimpleUploadedFile("idp.xml", b"x" * size)
    answer = alice.post(PAGE, {**fields_of(acme), "metadata_file": large})
    assert answer.status_code == 422
    [said] = errors_in(answer)["metadata_file"]
    assert said.startswith("This is too large: metadata has at most 2 MB.")


@pytest.mark.parametrize(
    "content",
    [
        metadata_of("one").encode("utf-16"),
        metadata_of("one").encode("utf-8-sig"),
        metadata_of("one").replace("\n", "\r\n").encode(),
    ],
    ids=["UTF-16", "a byte order mark", "line ends of Windows"],
)
def test_a_file_as_windows_writes_it_is_read(acme, alice, content):
    file = SimpleUploadedFile("idp.txt", content, content_type="text/plain")
    assert saved(alice, acme, metadata_file=file).idp_entity_id == "https://one.example/idp"


def test_mistakes_are_said_in_french(acme):
    alice = Browser("fr").enter(make_administrator(acme))
    answer = alice.post(PAGE, fields_of(acme, new_certificates="not base64"))
    [said] = errors_in(answer)["new_certificates"]
    assert said.endswith("Reçu\xa0: un texte qui n’est pas en base64.")
