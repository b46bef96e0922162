"""Builds SAML responses as text, in every shape and with every fault, and signs them by itself.

    message = response(name_id=name_id("u-1"), signed="both")
    judgement = saml.judge(message, expected())

It shares no code with `passerelle.saml.xmldsig`, so that each checks the other. Parts are written
with the prefixes `samlp`, `saml` and `ds`; `prefixes` renames them, an empty name makes the
namespace the default one. The time is an argument.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from lxml import etree

from passerelle import saml

from .encryption import Encryption, encrypt_element, encrypted
from .keys import KeyPair, key_pair

NOW = datetime(2030, 1, 31, 12, 0, tzinfo=UTC)
IDP = "https://idp.example/metadata"
SP = "https://sso.example/auth/saml/acme/metadata"
ACS = "https://sso.example/auth/saml/acme/callback"
REQUEST = "_request-1"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
SAMLP_NS = "urn:oasis:names:tc:SAML:2.0:protocol"
SAML_NS = "urn:oasis:names:tc:SAML:2.0:assertion"
DS_NS = "http://www.w3.org/2000/09/xmldsig#"
XS = 'xmlns:xs="http://www.w3.org/2001/XMLSchema"'
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
EXC = "http://www.w3.org/2001/10/xml-exc-c14n#"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
PSS = "http://www.w3.org/2007/05/xmldsig-more#"

SIGNATURES: dict[str, tuple[str, str]] = {
    **{f"rsa-{h}": (f"{MORE}rsa-{h}", h) for h in ("sha256", "sha384", "sha512", "md5")},
    **{f"{h}-rsa-MGF1": (f"{PSS}{h}-rsa-MGF1", h) for h in ("sha256", "sha384", "sha512")},
    **{f"ecdsa-{h}": (f"{MORE}ecdsa-{h}", h) for h in ("sha1", "sha256", "sha384", "sha512")},
    "rsa-sha1": (f"{DS_NS}rsa-sha1", "sha1"),
    "hmac-sha256": (f"{MORE}hmac-sha256", "sha256"),
    "dsa-sha256": ("http://www.w3.org/2009/xmldsig11#dsa-sha256", "sha256"),
}
DIGESTS = {
    "sha1": f"{DS_NS}sha1",
    "sha256": "http://www.w3.org/2001/04/xmlenc#sha256",
    "sha384": f"{MORE}sha384",
    "sha512": "http://www.w3.org/2001/04/xmlenc#sha512",
    "md5": f"{MORE}md5",
}


def when(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def optional(name: str, value: str | None) -> str:
    return "" if value is None else f" {name}={quoteattr(value)}"


def name_id(value: str = "u-1", name_format: str | None = PERSISTENT) -> str:
    return f"<saml:NameID{optional('Format', name_format)}>{escape(value)}</saml:NameID>"


def confirmation(
    *,
    now: datetime = NOW,
    method: str = BEARER,
    recipient: str | None = ACS,
    in_response_to: str | None = REQUEST,
    minutes: float | None = 5,
    data: str | None = None,
    ends: str | None = None,
    starts: str | None = None,
) -> str:
    """A SubjectConfirmation; `ends` and `starts` are written as they are, `data` replaces all."""
    if ends is None and minutes is not None:
        ends = when(now + timedelta(minutes=minutes))
    if data is None:
        data = (
            f"<saml:SubjectConfirmationData{optional('NotBefore', starts)}"
            f"{optional('NotOnOrAfter', ends)}{optional('Recipient', recipient)}"
            f"{optional('InResponseTo', in_response_to)}/>"
        )
    return f'<saml:SubjectConfirmation Method="{method}">{data}</saml:SubjectConfirmation>'


def audiences(*names: str) -> str:
    inside = "".join(f"<saml:Audience>{escape(name)}</saml:Audience>" for name in names)
    return f"<saml:AudienceRestriction>{inside}</saml:AudienceRestriction>"


def conditions(
    *limits: str, now: datetime = NOW, starts: str | None = None, ends: str | None = None
) -> str:
    starts = starts or when(now - timedelta(minutes=5))
    ends = ends or when(now + timedelta(minutes=5))
    inside = "".join(limits or (audiences(SP),))
    return f'<saml:Conditions NotBefore="{starts}" NotOnOrAfter="{ends}">{inside}</saml:Conditions>'


def authn_statement(
    *, now: datetime = NOW, session: str | None = "_session", ends: str = ""
) -> str:
    ends = ends and f' SessionNotOnOrAfter="{ends}"'
    return (
        f'<saml:AuthnStatement AuthnInstant="{when(now)}"{optional("SessionIndex", session)}{ends}>'
        "<saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:"
        "Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"
    )


def attribute(name: str, *values: str, more: str = "", typed: str = "") -> str:
    """An Attribute; `typed` stands on each AttributeValue, values are text."""
    inside = "".join(
        f"<saml:AttributeValue{typed and ' ' + typed}>{escape(value)}</saml:AttributeValue>"
        for value in values
    )
    return f"<saml:Attribute Name={quoteattr(name)}{more and ' ' + more}>{inside}</saml:Attribute>"


def attributes(*inside: str) -> str:
    return f"<saml:AttributeStatement>{''.join(inside)}</saml:AttributeStatement>"


def status(code: str = SUCCESS, inside: str = "", message: str = "") -> str:
    message = message and f"<samlp:StatusMessage>{message}</samlp:StatusMessage>"
    return (
        f'<samlp:Status><samlp:StatusCode Value="{code}">{inside}</samlp:StatusCode>{message}'
        "</samlp:Status>"
    )


def same(text: str) -> str:
    return text


@dataclass(frozen=True, kw_only=True)
class Signing:
    """How one element is signed; `edit_info` changes SignedInfo before it is signed."""

    algorithm: str = "rsa-sha256"
    digest: str = "sha256"
    key: KeyPair = field(default_factory=key_pair)
    prefix: str = "ds"
    prefix_list: str | None = None
    """InclusiveNamespaces of the Transform."""
    info_prefix_list: str | None = None
    """InclusiveNamespaces of the CanonicalizationMethod."""
    with_comments: bool = False
    """Whether the comments in SignedInfo are signed with it."""
    key_info: str | None = None
    """What replaces KeyInfo; by itself it holds the certificate."""
    edit_info: Callable[[str], str] = same
    edit_signature: Callable[[str], str] = same
    """Changes the finished Signature."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A response before it is written; each part is XML text."""

    now: datetime = NOW
    response_id: str = "_response"
    assertion_id: str = "_assertion"
    version: str = "2.0"
    assertion_version: str = "2.0"
    in_response_to: str | None = REQUEST
    destination: str | None = ACS
    issued_at: str | None = None
    issuer: str = f"<saml:Issuer>{IDP}</saml:Issuer>"
    response_issuer: str | None = None
    """Same as `issuer` unless given."""
    response_namespaces: str = ""
    assertion_namespaces: str = ""
    extensions: str = ""
    status: str = field(default_factory=status)
    name_id: str = field(default_factory=name_id)
    confirmations: str | None = None
    subject: str | None = None
    conditions: str | None = None
    statements: str | None = None
    attributes: str = ""
    advice: str = ""
    assertion: str | None = None
    """Replaces the whole Assertion."""
    after_assertion: str = ""
    signed: str = "assertion"
    """`assertion`, `response`, `both` or `none`."""
    signing: Signing = field(default_factory=Signing)
    response_signing: Signing | None = None
    encrypted: Encryption | None = None
    """How the assertion is encrypted, after it was signed and before the response is."""
    encrypted_parts: Mapping[str, Encryption] = field(default_factory=dict)
    """The same for parts of the assertion by name, such as `saml:NameID`, before it is signed."""
    prefixes: Mapping[str, str] = field(default_factory=dict)
    pretty: bool = False
    edit: Callable[[str], str] = same
    """Changes the text before it is signed."""
    edit_signed: Callable[[str], str] = same
    """Changes the text after it was signed."""
    declaration: str = ""
    encoding: str = "utf-8"


