"""A SAML assertion, read from verified bytes only (Core §2.3)."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from lxml import etree

from passerelle.saml import xml, xmlenc
from passerelle.saml.certificate import PrivateKey
from passerelle.saml.errors import MessageError
from passerelle.saml.names import (
    METHOD_BEARER,
    NAME_ID_ENTITY,
    NAME_ID_UNSPECIFIED,
    XSI_NIL,
    saml,
)
from passerelle.saml.xmldsig import VerifiedElement

_ATTRIBUTE, _ATTRIBUTE_VALUE = saml("Attribute"), saml("AttributeValue")
_KNOWN_CONDITIONS = {
    saml(name) for name in ("AudienceRestriction", "OneTimeUse", "ProxyRestriction")
}


MAX_ATTRIBUTES = 1_000
MAX_VALUES = 20_000
"""Of all attributes together: a person in 5,000 groups takes a quarter of it."""
MAX_NAME = 1_024
"""Characters of what names a person or a session: it is kept as long as the session, and repeated
when somebody signs out. A persistent NameID has at most 256 (Core §8.3.7)."""


class NameID(NamedTuple):
    """A NameID; asking for a logout repeats all of it (Core §3.7.1)."""

    value: str
    format: str
    name_qualifier: str = ""
    sp_name_qualifier: str = ""
    sp_provided_id: str = ""


class BearerConfirmation(NamedTuple):
    """What a bearer SubjectConfirmationData says (Profiles §4.1.4.2)."""

    recipient: str | None
    in_response_to: str | None
    not_before: datetime | None
    not_on_or_after: datetime | None


class Conditions(NamedTuple):
    not_before: datetime | None
    not_on_or_after: datetime | None
    audiences: tuple[tuple[str, ...], ...]
    """One tuple for each AudienceRestriction: names inside are alternatives, all must hold."""
    unknown: tuple[str, ...]


class Assertion(NamedTuple):
    id: str
    issuer: str
    issued_at: datetime
    version: str
    name_id: NameID | None
    confirmations: tuple[BearerConfirmation, ...]
    conditions: Conditions
    is_authentication: bool
    """Whether it states that the person was authenticated: without that, nobody signs in by it."""
    session_index: str | None
    session_not_on_or_after: datetime | None
    authenticated_at: datetime | None
    """The newest AuthnInstant."""
    authn_contexts: tuple[str, ...]
    """The class of each AuthnStatement: how the person was authenticated."""
    attributes: dict[str, tuple[str, ...]]
    """Values by the Attribute's Name exactly as sent, in document order."""
    friendly_names: dict[str, str]
    """The FriendlyName of those attributes that have one, by Name."""

    @property
    def named_attributes(self) -> dict[str, tuple[str, ...]]:
        """The attributes by Name, and by FriendlyName where that is nobody's Name."""
        friendly: dict[str, list[str]] = {}
        for name, other in self.friendly_names.items():
            friendly.setdefault(other, []).extend(self.attributes[name])
        return {**{name: tuple(found) for name, found in friendly.items()}, **self.attributes}


def read_assertion(verified: VerifiedElement, keys: Sequence[PrivateKey] = ()) -> Assertion:
    """Read an assertion, with `keys` for what is encrypted inside.

    Raises MessageError: wrong_message, issuer_mismatch (not an entity ID), malformed_message,
    attribute_without_name, message_too_large, decryption_failed, algorithm_forbidden.
    """
    element = verified.element
    if element.tag != saml("Assertion"):
        raise MessageError(
            "wrong_message", expected="an Assertion", received=xml.local_name(element.tag)
        )
    ours = xmlenc.OurKeys(keys)
    subject = xml.at_most_one(element, saml("Subject"))
    issued_at = xml.instant(element, "IssueInstant")
    if issued_at is None:
        raise MessageError("malformed_message", expected="an IssueInstant", received="none")
    statements = xml.children(element, saml("AuthnStatement"))
    index, ends = _session(statements)
    attributes, friendly_names = _attributes(element, ours)
    return Assertion(
        id=xml.required_attribute(element, "ID"),
        issuer=read_issuer(xml.exactly_one(element, saml("Issuer"))),
        issued_at=issued_at,
        version=element.get("Version") or "",
        name_id=None if subject is None else read_name_id(subject, ours),
        confirmations=() if subject is None else _confirmations(subject),
        conditions=_conditions(xml.at_most_one(element, saml("Conditions"))),
        is_authentication=bool(statements),
        session_index=index,
        session_not_on_or_after=ends,
        authenticated_at=max(
            (
                moment
                for statement in statements
                if (moment := xml.instant(statement, "AuthnInstant"))
            ),
            default=None,
        ),
        authn_contexts=tuple(
            found for statement in statements if (found := _authn_context(statement))
        ),
        attributes=attributes,
        friendly_names=friendly_names,
    )


def read_issuer(element: etree._Element) -> str:
    """The entity ID in an Issuer, which may be no other kind of name (Profiles §4.1.4.2)."""
    name_format = element.get("Format")
    if name_format not in (None, NAME_ID_ENTITY):
        raise MessageError(
            "issuer_mismatch",
            expected="an Issuer that is an entity ID",
            received=f"an Issuer of format {name_format}",
        )
    return xml.uri_of(element)


