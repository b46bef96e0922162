"""Reading an identity provider's metadata, and writing our own."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from lxml import etree

from passerelle import saml
from passerelle.saml import xmldsig
from passerelle.saml.errors import MetadataError
from passerelle.saml.names import NAME_ID_EMAIL, NAME_ID_PERSISTENT

from .keys import issued, key_pair
from .response_builder import ACS, DS_NS, IDP, NOW, SAMLP_NS, SP

BINDINGS = "urn:oasis:names:tc:SAML:2.0:bindings:"
MD = 'xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"'


def key(kind: str = "rsa", use: str = 'use="signing"', content: str | None = None) -> str:
    if content is None:
        content = base64.encodebytes(key_pair(kind).der).decode()
    return (
        f'<md:KeyDescriptor {use}><ds:KeyInfo xmlns:ds="{DS_NS}"><ds:X509Data>'
        f"<ds:X509Certificate>{content}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
        "</md:KeyDescriptor>"
    )


def sso(binding: str, location: str) -> str:
    return f'<md:SingleSignOnService Binding="{BINDINGS}{binding}" Location="{location}"/>'


SERVICES = sso("HTTP-Redirect", "https://idp.example/sso") + sso(
    "HTTP-POST", "https://idp.example/post"
)


def role(content: str = key() + SERVICES, more: str = "", protocols: str = SAMLP_NS) -> str:
    return (
        f'<md:IDPSSODescriptor protocolSupportEnumeration="{protocols}" {more}>{content}'
        "</md:IDPSSODescriptor>"
    )


def entity(content: str = role(), entity_id: str = f'entityID="{IDP}"', more: str = "") -> str:
    return f"<md:EntityDescriptor {MD} {entity_id} {more}>{content}</md:EntityDescriptor>"


def several(*entities: str) -> bytes:
    return f"<md:EntitiesDescriptor {MD}>{''.join(entities)}</md:EntitiesDescriptor>".encode()


def test_metadata_gives_what_a_connection_needs():
    document = entity(
        role(
            key() + key("p256", use="") + key("p384", 'use="encryption"') + SERVICES,
            'WantAuthnRequestsSigned="true"',
        ),
        more='validUntil="2031-01-01T00:00:00Z" cacheDuration="P1DT2H"',
    )
    assert saml.read_idp_metadata(document.encode()) == saml.IdPMetadata(
        entity_id=IDP,
        redirect_url="https://idp.example/sso",
        post_url="https://idp.example/post",
        certificates=(key_pair().certificate, key_pair("p256").certificate),
        valid_until=datetime(2031, 1, 1, tzinfo=UTC),
        cache_duration=timedelta(days=1, hours=2),
        wants_signed_requests=True,
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("around", ["", "\r\n \t"])
def test_metadata_may_be_encoded_and_spaced_as_editors_do(encoding, around):
    document = (entity() + around).encode(encoding)
    read = saml.read_idp_metadata(document)
    assert (read.entity_id, read.valid_until, read.wants_signed_requests) == (IDP, None, False)


def test_big_endian_metadata_may_end_with_a_new_line():
    document = "\ufeff" + entity() + "\n"
    assert saml.read_idp_metadata(document.encode("utf-16-be")).entity_id == IDP


def test_the_same_certificate_twice_is_one():
    read = saml.read_idp_metadata(entity(role(key() * 2 + SERVICES)).encode())
    assert read.certificates == (key_pair().certificate,)


def test_one_binding_is_enough():
    post = sso("HTTP-POST", " https://idp.example/post ")
    read = saml.read_idp_metadata(entity(role(key() + sso("SOAP", "https://x") + post)).encode())
    assert (read.redirect_url, read.post_url) == (None, "https://idp.example/post")


OTHER = entity(entity_id='entityID="https://other.example"')
SP_ONLY = entity("<md:SPSSODescriptor/>", 'entityID="https://sp.example"')


def test_one_of_several_is_chosen():
    assert saml.read_idp_metadata(several(SP_ONLY, entity())).entity_id == IDP
    chosen = saml.read_idp_metadata(several(entity(), OTHER), entity_id="https://other.example")
    assert chosen.entity_id == "https://other.example"
    nested = several(SP_ONLY, several(entity()).decode())
    assert saml.read_idp_metadata(nested).entity_id == IDP


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"hello", "metadata_malformed"),
        (b"<md:EntityDescriptor>", "metadata_cut_off"),
        (b"<rss/>", "metadata_malformed"),
        (entity(entity_id="").encode(), "metadata_no_entity_id"),
        (entity(entity_id='entityID=" "').encode(), "metadata_no_entity_id"),
        (several(), "metadata_no_idp"),
        (entity("<md:IDPSSODescriptor/>").encode(), "metadata_no_idp"),
        (entity(role() * 2).encode(), "metadata_no_idp"),
        (several(entity(), OTHER), "metadata_ambiguous"),
        (several(entity(), entity()), "metadata_ambiguous"),
        (entity(role(SERVICES)).encode(), "metadata_no_certificate"),
        (entity(role(key(use='use="encryption"') + SERVICES)).encode(), "metadata_no_certificate"),
        (entity(role(key(content="rubbish") + SERVICES)).encode(), "metadata_no_certificate"),
        (entity(role(key(content="") + SERVICES)).encode(), "metadata_no_certificate"),
        (entity(role(key("weak") + SERVICES)).encode(), "metadata_no_certificate"),
        (entity(role(key())).encode(), "metadata_no_sso_url"),
        (entity(role(key() + sso("SOAP", "https://x"))).encode(), "metadata_no_sso_url"),
        (
            entity(role(key() + sso("HTTP-POST", "javascript:alert(1)"))).encode(),
            "metadata_no_sso_url",
        ),
        (
            entity(
                role(key() + f'<md:SingleSignOnService Binding="{BINDINGS}HTTP-POST"/>')
            ).encode(),
            "metadata_no_sso_url",
        ),
    ],
)
def test_metadata_that_cannot_be_used_is_named(document, reason):
    with pytest.raises(MetadataError) as raised:
        saml.read_idp_metadata(document)
    assert raised.value.reason == reason
    assert "\n" not in str(raised.value)
    assert len(raised.value.received or "") <= 300


def test_white_space_around_an_entity_id_does_not_count():
    spaced = entity(entity_id=f'entityID=" {IDP}\n"')
    assert saml.read_idp_metadata(spaced.encode()).entity_id == IDP
    chosen = saml.read_idp_metadata(several(spaced, OTHER), entity_id=IDP)
    assert chosen.entity_id == IDP


def named(name: str, issuer: str, kind: str, by: str) -> str:
    """A certificate for a key, under another's name, in base64."""
    return base64.b64encode(issued(name, issuer, kind, by=by)).decode()