def response(**parts: Any) -> bytes:
    """A response, written and signed."""
    return build(Shape(**parts))


def build(shape: Shape) -> bytes:
    text = _renamed(_pretty(_written(shape), shape.pretty), shape.prefixes)
    for name, encryption in shape.encrypted_parts.items():
        text = encrypt_element(text, name, encryption)
    text = shape.edit(text)
    if shape.signed in ("assertion", "both"):
        text = sign(text, shape.assertion_id, shape.signing)
    if shape.encrypted:
        text = _with_encrypted_assertion(text, shape.encrypted)
    if shape.signed in ("response", "both"):
        text = sign(text, shape.response_id, shape.response_signing or shape.signing)
    text = re.sub("<!--sign .*?-->", "", text)
    return (shape.declaration + shape.edit_signed(text)).encode(shape.encoding)


def _with_encrypted_assertion(text: str, encryption: Encryption) -> str:
    [(name, prefix)] = re.findall(r"<((\w+:)?Assertion)[ >]", text)[:1]
    [whole] = re.findall(rf"(?s)<{name}[ >].*</{name}>", text)
    plain = re.sub("<!--sign .*?-->", "", whole)
    return text.replace(whole, encrypted(plain, f"{prefix}EncryptedAssertion", encryption))


def marker(element_id: str) -> str:
    """Where the signature of an element goes."""
    return f"<!--sign {element_id}-->"


