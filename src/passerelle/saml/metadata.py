"""SAML metadata: read an identity provider's, write our own (Metadata §2.4)."""

import base64
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from lxml import etree

from passerelle.saml import mistaken, xml, xmldsig
from passerelle.saml.bindings import Signer
from passerelle.saml.certificate import Certificate, Certificates, load_chain
from passerelle.saml.errors import CertificateError, MessageError, MetadataError
from passerelle.saml.names import (
    BINDING_POST,
    BINDING_REDIRECT,
    DSIG_NS,
    METADATA_NS,
    PROTOCOL_NS,
    XENC11_NS,
    XENC_NS,
    ds,
    md,
)

_DURATION = re.compile(
    r"P(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9})(?:\.\d{1,9})?S)?)?", re.ASCII
)
OFFERED_ENCRYPTION = (
    XENC11_NS + "aes256-gcm",
    XENC11_NS + "aes128-gcm",
    XENC_NS + "rsa-oaep-mgf1p",
)


@dataclass(frozen=True, slots=True)
class IdPMetadata:
    """What a connection needs of an identity provider."""

    entity_id: str
    redirect_url: str | None
    post_url: str | None
    certificates: tuple[Certificate, ...]
    valid_until: datetime | None
    cache_duration: timedelta | None
    wants_signed_requests: bool
    logout_redirect_url: str | None = None
    logout_post_url: str | None = None
    logout_answer_url: str | None = None
    """Where answers about logout go, if elsewhere than requests."""
    left_out: tuple[CertificateError, ...] = ()
    """Why certificates beside those that sign cannot be used."""

    @property
    def sign_in_url(self) -> str:
        """Where requests go: by HTTP-Redirect wherever that is offered."""
        return self.redirect_url or self.post_url or ""


def read_idp_metadata(document: bytes, *, entity_id: str | None = None) -> IdPMetadata:
    """Read one identity provider's metadata, chosen by ID where the document holds several.

    Raises MetadataError: metadata_malformed, metadata_namespace, metadata_time, metadata_no_idp,
    metadata_service_provider, metadata_ambiguous, metadata_no_entity_id, metadata_no_certificate,
    metadata_no_sso_url, or for what is something else, the reason that `mistaken` has for it.
    """
    try:
        root = xml.parse(document)
    except MessageError as error:
        mistake = mistaken.instead_of_metadata(document)
        raise _not_metadata(mistake, error.received or error.reason) from error
    if root.tag not in (md("EntityDescriptor"), md("EntitiesDescriptor")):
        raise _other_root(root)
    try:
        return _read(_choose(root, entity_id))
    except MessageError as error:
        raise _not_metadata(None, error.received or error.reason) from error


def _not_metadata(mistake: mistaken.Mistake | None, received: str) -> MetadataError:
    return MetadataError(
        mistake.reason if mistake else "metadata_malformed",
        expected="SAML metadata: an EntityDescriptor in XML",
        received=mistake.received if mistake else received,
    )


def _other_root(root: etree._Element) -> MetadataError:
    """Well-formed XML, but of something else."""
    name = xml.local_name(root.tag)
    if name in ("EntityDescriptor", "EntitiesDescriptor"):
        namespace = etree.QName(root).namespace
        return MetadataError(
            "metadata_namespace", expected=METADATA_NS, received=namespace or "none"
        )
    if name.lower() == "html":
        titles = root.iter("{*}title", "{*}TITLE")
        title = next((xml.all_text_of(one).strip() for one in titles), "")
        return _not_metadata(mistaken.Mistake("metadata_web_page", title or "<html>"), "")
    return _not_metadata(None, name)


def _entity_id(entity: etree._Element) -> str:
    """White space around it does not count: neither does it in an Issuer."""
    return (entity.get("entityID") or "").strip(xml.WHITE_SPACE)