def key_data(*certificates: str) -> str:
    listed = "</ds:X509Certificate><ds:X509Certificate>".join(certificates)
    return key(content=listed)


LEAF = named("idp.example", "Acme Root", "next", "stranger")
ROOT = named("Acme Root", "Acme Root", "stranger", "stranger")


@pytest.mark.parametrize("chain", [(LEAF, ROOT), (ROOT, LEAF)])
def test_the_authority_of_one_x509data_does_not_sign(chain):
    read = saml.read_idp_metadata(entity(role(key_data(*chain) + SERVICES)).encode())
    assert [one.subject for one in read.certificates] == ["CN=idp.example"]
    assert read.left_out == ()


def test_several_x509data_and_several_descriptors_are_several_keys():
    apart = key_data(LEAF).replace(
        "</ds:X509Data>",
        f"</ds:X509Data>{key_data(ROOT)[key_data(ROOT).index('<ds:X509Data') :]}",
        1,
    )
    apart = apart.replace("</ds:KeyInfo></md:KeyDescriptor></ds:KeyInfo>", "</ds:KeyInfo>")
    for keys in (key_data(LEAF) + key_data(ROOT), apart):
        read = saml.read_idp_metadata(entity(role(keys + SERVICES)).encode())
        assert [one.subject for one in read.certificates] == ["CN=idp.example", "CN=Acme Root"]


