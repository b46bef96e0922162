"""A SAML response, judged: bytes in, a verdict with every check out (Profiles §4.1.4.3)."""

import base64
import binascii
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from lxml import etree

from passerelle.saml import checks, xml, xmldsig
from passerelle.saml.assertion import Assertion, read_assertion, read_issuer
from passerelle.saml.certificate import Certificate
from passerelle.saml.checks import Check, Envelope, Expected, Received
from passerelle.saml.errors import MessageError
from passerelle.saml.names import (
    ASSERTION_NS,
    SAML1_PROTOCOL_NS,
    STATUS_SUCCESS,
    ds,
    saml,
    samlp,
)

_ENCRYPTED = saml("EncryptedAssertion")
T = TypeVar("T")


@dataclass(slots=True)
class Judgement:
    """The verdict on one response: every check that could be made, in the order made."""

    checks: list[Check] = field(default_factory=list)
    verified: Assertion | None = None
    """Read from verified bytes, but perhaps refused: for explanations, never for signing in."""
    certificate: Certificate | None = None

    @property
    def reason(self) -> str | None:
        return next((check.reason for check in self.checks if not check.passed), None)

    @property
    def accepted(self) -> bool:
        return self.verified is not None and self.reason is None

    @property
    def assertion(self) -> Assertion:
        """The accepted assertion. Raises MessageError when the response was refused."""
        if self.verified is None or self.reason is not None:
            raise MessageError(self.reason or "malformed_message")
        return self.verified


@dataclass(frozen=True, slots=True)
class Peek:
    """What an unverified response claims to be: enough to find the request, nothing to trust."""

    in_response_to: str | None
    issuer: str | None


