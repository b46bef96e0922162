"""Single logout (Core §3.7, Profiles §4.4): ask for it, be asked for it, answer."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from lxml import etree

from passerelle.saml import xml, xmlenc
from passerelle.saml.assertion import NameID, read_issuer, read_name_id
from passerelle.saml.certificate import PrivateKey
from passerelle.saml.errors import MessageError
from passerelle.saml.names import (
    ASSERTION_NS,
    NAME_ID_UNSPECIFIED,
    PROTOCOL_NS,
    STATUS_RESPONDER,
    STATUS_SUCCESS,
    saml,
    samlp,
)
from passerelle.saml.xmldsig import VerifiedElement

LIFETIME = timedelta(minutes=5)
"""How long a request that names no end of its own is valid."""


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """Who is to be signed out: of these sessions, or of all where none is named."""

    id: str
    issued_at: datetime
    name_id: NameID
    session_indexes: tuple[str, ...]


def build_logout_request(
    *,
    request_id: str,
    issued_at: datetime,
    destination: str,
    sp_entity_id: str,
    name_id: NameID,
    session_index: str | None,
) -> etree._Element:
    root = _message("LogoutRequest", request_id, issued_at, destination, sp_entity_id)
    root.set("NotOnOrAfter", xml.written(issued_at + LIFETIME))
    element = etree.SubElement(root, saml("NameID"))
    name_format = "" if name_id.format == NAME_ID_UNSPECIFIED else name_id.format
    for name, value in (
        ("NameQualifier", name_id.name_qualifier),
        ("SPNameQualifier", name_id.sp_name_qualifier),
        ("Format", name_format),
        ("SPProvidedID", name_id.sp_provided_id),
    ):
        if value:
            element.set(name, value)
    element.text = name_id.value
    if session_index:
        etree.SubElement(root, samlp("SessionIndex")).text = session_index
    return root


def build_logout_response(
    *,
    response_id: str,
    issued_at: datetime,
    destination: str,
    sp_entity_id: str,
    in_response_to: str,
    message: str = "",
    refused_as: str = "",
) -> etree._Element:
    """An answer: success, or what stood in the way, as a status of the second level (§3.2.2.2)."""
    root = _message("LogoutResponse", response_id, issued_at, destination, sp_entity_id)
    root.set("InResponseTo", in_response_to)
    status = etree.SubElement(root, samlp("Status"))
    first = STATUS_RESPONDER if refused_as else STATUS_SUCCESS
    code = etree.SubElement(status, samlp("StatusCode"), Value=first)
    if refused_as:
        etree.SubElement(code, samlp("StatusCode"), Value=refused_as)
    if message:
        etree.SubElement(status, samlp("StatusMessage")).text = message
    return root


def _message(
    name: str, message_id: str, issued_at: datetime, destination: str, issuer: str
) -> etree._Element:
    root = etree.Element(
        samlp(name),
        nsmap={"samlp": PROTOCOL_NS, "saml": ASSERTION_NS},
        ID=message_id,
        Version="2.0",
        IssueInstant=xml.written(issued_at),
        Destination=destination,
    )
    etree.SubElement(root, saml("Issuer")).text = issuer
    return root


def read_logout_request(
    verified: VerifiedElement,
    *,
    idp_entity_id: str,
    destination: str,
    now: datetime,
    clock_skew: timedelta,
    keys: tuple[PrivateKey, ...] = (),
) -> LogoutRequest:
    """Read and judge a request whose signature holds.

    Raises MessageError: wrong_message, unsupported_version, issuer_mismatch, destination_mismatch,
    expired, not_yet_valid, name_id_missing, malformed_message, message_too_large,
    decryption_failed.
    """
    root = verified.element
    if root.tag != samlp("LogoutRequest"):
        raise MessageError(
            "wrong_message", expected="a LogoutRequest", received=xml.local_name(root.tag)
        )
    if (version := root.get("Version")) != "2.0":
        raise MessageError("unsupported_version", expected="2.0", received=version or "none")
    issuer = read_issuer(xml.exactly_one(root, saml("Issuer")))
    if issuer != idp_entity_id:
        raise MessageError("issuer_mismatch", expected=idp_entity_id, received=issuer)
    if (sent_to := root.get("Destination")) != destination:
        raise MessageError("destination_mismatch", expected=destination, received=sent_to or "none")
    issued_at = _check_times(root, now, clock_skew)
    name_id = read_name_id(root, xmlenc.OurKeys(keys))
    if name_id is None:
        raise MessageError("name_id_missing", expected="a NameID", received="none")
    # It may stand on a line of its own; what a session keeps was an attribute, and never does.
    sent = (xml.text_of(one) for one in xml.children(root, samlp("SessionIndex")))
    indexes = tuple(index.strip(xml.WHITE_SPACE) for index in sent)
    return LogoutRequest(xml.required_attribute(root, "ID"), issued_at, name_id, indexes)


def _check_times(root: etree._Element, now: datetime, skew: timedelta) -> datetime:
    """When it was issued, where that is neither too long ago nor still to come."""
    issued_at = xml.instant(root, "IssueInstant")
    if issued_at is None:
        raise MessageError("malformed_message", expected="an IssueInstant", received="none")
    if issued_at - now > skew:
        _refuse_time("not_yet_valid", now, issued_at, skew)
    end = xml.instant(root, "NotOnOrAfter")
    # Differences of times, never sums: an end in the year 9999 has nothing after it.
    if now - issued_at >= LIFETIME + skew or (end is not None and now - end >= skew):
        _refuse_time("expired", now, end or issued_at, skew)
    return issued_at


def _refuse_time(reason: str, now: datetime, limit: datetime, skew: timedelta) -> None:
    raise MessageError(
        reason,
        expected=xml.written(now),
        received=xml.written(limit),
        seconds=str(abs(round((now - limit).total_seconds()))),
        skew=str(round(skew.total_seconds())),
    )