def _choose(root: etree._Element, entity_id: str | None) -> etree._Element:
    entities = [
        entity
        for entity in root.iter(md("EntityDescriptor"))
        if entity.find(md("IDPSSODescriptor")) is not None
        and entity_id in (None, _entity_id(entity))
    ]
    if not entities:
        is_of_service = entity_id is None and any(True for _ in root.iter(md("SPSSODescriptor")))
        raise MetadataError(
            "metadata_service_provider" if is_of_service else "metadata_no_idp",
            expected=entity_id or "an identity provider (IDPSSODescriptor)",
            received=_entities_of(root),
        )
    if len(entities) > 1:
        raise MetadataError(
            "metadata_ambiguous",
            expected="the entity ID of one of them",
            received=", ".join(_entity_id(entity) for entity in entities[:5])
            + ", …" * (len(entities) > 5),
        )
    return entities[0]


def _entities_of(root: etree._Element) -> str:
    found = [_entity_id(entity) or "none" for entity in root.iter(md("EntityDescriptor"))]
    return ", ".join(found[:5]) or "no entity"


def _read(entity: etree._Element) -> IdPMetadata:
    entity_id = _entity_id(entity)
    if not entity_id:
        raise MetadataError("metadata_no_entity_id", expected="an entityID", received="none")
    every = entity.findall(md("IDPSSODescriptor"))
    protocols = [role.get("protocolSupportEnumeration") or "none" for role in every]
    roles = [
        role
        for role, spoken in zip(every, protocols, strict=True)
        if PROTOCOL_NS in xml.words(spoken)
    ]
    if len(roles) != 1:
        raise MetadataError(
            "metadata_no_idp",
            expected="one identity provider for SAML 2.0",
            received=f"{len(roles)} of them" if roles else f"protocols: {', '.join(protocols)}",
        )
    redirect, post = (
        _location(roles[0], "SingleSignOnService", binding)
        for binding in (BINDING_REDIRECT, BINDING_POST)
    )
    if redirect is None and post is None:
        raise MetadataError(
            "metadata_no_sso_url",
            expected="a SingleSignOnService with HTTP-Redirect or HTTP-POST",
            received="none",
        )
    by_redirect = _location(roles[0], "SingleLogoutService", BINDING_REDIRECT)
    certificates = _certificates(roles[0])
    return IdPMetadata(
        entity_id=entity_id,
        redirect_url=redirect,
        post_url=post,
        certificates=certificates.usable,
        left_out=certificates.left_out,
        valid_until=_earliest_end(entity),
        cache_duration=_cache_duration(entity),
        wants_signed_requests=roles[0].get("WantAuthnRequestsSigned") in ("true", "1"),
        logout_redirect_url=by_redirect,
        logout_post_url=_location(roles[0], "SingleLogoutService", BINDING_POST),
        logout_answer_url=_location(
            roles[0],
            "SingleLogoutService",
            BINDING_REDIRECT if by_redirect else BINDING_POST,
            "ResponseLocation",
        ),
    )


def _earliest_end(entity: etree._Element) -> datetime | None:
    """Until when this may be used: neither the entity nor what holds it may have ended."""
    holders = [entity, *entity.iterancestors()]
    try:
        ends = [end for holder in holders if (end := xml.instant(holder, "validUntil"))]
    except MessageError as error:
        raise MetadataError(
            "metadata_time", expected=error.expected, received=error.received
        ) from error
    return min(ends, default=None)


def _cache_duration(entity: etree._Element) -> timedelta | None:
    """For how long it need not be fetched again, where that is said in days and time."""
    holders = [entity, *entity.iterancestors()]
    for written in (holder.get("cacheDuration") for holder in holders):
        if written and (match := _DURATION.fullmatch(written.strip(xml.WHITE_SPACE))):
            days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
            return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    return None