@pytest.mark.parametrize(
    "keys",
    [
        key("weak") + key(content="rubbish") + key(),
        key_data(
            base64.b64encode(key_pair("weak").der).decode(),
            "rubbish",
            base64.b64encode(key_pair().der).decode(),
        ),
    ],
    ids=["descriptors", "one list"],
)
def test_a_certificate_that_cannot_be_used_is_left_out_as_long_as_one_remains(keys):
    read = saml.read_idp_metadata(entity(role(keys + SERVICES)).encode())
    assert read.certificates == (key_pair().certificate,)
    assert {one.reason for one in read.left_out} == {
        "certificate_key_weak",
        "certificate_malformed",
    }
    assert "RSA, 1024 bits (CN=weak of idp.example)" in {one.received for one in read.left_out}


def test_metadata_of_a_federation_server_with_everything_else_in_it_is_read():
    """Such a server describes the same entity for WS-Federation, at length, before SAML."""
    claims = "".join(
        f'<auth:ClaimType xmlns:auth="http://docs.oasis-open.org/wsfed/authorization/200706" '
        f'Uri="http://schemas.acme.example/claims/{number}" Optional="true">'
        f"<auth:DisplayName>{number}</auth:DisplayName></auth:ClaimType>"
        for number in range(200)
    )
    federation = (
        '<md:RoleDescriptor xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        'xmlns:fed="http://docs.oasis-open.org/wsfed/federation/200706" '
        'xsi:type="fed:ApplicationServiceType" protocolSupportEnumeration="'
        'http://docs.oasis-open.org/wsfed/federation/200706">'
        f"{key('stranger')}<fed:ClaimTypesRequested>{claims}</fed:ClaimTypesRequested>"
        "</md:RoleDescriptor>"
    )
    service = f'<md:SPSSODescriptor protocolSupportEnumeration="{SAMLP_NS}"/>'
    document = entity(federation * 2 + service + role())
    read = saml.read_idp_metadata(document.encode())
    assert read.certificates == (key_pair().certificate,)


def test_an_entity_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(MetadataError) as raised:
        saml.read_idp_metadata(several(entity(), OTHER, entity(entity_id="")), entity_id="urn:x")
    assert raised.value.reason == "metadata_no_idp"
    assert raised.value.received == f"{IDP}, https://other.example, none"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("PT6H", timedelta(hours=6)),
        (" P7D ", timedelta(days=7)),
        ("PT0S", timedelta()),
        ("PT1H30M1.5S", timedelta(hours=1, minutes=30, seconds=1)),
        ("P1M", None),
        ("soon", None),
    ],
)
def test_metadata_says_how_long_it_may_be_kept(written, read):
    document = entity(more=f'cacheDuration="{written}"').encode()
    assert saml.read_idp_metadata(document).cache_duration == read


def test_metadata_ends_with_the_first_of_what_holds_it():
    inner = entity(more='validUntil="2032-01-01T00:00:00Z"')
    outer = f'<md:EntitiesDescriptor {MD} validUntil="2031-01-01T00:00:00Z" cacheDuration="PT1H">'
    read = saml.read_idp_metadata(f"{outer}{inner}</md:EntitiesDescriptor>".encode())
    assert read.valid_until == datetime(2031, 1, 1, tzinfo=UTC)
    assert read.cache_duration == timedelta(hours=1)


def logout(binding: str, location: str, more: str = "") -> str:
    return f'<md:SingleLogoutService Binding="{BINDINGS}{binding}" Location="{location}" {more}/>'


DONE = 'ResponseLocation="https://idp.example/done"'