def decode_response(field_value: str | bytes) -> bytes:
    """The XML of a SAMLResponse form field (Bindings §3.5.4), or of a file holding one or XML.

    Raises MessageError: malformed_message, message_too_large.
    """
    # A lone surrogate stays one: neither base64 nor UTF-8, so it is refused like other bad text.
    raw = field_value
    if isinstance(raw, str):
        raw = raw.encode(errors="surrogatepass")
    if raw.lstrip().startswith((b"<", b"\x00<", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        return raw
    if len(raw) > xml.MAX_BYTES * 3 // 2:
        raise MessageError(
            "message_too_large",
            expected=f"at most {xml.MAX_BYTES} bytes",
            received=f"about {len(raw) * 3 // 4} bytes",
        )
    try:
        return base64.b64decode(b"".join(raw.split()), validate=True)
    except (binascii.Error, ValueError):
        raise MessageError(
            "malformed_message", expected="a response in base64", received="text that is not base64"
        ) from None


def peek(message: bytes) -> Peek:
    """Read what a response claims, without verifying it. Raises MessageError."""
    root = xml.parse(message)
    issuer = root.findtext(saml("Issuer"))
    return Peek(root.get("InResponseTo"), issuer and issuer.strip())


def judge(message: bytes, expected: Expected) -> Judgement:
    """Judge one response and explain it. Never raises for what a message contains."""
    judgement = Judgement()
    made = judgement.checks
    root = _made(made, "message", lambda: xml.parse(message))
    if root is None or not _made(made, "message_type", lambda: _check_type(root)):
        return judgement
    if not _made(made, "status", lambda: _check_status(root)):
        return judgement
    signed = _made(made, "signature", lambda: _verify(root, expected))
    if signed is None:
        return judgement
    judgement.certificate = signed.assertion.certificate
    envelope = _made(made, "assertion", lambda: _read_envelope(signed.response, root))
    assertion = _made(made, "assertion", lambda: read_assertion(signed.assertion))
    if envelope is None or assertion is None:
        return judgement
    judgement.verified = assertion
    received = Received(envelope, assertion)
    made.extend(check for make in checks.CHECKS if (check := make(received, expected)))
    return judgement


def _made(made: list[Check], name: str, step: Callable[[], T]) -> T | None:
    """Make one step of reading and record it; a step with nothing to show records nothing."""
    try:
        result = step()
    except MessageError as error:
        name = checks.check_of_reason(error.reason, name)
        made.append(
            Check(name, False, error.expected, error.received, error.reason, dict(error.values))
        )
        return None
    if isinstance(result, _Signed):
        made.append(result.check)
    elif name in ("message", "message_type", "status"):
        made.append(Check(name, True))
    return result


def _check_type(root: etree._Element) -> bool:
    if root.tag.startswith(f"{{{SAML1_PROTOCOL_NS}}}"):
        raise MessageError("unsupported_version", expected="2.0", received="1.x")
    if root.tag != samlp("Response"):
        raise MessageError(
            "wrong_message", expected="a SAML Response", received=xml.local_name(root.tag)
        )
    version = root.get("Version")
    if version != "2.0":
        raise MessageError("unsupported_version", expected="2.0", received=version or "none")
    xml.required_attribute(root, "ID")
    return True


def _check_status(root: etree._Element) -> bool:
    status = xml.exactly_one(root, samlp("Status"))
    code = xml.exactly_one(status, samlp("StatusCode"))
    if code.get("Value") == STATUS_SUCCESS:
        return True
    codes = [code.get("Value") or "none"]
    codes += [inner.get("Value") or "none" for inner in code.iterfind(samlp("StatusCode"))]
    message = (status.findtext(samlp("StatusMessage")) or "").strip()
    raise MessageError(
        "status_not_success",
        expected="Success",
        received=" / ".join(one.rpartition(":")[2] for one in codes),
        message=message,
    )


@dataclass(frozen=True, slots=True)
class _Signed:
    """The parts of a response whose signature holds: the assertion always, the response perhaps."""

    assertion: xmldsig.VerifiedElement
    response: xmldsig.VerifiedElement | None

    @property
    def check(self) -> Check:
        signer = self.assertion.certificate
        covered = "assertion" if self.response is None else "response"
        algorithm = self.assertion.algorithm.rpartition("#")[2]
        return Check(
            "signature",
            True,
            signer.fingerprint,
            signer.fingerprint,
            None,
            {"algorithm": algorithm, "covered": covered, "fingerprint": signer.fingerprint},
        )


def _verify(root: etree._Element, expected: Expected) -> _Signed:
    """Find the signatures where SAML puts them, verify each, and keep only what they cover."""
    # One pass over the tree: the union of two node sets would take quadratic time.
    assertions = list(root.iter(saml("Assertion"), _ENCRYPTED))
    if len(assertions) > 1:
        raise MessageError(
            "assertion_count", expected="one assertion", received=f"{len(assertions)}"
        )
    of_response = _signature_of(root)
    assertion = assertions[0] if assertions else None
    of_assertion = None if assertion is None else _signature_of(assertion)
    _refuse_strange_places(root, assertion, (of_response, of_assertion))
    if (
        of_response is None
        and of_assertion is None
        and (assertion is None or assertion.tag != _ENCRYPTED)
    ):
        raise MessageError(
            "signature_missing", expected="a signed response or assertion", received="neither"
        )
    keys, sha1 = expected.certificates, expected.allow_sha1
    # Verifying takes a signature out: the response's first, since it covers the assertion's.
    verified_response, verified_assertion = (
        None if signature is None else xmldsig.verify(signature, keys, allow_sha1=sha1)
        for signature in (of_response, of_assertion)
    )
    if assertion is None:
        raise MessageError("assertion_count", expected="one assertion", received="none")
    if assertion.tag == _ENCRYPTED:
        raise MessageError(
            "decryption_failed",
            expected="an assertion that is not encrypted",
            received="an EncryptedAssertion",
        )
    if verified_assertion is None:
        assert verified_response is not None
        verified_assertion = verified_response.child(saml("Assertion"))
    return _Signed(verified_assertion, verified_response)


def _signature_of(element: etree._Element) -> etree._Element | None:
    found = element.findall(ds("Signature"))
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
) -> None:
    """Refuse what signature wrapping needs: a moved assertion, a stray signature, a shared ID."""
    parent = root if assertion is None else assertion.getparent()
    if parent is not None and parent is not root:
        raise MessageError(
            "assertion_count",
            expected="one assertion directly in the Response",
            received=f"one in {xml.local_name(parent.tag)}",
        )
    found = sum(1 for _ in root.iter(ds("Signature")))
    stray = found - sum(one is not None for one in signatures)
    if stray:
        raise MessageError(
            "signature_profile_forbidden",
            expected="signatures only on the response and its assertion",
            received=f"{stray} elsewhere",
        )
    [(twice, times)] = Counter(xml.ids(root)).most_common(1)
    if times > 1:
        raise MessageError(
            "signature_profile_forbidden",
            expected="each ID once",
            received=f"more than once: {twice}",
        )


def _read_envelope(verified: xmldsig.VerifiedElement | None, root: etree._Element) -> Envelope:
    """What the response says around its assertion, from signed bytes where it is signed."""
    element = root if verified is None else verified.element
    issuer = xml.at_most_one(element, f"{{{ASSERTION_NS}}}Issuer")
    return Envelope(
        signed=verified is not None,
        issuer=None if issuer is None else read_issuer(issuer),
        destination=element.get("Destination"),
        in_response_to=element.get("InResponseTo"),
    )
