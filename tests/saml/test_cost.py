"""The cost of judging grows in step with the message, whatever it is filled with.

Bounds are many times what a slow machine takes; quadratic cost exceeds them many times again. What
it takes of memory does not depend on the machine.
"""

import re
import time
from typing import Any

import pytest

from passerelle import saml
from passerelle.saml import xmlenc
from passerelle.saml.xml import MAX_BYTES, MAX_MARKS

from .encryption import Encryption, encrypted
from .keys import KeyPair, key_pair
from .measuring import judged_apart
from .response_builder import (
    DS_NS,
    SP,
    Signing,
    attribute,
    attributes,
    audiences,
    conditions,
    confirmation,
    expected,
    response,
    status,
)

pytestmark = pytest.mark.thorough

SECONDS = 10
ROOM = MAX_BYTES - 20_000
PREFIXES = " ".join(f'xmlns:p{number}="urn:p"' for number in range(16))
PREFIX_LIST = " ".join(f"p{number}" for number in range(16))


def filled(pattern: str, *, bounded: bool = True) -> str:
    """As many pieces, numbered, as there is room for, and as a message may hold."""
    count = ROOM // len(pattern.format(n=100_000))
    if bounded:
        marks = max(pattern.count("<"), pattern.count("="), 1)
        count = min(count, (MAX_MARKS - 1000) // marks)
    return "".join(pattern.format(n=number) for number in range(count))


def extensions(content: str) -> dict[str, Any]:
    return {"extensions": f"<samlp:Extensions>{content}</samlp:Extensions>"}


def behind_signing(content: str, place: str = "<samlp:Status>") -> dict[str, Any]:
    return {"edit_signed": lambda text: text.replace(place, content + place, 1)}


def in_signature(content: str, place: str) -> dict[str, Any]:
    return {"signing": Signing(edit_signature=lambda text: text.replace(place, place + content, 1))}


def counted(monkeypatch) -> list[int]:
    """How often a private key of ours is used from here on."""
    made, unwrapped = [0], xmlenc._unwrapped

    def counting(*given: Any) -> bytes | None:
        made[0] += 1
        return unwrapped(*given)

    monkeypatch.setattr(xmlenc, "_unwrapped", counting)
    return made


def encrypted_attribute(*readers: KeyPair) -> str:
    """Without identifiers, so that a message may have many of it."""
    encryption = Encryption(keys=readers, edit=lambda text: re.sub(r' Id="[^"]*"', "", text))
    return encrypted(attribute("a", "v"), "saml:EncryptedAttribute", encryption)


@pytest.mark.parametrize(("number", "strangers"), [(90, 7), (700, 0)])
def test_one_message_makes_so_many_operations_with_our_keys(monkeypatch, number, strangers):
    """Each encrypted attribute may have eight keys, and each is tried with each of ours."""
    made = counted(monkeypatch)
    readers = (*(key_pair("stranger"),) * strangers, key_pair("ours"))
    one = encrypted_attribute(*readers)
    message = response(attributes=attributes(one * number))
    judgement = saml.judge(message, expected())
    assert judgement.reason == "message_too_large"
    assert made[0] == xmlenc.MAX_OPERATIONS
    detail, fix = saml.explain(judgement.checks[-1])
    assert "500" in detail and "as a whole" in (fix or "")


def test_a_hundred_attributes_that_are_encrypted_each_by_itself_are_read(monkeypatch):
    made = counted(monkeypatch)
    one = encrypted_attribute(key_pair("ours"))
    ours = tuple(key_pair(name).private for name in ("rsa", "stranger", "next", "ours"))
    message = response(attributes=attributes(one * 100))
    assert saml.judge(message, expected(decryption_keys=ours)).accepted
    assert made[0] == 400


SIGNATURE = f'<S:Signature xmlns:S="{DS_NS}"/>'
SHORT_ATTRIBUTES = " ".join(f'{name}=""' for name in "abcdefghijklmnopqrstuvwxyz")
CASES: dict[str, tuple[dict[str, Any], str | None]] = {
    "elements": (extensions(filled("<x/>")), None),
    "elements in a signed response": ({"signed": "response", **extensions(filled("<x/>"))}, None),
    "identifiers": (extensions(filled('<x ID="i{n}"/>')), None),
    "identifiers, all the same": (
        behind_signing(filled('<x ID="i"/>')),
        "signature_profile_forbidden",
    ),
    "namespaces": ({"signed": "response", **extensions(filled('<x xmlns="urn:{n}"/>'))}, None),
    "prefixes": (
        extensions("<x " + filled('xmlns:p{n}="urn:p" ') + "/>"),
        "malformed_message",
    ),
    "attributes": (extensions("<x " + filled('a{n}="" ') + "/>"), "malformed_message"),
    "a namespace name that each element repeats": (
        {
            "response_namespaces": f'xmlns:p="urn:{"x" * 240}"',
            "signed": "response",
            **extensions(filled("<p:x/>")),
        },
        "message_too_large",
    ),
    "prefixes of a PrefixList, looked up at each of many deep elements": (
        {
            "signed": "response",
            "signing": Signing(prefix_list=PREFIX_LIST),
            "response_namespaces": PREFIXES,
            **extensions("<x>" * 60 + filled("<x/>") + "</x>" * 60),
        },
        None,
    ),
    "signatures": (behind_signing(filled(SIGNATURE)), "signature_profile_forbidden"),
    "signatures in the assertion": (
        behind_signing(filled(SIGNATURE), "<saml:Subject>"),
        "signature_profile_forbidden",
    ),
    "assertions": (
        behind_signing(filled("<saml:Assertion/><saml:EncryptedAssertion/>")),
        "message_too_large",
    ),
    "SignedInfo": (in_signature(filled("<x/>"), "<ds:SignedInfo>"), "signature_profile_forbidden"),
    "SignedInfo that would be a thousand times larger in canonical form": (
        {
            "response_namespaces": f'xmlns:p="urn:{"x" * 240}"',
            **in_signature(filled("<p:x/>"), "<ds:SignedInfo>"),
        },
        "message_too_large",
    ),
    "KeyInfo": (in_signature(filled("<x/>"), "<ds:KeyInfo>"), None),
    "a certificate of many beginnings": (
        {
            "signing": Signing(
                edit_signature=lambda text: re.sub(
                    "(?s)(<ds:SignatureValue>).*(<ds:X509Certificate>)",
                    lambda found: (
                        f"{found[1]}AA==</ds:SignatureValue><ds:KeyInfo><ds:X509Data>"
                        + found[2]
                        + filled("-----BEGIN CERTIFICATE-----")
                    ),
                    text,
                )
            )
        },
        "signature_invalid",
    ),
    "processing instructions": (extensions(filled("<?x?>")), "malformed_message"),
    "comments": (extensions(filled("x<!---->")), None),
    "CDATA": (extensions(filled("<![CDATA[x]]>")), None),
    "character references": (extensions(filled("&#10;")), None),
    "statuses": (
        {"status": status("x", filled('<samlp:StatusCode Value="x"/>'))},
        "message_too_large",
    ),
    "confirmations": ({"confirmations": confirmation(recipient="x") * 6000}, "recipient_mismatch"),
    "audiences": ({"conditions": conditions(audiences(SP) * 15_000)}, None),
    "attributes of a person": (
        {"attributes": attributes(*(attribute(f"a{n}", "v") for n in range(14_000)))},
        "message_too_large",
    ),
    "values": (
        {"attributes": attributes(attribute("a", *["v"] * 38_000))},
        "message_too_large",
    ),
    "values, as many as are read": (
        {"attributes": attributes(attribute("a", *["v" * 40] * 20_000))},
        None,
    ),
    "what looks like namespaces": (extensions(filled(" xmlns='")), None),
    "what looks like namespaces in both quotes": (extensions(filled(" xmlns=\" xmlns='")), None),
    "prefixes of prefixes that look like namespaces": (extensions(filled("xmlns:")), None),
    "what looks like namespaces without an end": (extensions(filled("xmlns:p")), None),
    "attributes of a person, all of one name": (
        {"attributes": attributes(*(attribute("a", "v") for _ in range(14_000)))},
        "message_too_large",
    ),
    "more elements than there may be": (
        extensions(filled("a<b/>", bounded=False)),
        "message_too_large",
    ),
    "more attributes than there may be": (
        extensions(filled("<b " + SHORT_ATTRIBUTES + "/>", bounded=False)),
        "message_too_large",
    ),
    "short attributes": (
        {"signed": "response", **extensions(filled("<b " + SHORT_ATTRIBUTES + "/>"))},
        None,
    ),
    "attributes of many prefixes, each of which each element repeats": (
        {
            "response_namespaces": " ".join(
                f'xmlns:p{number}="urn:{"x" * 240}{number}"' for number in range(60)
            ),
            "signed": "response",
            **extensions(filled("<x " + " ".join(f'p{n}:x=""' for n in range(60)) + "/>")),
        },
        "message_too_large",
    ),
    "a prefix that Python would divide": (
        {
            "response_namespaces": f'xmlns:p\u1680q="urn:{"x" * 240}"',
            "signed": "response",
            **extensions(filled("<p\u1680q:x/>")),
        },
        "message_too_large",
    ),
    "as large in canonical form as it may be": (
        {
            "response_namespaces": f'xmlns:p="urn:{"x" * 240}"',
            "signed": "response",
            **extensions("<p:x/>" * 10_000 + "x" * (ROOM - 60_000)),
        },
        None,
    ),
    "spaces behind what looks like a namespace": (extensions(" xmlns" + " " * ROOM), None),
}


MEGABYTES = 100


@pytest.mark.parametrize(("parts", "reason"), CASES.values(), ids=CASES)
def test_two_mebibytes_are_judged_in_linear_time_and_bounded_memory(parts, reason, tmp_path):
    message = response(**parts)
    assert 100_000 < len(message) <= MAX_BYTES
    taken = judged_apart(message, tmp_path)
    assert taken.reason == reason
    assert taken.seconds < SECONDS
    assert taken.megabytes < MEGABYTES


def test_certificates_of_many_beginnings_are_refused_in_linear_time():
    from passerelle.saml.errors import CertificateError

    before = time.process_time()
    with pytest.raises(CertificateError):
        saml.load_certificates(b"-----BEGIN CERTIFICATE-----" * 80_000)
    assert time.process_time() - before < SECONDS