def _written(shape: Shape) -> str:
    issued_at = shape.issued_at or when(shape.now)
    issuer = shape.issuer if shape.response_issuer is None else shape.response_issuer
    assertion = _assertion(shape, issued_at) if shape.assertion is None else shape.assertion
    return (
        f'<samlp:Response xmlns:samlp="{SAMLP_NS}" xmlns:saml="{SAML_NS}"'
        f"{shape.response_namespaces and ' ' + shape.response_namespaces}"
        f' ID="{shape.response_id}" Version="{shape.version}" IssueInstant="{issued_at}"'
        f"{optional('Destination', shape.destination)}"
        f"{optional('InResponseTo', shape.in_response_to)}>"
        f"{issuer}{marker(shape.response_id)}{shape.extensions}{shape.status}{assertion}"
        f"{shape.after_assertion}</samlp:Response>"
    )


def _assertion(shape: Shape, issued_at: str) -> str:
    confirmations = shape.confirmations
    if confirmations is None:
        confirmations = confirmation(now=shape.now, in_response_to=shape.in_response_to)
    subject = shape.subject
    if subject is None:
        subject = f"<saml:Subject>{shape.name_id}{confirmations}</saml:Subject>"
    limits = conditions(now=shape.now) if shape.conditions is None else shape.conditions
    statements = shape.statements
    if statements is None:
        statements = authn_statement(now=shape.now)
    return (
        f'<saml:Assertion xmlns:saml="{SAML_NS}"'
        f"{shape.assertion_namespaces and ' ' + shape.assertion_namespaces}"
        f' ID="{shape.assertion_id}" Version="{shape.assertion_version}"'
        f' IssueInstant="{issued_at}">{shape.issuer}{marker(shape.assertion_id)}'
        f"{subject}{limits}{shape.advice}{statements}{shape.attributes}</saml:Assertion>"
    )


def _pretty(text: str, pretty: bool) -> str:
    return re.sub("(?<=>)(?=<[^/])", "\n    ", text) if pretty else text


def _renamed(text: str, prefixes: Mapping[str, str]) -> str:
    for old, new in prefixes.items():
        text = re.sub(f"(</?){old}:", rf"\1{new}:" if new else r"\1", text)
        text = text.replace(f"xmlns:{old}=", f"xmlns:{new}=" if new else "xmlns=")
    return text