def test_metadata_says_where_to_log_out():
    services = logout("HTTP-Redirect", "https://idp.example/slo", DONE)
    services += logout("HTTP-POST", "https://idp.example/slo-post")
    read = saml.read_idp_metadata(entity(role(key() + services + SERVICES)).encode())
    assert read.logout_redirect_url == "https://idp.example/slo"
    assert read.logout_post_url == "https://idp.example/slo-post"
    assert read.logout_answer_url == "https://idp.example/done"


def test_an_address_for_answers_belongs_to_its_binding():
    services = logout("HTTP-Redirect", "https://idp.example/slo")
    services += logout("HTTP-POST", "https://idp.example/slo-post", DONE)
    read = saml.read_idp_metadata(entity(role(key() + services + SERVICES)).encode())
    assert read.logout_answer_url is None


def test_a_provider_that_takes_requests_by_post_only_is_usable():
    read = saml.read_idp_metadata(
        entity(role(key() + sso("HTTP-POST", "https://idp.example/p"))).encode()
    )
    assert (read.redirect_url, read.sign_in_url) == (None, "https://idp.example/p")


def ours(**changes: Any) -> etree._Element:
    proper = {
        "entity_id": SP,
        "acs_url": ACS,
        "logout_url": "https://sso.example/auth/saml/acme/logout",
        "name_id_formats": (NAME_ID_EMAIL, NAME_ID_PERSISTENT),
        "signs_requests": False,
        "certificates": (),
        "signer": None,
        "document_id": "_m",
    }
    return etree.fromstring(saml.write_sp_metadata(**{**proper, **changes}))


def test_our_metadata_says_where_and_how():
    root = ours()
    assert root.get("entityID") == SP
    assert root.find("{*}SPSSODescriptor").get("WantAssertionsSigned") == "true"
    assert [one.text for one in root.iter("{*}NameIDFormat")] == [NAME_ID_EMAIL, NAME_ID_PERSISTENT]
    [service] = root.iter("{*}AssertionConsumerService")
    assert service.get("Location") == ACS
    assert service.get("Binding") == BINDINGS + "HTTP-POST"
    assert root.find("{*}SPSSODescriptor").get("AuthnRequestsSigned") == "false"
    assert list(root.iter("{*}KeyDescriptor", "{*}SingleLogoutService")) == []


def test_our_metadata_offers_every_key_to_verify_with_and_the_newest_to_encrypt_with():
    keys = (key_pair("next"), key_pair("ours"))
    root = ours(certificates=tuple(pair.der for pair in keys), signs_requests=True)
    offered = [
        (one.get("use"), base64.b64decode(one.findtext(".//{*}X509Certificate")))
        for one in root.iter("{*}KeyDescriptor")
    ]
    assert offered == [
        ("signing", keys[0].der),
        ("signing", keys[1].der),
        ("encryption", keys[0].der),
    ]
    assert root.find("{*}SPSSODescriptor").get("AuthnRequestsSigned") == "true"
    assert len(list(root.iter("{*}SingleLogoutService"))) == 2


def test_the_certificate_that_signs_now_is_the_last_of_those_for_signing():
    # Keycloak's import keeps the last one and forgets the others.
    pairs = (key_pair("next"), key_pair("ours"))
    for signs in pairs:
        root = ours(
            certificates=tuple(pair.der for pair in pairs),
            signer=saml.Signer(signs.private, signs.der),
        )
        listed = root.xpath("//*[@use='signing']//*[local-name()='X509Certificate']/text()")
        assert base64.b64decode(listed[-1]) == signs.der
        assert len(set(listed)) == 2


def test_our_metadata_says_until_when_it_may_be_used_unless_it_is_kept():
    assert ours(valid_until=NOW).get("validUntil") == "2030-01-31T12:00:00Z"
    assert ours().get("validUntil") is None


def test_our_metadata_is_signed_as_a_whole():
    pair = key_pair("ours")
    root = ours(certificates=(pair.der,), signer=saml.Signer(pair.private, pair.der))
    assert root[0].tag == f"{{{DS_NS}}}Signature"
    verified = xmldsig.verify(root[0], (pair.certificate,))
    assert verified.element.get("entityID") == SP