def read_name_id(parent: etree._Element, ours: xmlenc.OurKeys) -> NameID | None:
    """The NameID in a Subject or a request, encrypted or not; None where there is none."""
    element = xml.at_most_one(parent, saml("NameID"))
    encrypted = xml.at_most_one(parent, saml("EncryptedID"))
    if encrypted is not None:
        if element is not None:
            raise MessageError(
                "malformed_message", expected="one NameID or EncryptedID", received="both"
            )
        element = _decrypted(encrypted, saml("NameID"), ours)
    if element is None or not (value := xml.text_of(element)).strip():
        return None
    return NameID(
        _short("NameID", value),
        _short("Format", element.get("Format") or NAME_ID_UNSPECIFIED),
        *(
            _short(name, element.get(name) or "")
            for name in ("NameQualifier", "SPNameQualifier", "SPProvidedID")
        ),
    )


def _short(part: str, value: str) -> str:
    """A part of what names a person or a session, refused where nobody could keep it."""
    if len(value) > MAX_NAME:
        raise MessageError(
            "message_too_large",
            expected=f"{part} of at most {MAX_NAME} characters",
            received=f"{part} of {len(value)} characters",
            case="name",
            part=part,
            came=str(len(value)),
            most=str(MAX_NAME),
        )
    return value


def _decrypted(holder: etree._Element, tag: str, ours: xmlenc.OurKeys) -> etree._Element:
    """What is encrypted inside an assertion is covered by its signature, so that CBC will do."""
    return xmlenc.decrypt(holder, tag, ours, allow_cbc=True).element


def _confirmations(subject: etree._Element) -> tuple[BearerConfirmation, ...]:
    found = []
    for confirmation in xml.children(subject, saml("SubjectConfirmation")):
        data = xml.at_most_one(confirmation, saml("SubjectConfirmationData"))
        if confirmation.get("Method") == METHOD_BEARER and data is not None:
            found.append(
                BearerConfirmation(
                    recipient=data.get("Recipient"),
                    in_response_to=data.get("InResponseTo"),
                    not_before=xml.instant(data, "NotBefore"),
                    not_on_or_after=xml.instant(data, "NotOnOrAfter"),
                )
            )
    return tuple(found)


def _conditions(element: etree._Element | None) -> Conditions:
    if element is None:
        return Conditions(None, None, (), ())
    return Conditions(
        not_before=xml.instant(element, "NotBefore"),
        not_on_or_after=xml.instant(element, "NotOnOrAfter"),
        audiences=tuple(
            tuple(xml.uri_of(audience) for audience in xml.children(limit, saml("Audience")))
            for limit in xml.children(element, saml("AudienceRestriction"))
        ),
        unknown=tuple(
            xml.local_name(child.tag) for child in element if child.tag not in _KNOWN_CONDITIONS
        ),
    )


def _authn_context(statement: etree._Element) -> str | None:
    context = xml.at_most_one(statement, saml("AuthnContext"))
    found = None if context is None else xml.at_most_one(context, saml("AuthnContextClassRef"))
    return None if found is None else xml.uri_of(found)


def _session(statements: list[etree._Element]) -> tuple[str | None, datetime | None]:
    """The first SessionIndex, and the earliest end that any AuthnStatement sets."""
    indexes = [index for statement in statements if (index := statement.get("SessionIndex"))]
    ends = [
        end for statement in statements if (end := xml.instant(statement, "SessionNotOnOrAfter"))
    ]
    index = _short("SessionIndex", indexes[0]) if indexes else None
    return index, (min(ends) if ends else None)


def _attributes(
    element: etree._Element, ours: xmlenc.OurKeys
) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """The values by Name, and the FriendlyName by Name."""
    values: dict[str, list[str]] = {}
    friendly: dict[str, str] = {}
    sent = [
        child
        for statement in element.iterchildren(saml("AttributeStatement"))
        for child in statement.iterchildren(_ATTRIBUTE, saml("EncryptedAttribute"))
    ]
    _bound(len(sent), MAX_ATTRIBUTES, "attributes")
    count = sum(map(len, sent))
    _bound(count, MAX_VALUES, "values")
    for child in sent:
        attribute = child
        if child.tag != _ATTRIBUTE:
            attribute = _decrypted(child, _ATTRIBUTE, ours)
            count += len(attribute)
            _bound(count, MAX_VALUES, "values")
        name = attribute.get("Name")
        if not name:
            raise _nameless(attribute, values)
        values.setdefault(name, []).extend(_values(attribute))
        if other := attribute.get("FriendlyName"):
            friendly[name] = other
    return {name: tuple(found) for name, found in values.items()}, friendly


def _bound(count: int, most: int, what: str) -> None:
    """Refuse more than is read at a sign-in: rules look at each of them."""
    if count > most:
        raise MessageError(
            "message_too_large",
            expected=f"at most {most} {what}",
            received=f"{count} {what}",
            case=what,
            came=str(count),
            most=str(most),
        )


def _nameless(attribute: etree._Element, read: Iterable[str]) -> MessageError:
    """Those that came before it tell which mapping is meant; its values are the person's own."""
    return MessageError(
        "attribute_without_name",
        expected="a name on every attribute",
        received=attribute.get("FriendlyName") or "none",
        named=", ".join(read) or "—",
    )


def _values(attribute: etree._Element) -> Iterator[str]:
    for value in attribute.iterchildren(_ATTRIBUTE_VALUE):
        # Only eduPersonTargetedID and its like hold an element, a NameID: its text is the value.
        text = value.text if not len(value) else xml.all_text_of(value).strip()
        # What is nil is empty (XML Schema Part 1 §2.6.2): no other value has to be asked.
        if (text and not text.isspace()) or not _is_nil(value):
            yield text or ""


def _is_nil(value: etree._Element) -> bool:
    return value.get(XSI_NIL, "").strip(xml.WHITE_SPACE) in ("true", "1")