def sign(text: str, element_id: str, signing: Signing) -> str:
    """Put an enveloped signature in the place that is marked for it."""
    root = etree.fromstring(text.encode())
    [element] = root.xpath("//*[@ID=$wanted]", wanted=element_id)
    digest = hashlib.new(signing.digest, c14n(element, signing.prefix_list)).digest()
    ds = f"{signing.prefix}:" if signing.prefix else ""
    info = signing.edit_info(_signed_info(ds, f"#{element_id}", digest, signing))
    namespace = f"xmlns:{signing.prefix}" if signing.prefix else "xmlns"
    draft = (
        f'<{ds}Signature {namespace}="{DS_NS}">{info}<{ds}SignatureValue>@value@'
        f"</{ds}SignatureValue>{_key_info(ds, signing)}</{ds}Signature>"
    )
    placed = etree.fromstring(text.replace(marker(element_id), draft).encode())
    [value] = placed.xpath("//*[.='@value@'][local-name()='SignatureValue']")
    signed_info = value.getparent().find(f"{{{DS_NS}}}SignedInfo")
    canonical = c14n(signed_info, signing.info_prefix_list, with_comments=signing.with_comments)
    signature = signature_value(canonical, signing)
    finished = draft.replace("@value@", base64.encodebytes(signature).decode())
    return text.replace(marker(element_id), signing.edit_signature(finished))


def c14n(
    element: etree._Element, prefix_list: str | None = None, *, with_comments: bool = False
) -> bytes:
    # lxml passes on only such prefixes as it has met before; no document has one of this name.
    etree.fromstring('<_ xmlns:_="#default"/>')
    return etree.tostring(
        element,
        method="c14n",
        exclusive=True,
        with_comments=with_comments,
        inclusive_ns_prefixes=(prefix_list or "").split() or None,
    )


def _inclusive(prefix_list: str | None) -> str:
    if prefix_list is None:
        return ""
    return f'<ec:InclusiveNamespaces xmlns:ec="{EXC}" PrefixList="{prefix_list}"/>'


def _signed_info(ds: str, uri: str, digest: bytes, signing: Signing) -> str:
    return (
        f"<{ds}SignedInfo>"
        f'<{ds}CanonicalizationMethod Algorithm="{EXC}">'
        f"{_inclusive(signing.info_prefix_list)}</{ds}CanonicalizationMethod>"
        f'<{ds}SignatureMethod Algorithm="{SIGNATURES[signing.algorithm][0]}"/>'
        f'<{ds}Reference URI="{uri}"><{ds}Transforms>'
        f'<{ds}Transform Algorithm="{DS_NS}enveloped-signature"/>'
        f'<{ds}Transform Algorithm="{EXC}">{_inclusive(signing.prefix_list)}</{ds}Transform>'
        f"</{ds}Transforms>"
        f'<{ds}DigestMethod Algorithm="{DIGESTS[signing.digest]}"/>'
        f"<{ds}DigestValue>{base64.b64encode(digest).decode()}</{ds}DigestValue>"
        f"</{ds}Reference></{ds}SignedInfo>"
    )


def _key_info(ds: str, signing: Signing) -> str:
    if signing.key_info is not None:
        return signing.key_info
    return (
        f"<{ds}KeyInfo><{ds}X509Data><{ds}X509Certificate>"
        f"{base64.encodebytes(signing.key.der).decode()}"
        f"</{ds}X509Certificate></{ds}X509Data></{ds}KeyInfo>"
    )


def signature_value(content: bytes, signing: Signing) -> bytes:
    """The raw signature, as XML Signature writes it."""
    name, private = SIGNATURES[signing.algorithm][1], signing.key.private
    if signing.algorithm.startswith("hmac"):
        return hmac.new(signing.key.public_pem, content, name).digest()
    algorithm = getattr(hashes, name.upper())()
    if isinstance(private, rsa.RSAPrivateKey):
        scheme: padding.AsymmetricPadding = padding.PKCS1v15()
        if "MGF1" in signing.algorithm:
            scheme = padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)
        return private.sign(content, scheme, algorithm)
    if isinstance(private, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(private.sign(content, ec.ECDSA(algorithm)))
        size = (private.curve.key_size + 7) // 8
        return r.to_bytes(size) + s.to_bytes(size)
    r, s = decode_dss_signature(private.sign(content, algorithm))
    return r.to_bytes(32) + s.to_bytes(32)


def expected(**changes: Any) -> saml.Expected:
    """What a good response of this builder is held against."""
    usual = saml.Expected(
        idp_entity_id=IDP,
        certificates=(key_pair().certificate,),
        sp_entity_id=SP,
        acs_url=ACS,
        now=NOW,
        request_id=REQUEST,
        decryption_keys=(key_pair("ours").private,),
    )
    return replace(usual, **changes)
