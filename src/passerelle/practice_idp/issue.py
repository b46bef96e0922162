"""Build and sign a response, as an identity provider does."""

import base64
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree

from passerelle.practice_idp.people import Person
from passerelle.saml import xmldsig
from passerelle.saml.certificate import self_signed
from passerelle.saml.names import (
    ASSERTION_NS,
    BINDING_REDIRECT,
    DSIG_NS,
    METADATA_NS,
    METHOD_BEARER,
    NAME_ID_PERSISTENT,
    PROTOCOL_NS,
    STATUS_SUCCESS,
    ds,
    md,
    saml,
    samlp,
)
from passerelle.saml.xml import written

PASSWORD_CONTEXT = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"


@dataclass(frozen=True, slots=True)
class SigningKey:
    key: rsa.RSAPrivateKey
    certificate_der: bytes

    @property
    def pem(self) -> bytes:
        """Private key and certificate, for keeping between two starts."""
        private = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        certificate = x509.load_der_x509_certificate(self.certificate_der)
        return private + certificate.public_bytes(serialization.Encoding.PEM)

    @classmethod
    def from_pem(cls, pem: bytes) -> "SigningKey":
        key = serialization.load_pem_private_key(pem, password=None)
        assert isinstance(key, rsa.RSAPrivateKey)
        certificate = x509.load_pem_x509_certificate(pem)
        return cls(key, certificate.public_bytes(serialization.Encoding.DER))


def make_signing_key(*, name: str, now: datetime, days: int = 3650) -> SigningKey:
    """A new RSA key with a self-signed certificate."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    der = self_signed(
        key,
        name=name,
        serial=x509.random_serial_number(),
        not_before=now - timedelta(days=1),
        not_after=now + timedelta(days=days),
    )
    return SigningKey(key, der)


@dataclass(slots=True, kw_only=True)
class Issue:
    """All that a response says; a fault is a change to one of these before it is built."""

    idp_entity_id: str
    audience: str
    acs_url: str
    person: Person
    now: datetime
    response_id: str
    assertion_id: str
    in_response_to: str | None = None
    recipient: str = ""
    destination: str = ""
    name_id: str | None = ""
    name_id_format: str = NAME_ID_PERSISTENT
    status: str = STATUS_SUCCESS
    lifetime: timedelta = timedelta(minutes=5)
    session_ends: datetime | None = None
    attributes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.recipient = self.recipient or self.acs_url
        self.destination = self.destination or self.acs_url
        self.name_id = self.person.subject if self.name_id == "" else self.name_id
        self.attributes = self.attributes or {
            "email": (self.person.email,),
            "firstName": (self.person.first_name,),
            "lastName": (self.person.last_name,),
            "groups": self.person.groups,
        }


def build_response(issue: Issue) -> etree._Element:
    """The response with its assertion, not signed yet."""
    root = etree.Element(
        samlp("Response"),
        nsmap={"samlp": PROTOCOL_NS, "saml": ASSERTION_NS},
        ID=issue.response_id,
        Version="2.0",
        IssueInstant=written(issue.now),
        Destination=issue.destination,
    )
    if issue.in_response_to:
        root.set("InResponseTo", issue.in_response_to)
    _text(root, saml("Issuer"), issue.idp_entity_id)
    status = etree.SubElement(root, samlp("Status"))
    etree.SubElement(status, samlp("StatusCode"), Value=issue.status)
    if issue.status == STATUS_SUCCESS:
        root.append(_assertion(issue))
    return root


def _assertion(issue: Issue) -> etree._Element:
    assertion = etree.Element(
        saml("Assertion"),
        nsmap={"saml": ASSERTION_NS},
        ID=issue.assertion_id,
        Version="2.0",
        IssueInstant=written(issue.now),
    )
    _text(assertion, saml("Issuer"), issue.idp_entity_id)
    _subject(assertion, issue)
    conditions = etree.SubElement(
        assertion,
        saml("Conditions"),
        NotBefore=written(issue.now - timedelta(seconds=30)),
        NotOnOrAfter=written(issue.now + issue.lifetime),
    )
    _text(
        etree.SubElement(conditions, saml("AudienceRestriction")), saml("Audience"), issue.audience
    )
    statement = etree.SubElement(
        assertion,
        saml("AuthnStatement"),
        AuthnInstant=written(issue.now),
        SessionIndex="s-" + issue.assertion_id,
    )
    if issue.session_ends:
        statement.set("SessionNotOnOrAfter", written(issue.session_ends))
    context = etree.SubElement(statement, saml("AuthnContext"))
    _text(context, saml("AuthnContextClassRef"), PASSWORD_CONTEXT)
    _attributes(assertion, issue.attributes)
    return assertion


def _subject(assertion: etree._Element, issue: Issue) -> None:
    subject = etree.SubElement(assertion, saml("Subject"))
    if issue.name_id is not None:
        _text(subject, saml("NameID"), issue.name_id, Format=issue.name_id_format)
    confirmation = etree.SubElement(subject, saml("SubjectConfirmation"), Method=METHOD_BEARER)
    data = etree.SubElement(
        confirmation,
        saml("SubjectConfirmationData"),
        NotOnOrAfter=written(issue.now + issue.lifetime),
        Recipient=issue.recipient,
    )
    if issue.in_response_to:
        data.set("InResponseTo", issue.in_response_to)


def _attributes(assertion: etree._Element, attributes: dict[str, tuple[str, ...]]) -> None:
    statement = etree.SubElement(assertion, saml("AttributeStatement"))
    for name, values in attributes.items():
        attribute = etree.SubElement(statement, saml("Attribute"), Name=name)
        for value in values:
            _text(attribute, saml("AttributeValue"), value)


def sign_assertion(root: etree._Element, signing_key: SigningKey) -> None:
    assertion = root.find(saml("Assertion"))
    if assertion is not None:
        xmldsig.sign(assertion, signing_key.key, signing_key.certificate_der)


def encoded(root: etree._Element) -> str:
    """The value of the SAMLResponse form field."""
    return base64.b64encode(etree.tostring(root)).decode()


def write_idp_metadata(*, entity_id: str, sso_url: str, certificate_der: bytes) -> bytes:
    root = etree.Element(
        md("EntityDescriptor"), nsmap={"md": METADATA_NS, "ds": DSIG_NS}, entityID=entity_id
    )
    role = etree.SubElement(root, md("IDPSSODescriptor"), protocolSupportEnumeration=PROTOCOL_NS)
    key = etree.SubElement(role, md("KeyDescriptor"), use="signing")
    data = etree.SubElement(etree.SubElement(key, ds("KeyInfo")), ds("X509Data"))
    _text(data, ds("X509Certificate"), base64.b64encode(certificate_der).decode())
    _text(role, md("NameIDFormat"), NAME_ID_PERSISTENT)
    etree.SubElement(role, md("SingleSignOnService"), Binding=BINDING_REDIRECT, Location=sso_url)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _text(parent: etree._Element, name: str, text: str, **attributes: str) -> etree._Element:
    element = etree.SubElement(parent, name, attributes)
    element.text = text
    return element
