"""What the mutations start from: messages, metadata and certificates that are accepted.

The keys come from a number, so that a message that was found in one run is judged alike in every
other. Two people sign in with each shape, and their messages share their IDs: between parts of one
and of the other, nothing but a digest or a signature can tell.
"""

import base64
import random
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from passerelle import saml

from ..saml.encryption import Encryption
from ..saml.keys import KeyPair, PrivateKey
from ..saml.response_builder import (
    DS_NS,
    IDP,
    SAMLP_NS,
    XS,
    XSI,
    Shape,
    Signing,
    attribute,
    attributes,
    build,
    expected,
    name_id,
)

SMALL_PRIMES = [n for n in range(3, 2000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2))]
TYPED = 'xsi:type="xs:string"'
BINDINGS = "urn:oasis:names:tc:SAML:2.0:bindings:"


def prime(chance: random.Random, bits: int = 1024) -> int:
    """A prime whose two highest bits are set, so that two of them make a number twice as long."""
    while True:
        number = chance.getrandbits(bits) | 3 << (bits - 2) | 1
        if all(number % small for small in SMALL_PRIMES) and pow(2, number - 1, number) == 1:
            return number


def rsa_key(number: int) -> rsa.RSAPrivateKey:
    chance = random.Random(number)
    p, q, e = prime(chance), prime(chance), 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(e, p * q)
    parts = (d % (p - 1), d % (q - 1), rsa.rsa_crt_iqmp(p, q))
    return rsa.RSAPrivateNumbers(p, q, d, *parts, public).private_key()


def certified(private: PrivateKey, name: str) -> KeyPair:
    """A certificate that an RSA key signs: by ECDSA it would be of another length each time."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(7)
        .not_valid_before(datetime(2029, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2039, 1, 1, tzinfo=UTC))
        .sign(private if isinstance(private, rsa.RSAPrivateKey) else rsa_key(1), hashes.SHA256())
    )
    return KeyPair(private, certificate.public_bytes(serialization.Encoding.DER))


@cache
def key(name: str) -> KeyPair:
    """`rsa` and `ec` sign for the identity provider, `stranger` for nobody; `ours` decrypts."""
    private: PrivateKey
    if name in ("ec", "stranger"):
        private = ec.derive_private_key(1000 + len(name), ec.SECP256R1())
    else:
        private = rsa_key({"rsa": 1, "ours": 2}[name])
    return certified(private, f"{name} of fuzz.example")


@cache
def expectation() -> saml.Expected:
    """What every message is held against."""
    trusted = (key("rsa").certificate, key("ec").certificate)
    return expected(certificates=trusted, decryption_keys=(key("ours").private,))


def encryption(content: str = "aes256-gcm") -> Encryption:
    return Encryption(content=content, keys=(key("ours"),))


def shapes(person: str) -> dict[str, Shape]:
    """A message of each shape, which says that it is this person who signs in."""
    by_rsa = Signing(key=key("rsa"))
    by_ec = replace(by_rsa, algorithm="ecdsa-sha256", key=key("ec"))
    plain = Shape(
        name_id=name_id(person),
        attributes=attributes(
            attribute("email", f"{person}@acme.example"),
            attribute("groups", f"{person}s", "", "R&D", "a <b>", "é "),
            attribute("groups", "late"),
        ),
        signing=by_rsa,
    )
    typed = replace(
        plain,
        response_namespaces=f"{XS} {XSI}",
        attributes=attributes(attribute("groups", person, "x", typed=TYPED)),
        signing=replace(by_rsa, prefix_list="xs xsi", info_prefix_list="xs saml"),
    )
    inherited = {"prefix": "", "prefix_list": "samlp #default", "info_prefix_list": "#default"}
    both = {"signed": "both", "response_signing": by_ec}
    return {
        "assertion": plain,
        "response": replace(plain, signed="response"),
        "both": replace(plain, pretty=True, **both),
        "ECDSA": replace(plain, signing=by_ec),
        "ECDSA response": replace(plain, signed="response", signing=by_ec),
        "SHA-512": replace(plain, signing=replace(by_rsa, algorithm="rsa-sha512", digest="sha512")),
        "default namespaces": replace(
            plain, prefixes={"saml": ""}, signing=replace(by_rsa, **inherited)
        ),
        "default namespace of the response": replace(plain, prefixes={"samlp": ""}, **both),
        "InclusiveNamespaces": typed,
        "InclusiveNamespaces of the response": replace(typed, signed="response"),
        "nothing but the subject": replace(plain, attributes="", response_issuer=""),
        "UTF-16": replace(plain, encoding="utf-16", declaration='<?xml version="1.0"?>\n'),
        "GCM in a signed response": replace(plain, signed="response", encrypted=encryption()),
        "CBC in a signed response": replace(
            plain, signed="response", encrypted=encryption("aes128-cbc")
        ),
        "GCM, signed inside": replace(plain, encrypted=encryption()),
        "GCM, signed inside and around": replace(plain, encrypted=encryption(), **both),
        "encrypted parts": replace(
            plain,
            attributes=attributes(attribute("groups", person, "")),
            encrypted_parts={"saml:NameID": encryption(), "saml:Attribute": encryption()},
        ),
    }


@cache
def messages() -> tuple[bytes, ...]:
    people = ("alice", "bruno")
    return tuple(build(shape) for person in people for shape in shapes(person).values())


@cache
def assertions() -> tuple[saml.Assertion, ...]:
    """All that an accepted message may say."""
    return tuple(saml.judge(message, expectation()).assertion for message in messages())


@cache
def metadata() -> tuple[bytes, ...]:
    descriptor = (
        '<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="{ds}"><ds:X509Data>'
        "<ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
        "</md:KeyDescriptor>"
    )
    keys = "".join(
        descriptor.format(ds=DS_NS, certificate=base64.encodebytes(key(name).der).decode())
        for name in ("rsa", "ec")
    )
    services = "".join(
        f'<md:SingleSignOnService Binding="{BINDINGS}{binding}" Location="https://idp.example/"/>'
        for binding in ("HTTP-Redirect", "HTTP-POST")
    )
    role = (
        f'<md:IDPSSODescriptor protocolSupportEnumeration="{SAMLP_NS}"'
        f' WantAuthnRequestsSigned="true">{keys}{services}</md:IDPSSODescriptor>'
    )
    declared = 'xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"'
    entity = (
        f'<md:EntityDescriptor {declared} entityID="{IDP}" validUntil="2031-01-01T00:00:00Z">'
        f"{role}</md:EntityDescriptor>"
    )
    service = '<md:EntityDescriptor entityID="urn:sp"><md:SPSSODescriptor/></md:EntityDescriptor>'
    several = f"<md:EntitiesDescriptor {declared}>{service}{entity}</md:EntitiesDescriptor>"
    return (entity.encode(), several.encode(), several.encode("utf-16"))


@cache
def certificates() -> tuple[bytes, ...]:
    pairs = [key(name) for name in ("rsa", "ec")]
    pems = [pair.certificate_pem for pair in pairs]
    bare = [base64.b64encode(pair.der) for pair in pairs]
    return (*pems, b"".join(pems), *(pair.der for pair in pairs), *bare)


@cache
def form_fields() -> tuple[bytes, ...]:
    folded = base64.encodebytes(messages()[0])
    return (*(base64.b64encode(message) for message in messages()[:3]), folded)


def everything() -> tuple[bytes, ...]:
    return messages() + metadata() + certificates() + form_fields()
