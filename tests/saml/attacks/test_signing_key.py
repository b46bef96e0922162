"""Signatures with forbidden algorithms, by other keys, or over something that was changed."""

import base64
import re

import pytest

from passerelle.saml import xml, xmldsig
from passerelle.saml.errors import MessageError

from ..keys import key_pair
from ..response_builder import DS_NS, XS, Signing, response
from .cases import Attack, names, refuse, replaced


def algorithm(
    name: str, reason: str, *, digest: str = "sha256", key: str = "rsa", allow_sha1: bool = False
) -> Attack:
    return Attack(
        name=f"{name} with {digest} by {key}{', SHA-1 allowed' * allow_sha1}",
        reason=reason,
        parts={"signing": Signing(algorithm=name, digest=digest, key=key_pair(key), key_info="")},
        expected={"allow_sha1": True} if allow_sha1 else {},
    )


def key_info(inside: str) -> str:
    return f"<ds:KeyInfo>{inside}</ds:KeyInfo>"


def chain(*ders: bytes) -> str:
    certificates = (
        f"<ds:X509Certificate>{base64.b64encode(der).decode()}</ds:X509Certificate>" for der in ders
    )
    return key_info(f"<ds:X509Data>{''.join(certificates)}</ds:X509Data>")


def x509(der: bytes) -> str:
    return chain(der)


def stranger(name: str, reason: str, info: str | None, key: str = "stranger") -> Attack:
    algorithm = "ecdsa-sha256" if key.startswith("p") else "rsa-sha256"
    return Attack(
        name=name,
        reason=reason,
        parts={"signing": Signing(key=key_pair(key), key_info=info, algorithm=algorithm)},
    )


def odd_version() -> bytes:
    """A certificate of X.509 version 9, whose key made the signature all the same."""
    der = key_pair("stranger").der
    assert der.count(b"\xa0\x03\x02\x01\x02") == 1
    return der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x08")


KEYS = (
    algorithm("rsa-sha1", "algorithm_forbidden"),
    algorithm("rsa-sha256", "algorithm_forbidden", digest="sha1"),
    algorithm("rsa-md5", "algorithm_forbidden"),
    algorithm("rsa-md5", "algorithm_forbidden", allow_sha1=True),
    algorithm("rsa-sha256", "algorithm_forbidden", digest="md5", allow_sha1=True),
    algorithm("ecdsa-sha1", "algorithm_forbidden", key="p256", allow_sha1=True),
    algorithm("dsa-sha256", "algorithm_forbidden", key="dsa"),
    algorithm("hmac-sha256", "algorithm_forbidden"),
    algorithm("hmac-sha256", "algorithm_forbidden", allow_sha1=True),
    algorithm("ecdsa-sha256", "signature_invalid", key="p256k"),
    stranger("a stranger's key in KeyInfo", "certificate_unknown", None),
    stranger("a stranger's elliptic key in KeyInfo", "certificate_unknown", None, key="p384"),
    stranger("a stranger's key and no KeyInfo", "signature_invalid", ""),
    stranger("a stranger's key and our certificate", "signature_invalid", x509(key_pair().der)),
    stranger(
        "a stranger's key, our certificate before theirs",
        "certificate_unknown",
        chain(key_pair().der, key_pair("stranger").der),
    ),
    stranger(
        "a stranger's key, behind four other certificates",
        "certificate_unknown",
        chain(*[key_pair("next").der] * 4, key_pair("stranger").der),
    ),
    stranger(
        "a stranger's key, behind more certificates than are tried",
        "signature_invalid",
        chain(*[key_pair("next").der] * 5, key_pair("stranger").der),
    ),
    stranger(
        "a stranger's key, behind rubbish",
        "certificate_unknown",
        chain(b"0rubbish", key_pair("stranger").der),
    ),
    stranger(
        "a stranger's key as a KeyValue",
        "signature_invalid",
        key_info(
            "<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>AQAB</ds:Modulus>"
            "<ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue></ds:KeyValue>"
        ),
    ),
    stranger(
        "a stranger's key behind a RetrievalMethod",
        "signature_invalid",
        key_info('<ds:RetrievalMethod URI="https://evil.example/key.pem"/>'),
    ),
    stranger("rubbish as a certificate", "signature_invalid", x509(b"0rubbish")),
    stranger("an empty certificate", "signature_invalid", x509(b"")),
    stranger(
        "a certificate of a version that does not exist", "signature_invalid", x509(odd_version())
    ),
    stranger("a weak key", "signature_invalid", None, key="weak"),
    Attack(
        name="no certificate is trusted",
        reason="certificate_unknown",
        expected={"certificates": ()},
    ),
    Attack(
        name="no certificate is trusted nor named",
        reason="signature_invalid",
        parts={"signing": Signing(key_info="")},
        expected={"certificates": ()},
    ),
    Attack(
        name="an RSA signature where an elliptic key is trusted",
        reason="certificate_unknown",
        expected={"certificates": (key_pair("p256").certificate,)},
    ),
    *(
        Attack(
            name=f"{kind} where an elliptic key is trusted",
            reason="signature_invalid",
            parts={"signing": Signing(algorithm=kind, key_info="")},
            expected={"certificates": (key_pair("p256").certificate,)},
        )
        for kind in ("rsa-sha256", "sha256-rsa-MGF1")
    ),
    Attack(
        name="an elliptic signature where an RSA key is trusted",
        reason="signature_invalid",
        parts={"signing": Signing(algorithm="ecdsa-sha256", key=key_pair("p256"), key_info="")},
    ),
    Attack(
        name="an elliptic signature in DER",
        reason="signature_invalid",
        parts={
            "signing": Signing(
                algorithm="ecdsa-sha256",
                key=key_pair("p256"),
                edit_signature=lambda text: re.sub(
                    "(?s)(<ds:SignatureValue>).*(</ds:SignatureValue>)", r"\1MAYCAQECAQE=\2", text
                ),
            )
        },
        expected={"certificates": (key_pair("p256").certificate,)},
    ),
    Attack(
        name="an elliptic signature that says it is RSA",
        reason="signature_invalid",
        parts={
            "signing": Signing(
                algorithm="ecdsa-sha256",
                key=key_pair("p256"),
                edit_info=lambda text: text.replace("ecdsa-sha256", "rsa-sha256"),
            )
        },
        expected={"certificates": (key_pair("p256").certificate,)},
    ),
    Attack(
        name="the response signed by a stranger, the assertion by us",
        reason="certificate_unknown",
        parts={"signed": "both", "response_signing": Signing(key=key_pair("stranger"))},
    ),
    Attack(
        name="the assertion signed by a stranger, the response by us",
        reason="certificate_unknown",
        parts={
            "signed": "both",
            "signing": Signing(key=key_pair("stranger")),
            "response_signing": Signing(),
        },
    ),
    Attack(
        name="a good assertion in a response whose signature was broken",
        reason="signature_invalid",
        parts={"signed": "both"},
        change=replaced('InResponseTo="_request-1"', 'InResponseTo="_request-2"'),
    ),
)

