"""What of a response can be believed: the parts that a trusted signature covers.

Signatures are looked for only where SAML puts them. An encrypted assertion is decrypted, and is
believed when the response around its ciphertext is signed, or when it is signed itself, or both.
"""

from collections import Counter
from typing import NamedTuple

from lxml import etree

from passerelle.saml import xml, xmldsig, xmlenc
from passerelle.saml.checks import Check, Expected
from passerelle.saml.errors import MessageError
from passerelle.saml.names import saml
from passerelle.saml.xmldsig import VerifiedElement

ASSERTION = saml("Assertion")
ENCRYPTED = saml("EncryptedAssertion")


class SignedParts(NamedTuple):
    """The parts of a response whose signature holds: the assertion always, the response perhaps."""

    assertion: VerifiedElement
    response: VerifiedElement | None
    encryption: str | None = None
    """The algorithm that the assertion was encrypted with."""

    @property
    def checks(self) -> list[Check]:
        signer = self.assertion.certificate
        covered = "assertion" if self.response is None else "response"
        values = {
            "algorithm": self.assertion.algorithm.rpartition("#")[2],
            "covered": covered,
            "fingerprint": signer.fingerprint,
        }
        made = [Check("signature", True, signer.fingerprint, signer.fingerprint, None, values)]
        if self.encryption is not None:
            values = {"algorithm": self.encryption.rpartition("#")[2]}
            made.insert(len(made) * bool(self.response), Check("decryption", True, values=values))
        return made


def verify_parts(root: etree._Element, expected: Expected) -> SignedParts:
    """Find the signatures where SAML puts them, verify each, and keep only what they cover.

    Raises MessageError: assertion_count, signature_missing, signature_profile_forbidden,
    decryption_failed, and what `xmldsig.verify` raises.
    """
    assertion = _only_assertion(root)
    is_encrypted = assertion is not None and assertion.tag == ENCRYPTED
    of_response = _signature_of(root)
    of_assertion = None if assertion is None or is_encrypted else _signature_of(assertion)
    _refuse_strange_places(root, assertion, (of_response, of_assertion))
    if of_response is None and of_assertion is None and not is_encrypted:
        raise _unsigned()
    # Verifying takes a signature out: the response's first, since it covers the assertion's.
    response = None if of_response is None else _verified(of_response, expected)
    if assertion is None:
        raise MessageError("assertion_count", expected="one assertion", received="none")
    if is_encrypted:
        return _verify_encrypted(root, response, expected)
    if of_assertion is not None:
        return SignedParts(_verified(of_assertion, expected), response)
    assert response is not None
    return SignedParts(response.child(ASSERTION), response)


def _verify_encrypted(
    root: etree._Element, response: VerifiedElement | None, expected: Expected
) -> SignedParts:
    """Decrypt the assertion from verified bytes where there are any, and verify its own signature.

    Without a signature around the ciphertext a stranger can have changed it. GCM notices; CBC does
    not, and then each failure up to a valid signature inside has to look the same.
    """
    holder = xml.exactly_one(root if response is None else response.element, ENCRYPTED)
    decrypted = xmlenc.decrypt(
        holder,
        ASSERTION,
        xmlenc.OurKeys(expected.decryption_keys),
        allow_cbc=expected.allow_cbc or response is not None,
    )
    try:
        assertion = _verify_decrypted(decrypted.element, holder, response, expected)
    except MessageError:
        if response is None and not decrypted.authenticated:
            raise xmlenc.secret_failure() from None
        raise
    return SignedParts(assertion, response, decrypted.algorithm)


def _verify_decrypted(
    assertion: etree._Element,
    holder: etree._Element,
    response: VerifiedElement | None,
    expected: Expected,
) -> VerifiedElement:
    _only_assertion(assertion)
    signature = _signature_of(assertion)
    _refuse_strange_places(assertion, None, (signature,), beside=holder.getroottree().getroot())
    if signature is not None:
        return _verified(signature, expected)
    if response is None:
        raise _unsigned()
    return response.decrypted(assertion)


def _verified(signature: etree._Element, expected: Expected) -> VerifiedElement:
    return xmldsig.verify(signature, expected.certificates, allow_sha1=expected.allow_sha1)


def _unsigned() -> MessageError:
    return MessageError(
        "signature_missing", expected="a signed response or assertion", received="neither"
    )


def _only_assertion(root: etree._Element) -> etree._Element | None:
    # One pass over the tree: the union of two node sets would take quadratic time.
    found = list(root.iter(ASSERTION, ENCRYPTED))
    if len(found) > 1:
        raise MessageError("assertion_count", expected="one assertion", received=f"{len(found)}")
    return found[0] if found else None


def _signature_of(element: etree._Element) -> etree._Element | None:
    found = xml.children(element, xml.SIGNATURE)
    if len(found) > 1:
        raise MessageError(
            "signature_profile_forbidden",
            expected=f"one Signature in {xml.local_name(element.tag)}",
            received=f"{len(found)}",
        )
    return found[0] if found else None


def _refuse_strange_places(
    root: etree._Element,
    assertion: etree._Element | None,
    signatures: tuple[etree._Element | None, ...],
    *,
    beside: etree._Element | None = None,
) -> None:
    """Refuse what signature wrapping needs: a moved assertion, a stray signature, a shared ID."""
    parent = root if assertion is None else assertion.getparent()
    if parent is not None and parent is not root:
        raise MessageError(
            "assertion_count",
            expected="one assertion directly in the Response",
            received=f"one in {xml.local_name(parent.tag)}",
        )
    found = sum(1 for _ in root.iter(xml.SIGNATURE))
    stray = found - sum(signature is not None for signature in signatures)
    if stray:
        raise MessageError(
            "signature_profile_forbidden",
            expected="signatures only on the response and its assertion",
            received=f"{stray} elsewhere",
        )
    identifiers = xml.ids(root) + ([] if beside is None else xml.ids(beside))
    if len(set(identifiers)) < len(identifiers):
        [(twice, _times)] = Counter(identifiers).most_common(1)
        raise MessageError(
            "signature_profile_forbidden",
            expected="each ID once",
            received=f"more than once: {twice}",
        )
