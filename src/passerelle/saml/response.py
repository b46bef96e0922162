"""A SAML response, judged: bytes in, a verdict with every check out (Profiles §4.1.4.3)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from lxml import etree

from passerelle.saml import checks, xml
from passerelle.saml.assertion import Assertion, read_assertion, read_issuer
from passerelle.saml.certificate import Certificate
from passerelle.saml.checks import Check, Envelope, Expected, Received
from passerelle.saml.errors import MessageError, shortened
from passerelle.saml.names import (
    ASSERTION_NS,
    SAML1_PROTOCOL_NS,
    STATUS_SUCCESS,
    saml,
    samlp,
)
from passerelle.saml.signed_parts import SignedParts, verify_parts
from passerelle.saml.xmldsig import VerifiedElement

T = TypeVar("T")


@dataclass(slots=True)
class Judgement:
    """The verdict on one response: every check that could be made, in the order made."""

    checks: list[Check] = field(default_factory=list)
    verified: Assertion | None = None
    """Read from verified bytes, but perhaps refused: for explanations, never for signing in."""
    certificate: Certificate | None = None
    claimed_issuer: str | None = None
    """Who the message says it is from, unverified: it only chooses the words of explanations."""
    stranger: Certificate | None = None
    """The certificate in the message, not trusted, that its signature was made with."""

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


class Peek(NamedTuple):
    """What an unverified response claims to be: enough to find the request, nothing to trust."""

    in_response_to: str | None
    issuer: str | None
    is_about_logout: bool = False


def decode_response(field_value: str | bytes) -> bytes:
    """The XML of a SAMLResponse form field (Bindings §3.5.4), or of a file holding one or XML.

    Raises MessageError: malformed_message, message_too_large.
    """
    # A lone surrogate stays one: neither base64 nor UTF-8, so it is refused like other bad text.
    raw = field_value
    if isinstance(raw, str):
        raw = raw.encode(errors="surrogatepass")
    if raw.lstrip(xml.WHITE_SPACE.encode()).startswith(
        (b"<", b"\x00<", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")
    ):
        return raw
    if len(raw) > xml.MAX_BYTES * 3 // 2:
        raise MessageError(
            "message_too_large",
            expected=f"at most {xml.MAX_BYTES} bytes",
            received=f"about {len(raw) * 3 // 4} bytes",
        )
    try:
        return xml.decode_base64(raw)
    except ValueError:
        raise MessageError(
            "malformed_message", expected="a response in base64", received="text that is not base64"
        ) from None


def peek(message: bytes) -> Peek:
    """Read what a response claims, without verifying it. Raises MessageError."""
    root = xml.parse(message)
    issuer = root.findtext(saml("Issuer"))
    about_logout = root.tag == samlp("LogoutResponse")
    return Peek(root.get("InResponseTo"), issuer and issuer.strip(xml.WHITE_SPACE), about_logout)


def judge(message: bytes, expected: Expected) -> Judgement:
    """Judge one response and explain it. Never raises for what a message contains."""
    judgement = Judgement()
    made = judgement.checks
    root = _made(made, "message", lambda: xml.parse(message))
    judgement.claimed_issuer = None if root is None else _claimed_issuer(root)
    if root is None or not _made(made, "message_type", lambda: _check_type(root)):
        return judgement
    if not _made(made, "status", lambda: _check_status(root)):
        return judgement
    signed = _made(made, "signature", lambda: verify_parts(root, expected))
    if signed is None:
        other = _other_issuer(root, expected.idp_entity_id)
        if other and made[-1].reason in ("certificate_unknown", "signature_invalid"):
            made[-1] = _of_another(made[-1], other, expected)
        judgement.stranger = made[-1].certificate
        return judgement
    judgement.certificate = signed.assertion.certificate
    envelope = _made(made, "assertion", lambda: _read_envelope(signed.response, root))
    keys = expected.decryption_keys
    assertion = _made(made, "assertion", lambda: read_assertion(signed.assertion, keys))
    if envelope is None or assertion is None:
        return judgement
    judgement.verified = assertion
    received = Received.of(envelope, assertion, expected)
    made.extend(check for make in checks.CHECKS if (check := make(received, expected)))
    return judgement


def _claimed_issuer(root: etree._Element) -> str | None:
    return next((one.text for one in root.iterchildren(saml("Issuer"))), None)


def _other_issuer(root: etree._Element, idp_entity_id: str) -> str | None:
    """Who else the message says it is from, unverified: only for the explanation."""
    places = (saml("Issuer"), f"{saml('Assertion')}/{saml('Issuer')}")
    claimed = [(root.findtext(place) or "").strip(xml.WHITE_SPACE) for place in places]
    return next((one for one in claimed if one and one != idp_entity_id), None)


def _of_another(failed: Check, issuer: str, expected: Expected) -> Check:
    """What failed, as another provider's: trusting its certificate would trust that provider."""
    shown = shortened(issuer)
    return failed._replace(
        expected=expected.idp_entity_id,
        received=shown,
        values={**failed.values, "case": "other_issuer", "issuer": shown},
        certificate=None,
    )


def _made(made: list[Check], name: str, step: Callable[[], T]) -> T | None:
    """Make one step of reading and record it; a step with nothing to show records nothing."""
    try:
        result = step()
    except MessageError as error:
        made.append(Check.failed(name, error))
        return None
    if isinstance(result, SignedParts):
        made.extend(result.checks)
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


def _read_envelope(verified: VerifiedElement | None, root: etree._Element) -> Envelope:
    """What the response says around its assertion, from signed bytes where it is signed."""
    element = root if verified is None else verified.element
    issuer = xml.at_most_one(element, f"{{{ASSERTION_NS}}}Issuer")
    return Envelope(
        signed=verified is not None,
        issuer=None if issuer is None else read_issuer(issuer),
        destination=element.get("Destination"),
        in_response_to=element.get("InResponseTo"),
    )