def _location(
    role: etree._Element, service_name: str, binding: str, attribute: str = "Location"
) -> str | None:
    """Where to send people: the web only, since `javascript:` is an address too."""
    for service in role.iterfind(md(service_name)):
        location = (service.get(attribute) or "").strip(xml.WHITE_SPACE)
        if service.get("Binding") == binding and location.startswith(("https://", "http://")):
            return location
    return None


def _certificates(role: etree._Element) -> Certificates:
    """The signing certificates; a key without `use` signs too (Metadata §2.4.1.1).

    Each X509Data is about one key, with the chain that vouches for it (XML Signature §4.5.4).
    """
    found: dict[str, Certificate] = {}
    left_out: list[CertificateError] = []
    for descriptor in role.iterfind(md("KeyDescriptor")):
        if descriptor.get("use") in (None, "signing"):
            for data in descriptor.iter(ds("X509Data")):
                texts = (one.text or "" for one in data.iterfind(ds("X509Certificate")))
                chain = load_chain(texts)
                found.update((one.fingerprint, one) for one in chain.usable)
                left_out += chain.left_out
    if not found:
        raise MetadataError(
            "metadata_no_certificate",
            expected=left_out[0].expected
            if left_out
            else "a KeyDescriptor for signing with an X509Certificate",
            received=left_out[0].received if left_out else "none",
        )
    return Certificates(tuple(found.values()), tuple(left_out))


def write_sp_metadata(
    *,
    entity_id: str,
    acs_url: str,
    logout_url: str,
    name_id_formats: tuple[str, ...],
    signs_requests: bool,
    certificates: tuple[bytes, ...],
    signer: Signer | None,
    document_id: str,
    valid_until: datetime | None = None,
) -> bytes:
    """Our own metadata for one connection: signed assertions wanted, by HTTP-POST.

    `certificates` (DER) are ours, the newest first: all of them verify what we sign, and the newest
    is to encrypt with. Signed where there is a `signer`. With `valid_until`, it has to be read
    again before that.
    """
    root = etree.Element(
        md("EntityDescriptor"),
        nsmap={"md": METADATA_NS, "ds": DSIG_NS},
        entityID=entity_id,
        ID=document_id,
    )
    if valid_until is not None:
        root.set("validUntil", xml.written(valid_until))
    role = etree.SubElement(
        root,
        md("SPSSODescriptor"),
        AuthnRequestsSigned="true" if signs_requests else "false",
        WantAssertionsSigned="true",
        protocolSupportEnumeration=PROTOCOL_NS,
    )
    # Keycloak's import keeps one certificate, the last for signing; Lasso and SimpleSAMLphp try
    # them all. So the one that signs now stands last.
    now = signer.certificate_der if signer else b""
    for der in sorted(certificates, key=lambda one: one == now):
        _key_descriptor(role, "signing", der)
    for der in certificates[:1]:
        _key_descriptor(role, "encryption", der)
    for binding in (BINDING_REDIRECT, BINDING_POST) if certificates else ():
        etree.SubElement(role, md("SingleLogoutService"), Binding=binding, Location=logout_url)
    for name_id_format in name_id_formats:
        etree.SubElement(role, md("NameIDFormat")).text = name_id_format
    etree.SubElement(
        role,
        md("AssertionConsumerService"),
        Binding=BINDING_POST,
        Location=acs_url,
        index="0",
        isDefault="true",
    )
    etree.indent(root)
    if signer is not None:
        xmldsig.sign(root, signer.key, signer.certificate_der, index=0)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _key_descriptor(role: etree._Element, use: str, certificate_der: bytes) -> None:
    key = etree.SubElement(role, md("KeyDescriptor"), use=use)
    data = etree.SubElement(etree.SubElement(key, ds("KeyInfo")), ds("X509Data"))
    encoded = base64.b64encode(certificate_der).decode()
    etree.SubElement(data, ds("X509Certificate")).text = encoded
    if use == "encryption":
        for algorithm in OFFERED_ENCRYPTION:
            etree.SubElement(key, md("EncryptionMethod"), Algorithm=algorithm)
