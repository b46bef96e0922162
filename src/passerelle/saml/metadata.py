"""SAML metadata: read an identity provider's, write our own (Metadata §2.4)."""

from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from passerelle.saml import xml
from passerelle.saml.certificate import Certificate, load_certificate
from passerelle.saml.errors import CertificateError, MessageError, MetadataError
from passerelle.saml.names import (
    BINDING_POST,
    BINDING_REDIRECT,
    METADATA_NS,
    PROTOCOL_NS,
    ds,
    md,
)


@dataclass(frozen=True, slots=True)
class IdPMetadata:
    """What a connection needs of an identity provider."""

    entity_id: str
    redirect_url: str | None
    post_url: str | None
    certificates: tuple[Certificate, ...]
    valid_until: datetime | None
    wants_signed_requests: bool


def read_idp_metadata(document: bytes, *, entity_id: str | None = None) -> IdPMetadata:
    """Read one identity provider's metadata, chosen by ID where the document holds several.

    Raises MetadataError: metadata_malformed, metadata_no_idp, metadata_ambiguous,
    metadata_no_certificate, metadata_no_sso_url.
    """
    try:
        return _read(_choose(xml.parse(document), entity_id))
    except MessageError as error:
        raise MetadataError(
            "metadata_malformed",
            expected="SAML metadata: an EntityDescriptor in XML",
            received=error.received or error.reason,
        ) from error


def _choose(root: etree._Element, entity_id: str | None) -> etree._Element:
    if root.tag not in (md("EntityDescriptor"), md("EntitiesDescriptor")):
        raise MetadataError(
            "metadata_malformed",
            expected="SAML metadata: an EntityDescriptor",
            received=xml.local_name(root.tag),
        )
    entities = [
        entity
        for entity in root.iter(md("EntityDescriptor"))
        if entity.find(md("IDPSSODescriptor")) is not None
        and entity_id in (None, entity.get("entityID"))
    ]
    if not entities:
        raise MetadataError(
            "metadata_no_idp",
            expected=entity_id or "an identity provider (IDPSSODescriptor)",
            received=_entities_of(root),
        )
    if len(entities) > 1:
        raise MetadataError(
            "metadata_ambiguous",
            expected="the entity ID of one of them",
            received=", ".join(entity.get("entityID") or "" for entity in entities[:5]),
        )
    return entities[0]


def _entities_of(root: etree._Element) -> str:
    found = [entity.get("entityID") or "none" for entity in root.iter(md("EntityDescriptor"))]
    return ", ".join(found[:5]) or "no entity"


def _read(entity: etree._Element) -> IdPMetadata:
    roles = [
        role
        for role in entity.iterfind(md("IDPSSODescriptor"))
        if PROTOCOL_NS in (role.get("protocolSupportEnumeration") or "").split()
    ]
    if len(roles) != 1:
        raise MetadataError(
            "metadata_no_idp",
            expected="one identity provider for SAML 2.0",
            received=f"{len(roles)} of them",
        )
    redirect, post = (_sso_url(roles[0], binding) for binding in (BINDING_REDIRECT, BINDING_POST))
    if redirect is None and post is None:
        raise MetadataError(
            "metadata_no_sso_url",
            expected="a SingleSignOnService with HTTP-Redirect or HTTP-POST",
            received="none",
        )
    return IdPMetadata(
        entity_id=xml.required_attribute(entity, "entityID"),
        redirect_url=redirect,
        post_url=post,
        certificates=_certificates(roles[0]),
        valid_until=xml.instant(entity, "validUntil"),
        wants_signed_requests=roles[0].get("WantAuthnRequestsSigned") in ("true", "1"),
    )


def _sso_url(role: etree._Element, binding: str) -> str | None:
    """Where to send people: the web only, since `javascript:` is an address too."""
    for service in role.iterfind(md("SingleSignOnService")):
        location = (service.get("Location") or "").strip(xml.WHITE_SPACE)
        if service.get("Binding") == binding and location.startswith(("https://", "http://")):
            return location
    return None


def _certificates(role: etree._Element) -> tuple[Certificate, ...]:
    """The signing certificates; a key without `use` signs too (Metadata §2.4.1.1)."""
    found: dict[str, Certificate] = {}
    for descriptor in role.iterfind(md("KeyDescriptor")):
        if descriptor.get("use") in (None, "signing"):
            for element in descriptor.iter(ds("X509Certificate")):
                certificate = _certificate(element)
                found.setdefault(certificate.fingerprint, certificate)
    if not found:
        raise MetadataError(
            "metadata_no_certificate",
            expected="a KeyDescriptor for signing with an X509Certificate",
            received="none",
        )
    return tuple(found.values())


def _certificate(element: etree._Element) -> Certificate:
    try:
        return load_certificate(element.text or "")
    except CertificateError as error:
        raise MetadataError(
            "metadata_no_certificate", expected=error.expected, received=error.received
        ) from error


def write_sp_metadata(*, entity_id: str, acs_url: str, name_id_formats: tuple[str, ...]) -> bytes:
    """Our own metadata for one connection: signed assertions wanted, by HTTP-POST."""
    root = etree.Element(md("EntityDescriptor"), nsmap={"md": METADATA_NS}, entityID=entity_id)
    role = etree.SubElement(
        root,
        md("SPSSODescriptor"),
        AuthnRequestsSigned="false",
        WantAssertionsSigned="true",
        protocolSupportEnumeration=PROTOCOL_NS,
    )
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
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