CHANGES = (
    *(
        Attack(
            name=f"{name}, {base} signed",
            reason="signature_invalid",
            parts={"signed": base},
            change=replaced(old, new),
        )
        for base in ("assertion", "response")
        for name, old, new in (
            ("NameID changed", ">u-1<", ">u-2<"),
            ("NameID with a space", ">u-1<", ">u-1 <"),
            ("NameID Format changed", "persistent", "transient"),
            (
                "Audience added",
                "</saml:Audience>",
                "</saml:Audience><saml:Audience>x</saml:Audience>",
            ),
            (
                "attribute added",
                "</saml:Assertion>",
                '<saml:AttributeStatement><saml:Attribute Name="role"/></saml:AttributeStatement>'
                "</saml:Assertion>",
            ),
            ("xml:lang added", 'ID="_assertion"', 'xml:lang="en" ID="_assertion"'),
            ("text added", "</saml:Assertion>", "x</saml:Assertion>"),
        )
    ),
    Attack(
        name="a prefix of PrefixList bound to something else above",
        reason="signature_invalid",
        parts={"response_namespaces": XS, "signing": Signing(prefix_list="xs")},
        change=replaced("http://www.w3.org/2001/XMLSchema", "urn:example:other"),
    ),
)

ATTACKS = (*KEYS, *CHANGES)


@pytest.mark.parametrize("attack", ATTACKS, ids=names(ATTACKS))
def test_a_signature_of_something_else_is_refused(attack: Attack):
    refuse(attack)


def test_what_a_certificate_is_not_trusted_for_is_named():
    [attack] = [one for one in KEYS if one.name == "a stranger's key in KeyInfo"]
    check = attack.judged().checks[-1]
    stranger = key_pair("stranger").certificate
    assert check.received == stranger.fingerprint
    assert check.expected == key_pair().certificate.fingerprint
    assert check.values["subject"] == "CN=stranger of idp.example"
    assert check.values["not_after"] == "2039-01-01"


def test_sha1_is_refused_unless_it_is_allowed():
    message = response(signed="response", signing=Signing(algorithm="rsa-sha1", digest="sha1"))
    signature = xml.parse(message).find(f"{{{DS_NS}}}Signature")
    assert signature is not None
    with pytest.raises(MessageError) as raised:
        xmldsig.verify(signature, [key_pair().certificate])
    assert raised.value.reason == "algorithm_forbidden"
    allowed = xmldsig.verify(signature, [key_pair().certificate], allow_sha1=True)
    assert allowed.algorithm == xmldsig.RSA_SHA1
