"""From the attributes that identity providers send to a Profile, without configuration."""

import unicodedata
from dataclasses import dataclass

from passerelle.provisioning.email_address import EmailAddress, parse_email
from passerelle.provisioning.model import Attributes, Profile

_CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
_MICROSOFT = "http://schemas.microsoft.com/ws/2008/06/identity/claims/"

# Compared without regard to case; the first that holds a usable value wins.
EMAIL_NAMES = (
    "email",
    "mail",
    "emailaddress",
    "e-mail",
    "user.email",
    _CLAIMS + "email",
    _CLAIMS + "emailaddress",
    "urn:oid:0.9.2342.19200300.100.1.3",
    "urn:oid:1.2.840.113549.1.9.1",
)
FIRST_NAMES = (
    "first_name",
    "firstname",
    "givenname",
    "given_name",
    "user.firstname",
    _CLAIMS + "first_name",
    _CLAIMS + "givenname",
    "urn:oid:2.5.4.42",
)
LAST_NAMES = (
    "last_name",
    "lastname",
    "surname",
    "sn",
    "family_name",
    "user.lastname",
    _CLAIMS + "last_name",
    _CLAIMS + "surname",
    "urn:oid:2.5.4.4",
)
GROUP_NAMES = (
    "groups",
    "group",
    "memberof",
    "member_of",
    "ismemberof",
    _MICROSOFT + "groups",
    "http://schemas.xmlsoap.org/claims/group",
    "urn:oid:1.3.6.1.4.1.5923.1.5.1.1",
)
# Entra ID sends a link in place of the groups when there are too many of them.
OVERFLOW_NAMES = (
    "http://schemas.microsoft.com/claims/groups.link",
    _MICROSOFT + "groups.link",
)
NAME_ID_EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
NAME_ID_TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
MAX_NAME = 150


@dataclass(frozen=True, slots=True)
class AttributeNames:
    """Which attributes a connection reads; without a name, those that are usual are tried.

    Without a name for the subject, the NameID is the subject.
    """

    subject: str = ""
    email: str = ""
    first_name: str = ""
    last_name: str = ""


USUAL = AttributeNames()


def read_profile(
    *,
    idp_entity_id: str,
    name_id: str,
    name_id_format: str,
    attributes: Attributes,
    names: AttributeNames = USUAL,
) -> Profile:
    """The profile in verified claims."""
    subject_attribute = names.subject
    candidates = _values(attributes, _named(names.email, EMAIL_NAMES))
    if not candidates and not names.email and name_id_format == NAME_ID_EMAIL:
        candidates = [name_id]
    addresses = [address for one in candidates if (address := parse_email(one))]
    subject = _subject(name_id, name_id_format, attributes, subject_attribute)
    misread = subject is None and not subject_attribute and name_id_format == NAME_ID_EMAIL
    return Profile(
        idp_entity_id=idp_entity_id,
        subject=subject,
        email=addresses[0] if addresses else None,
        email_received=candidates[0][:300] if candidates else None,
        name_id_received=name_id[:300] if misread else None,
        first_name=_name(attributes, _named(names.first_name, FIRST_NAMES)),
        last_name=_name(attributes, _named(names.last_name, LAST_NAMES)),
        attributes=attributes,
    )


def values_for_rule(attributes: Attributes, name: str) -> tuple[str, ...] | None:
    """The values a rule looks at; None when the attribute is missing, which is not "empty"."""
    names: tuple[str, ...] = (name.casefold(),)
    if names[0] in GROUP_NAMES:
        if any(_values(attributes, (overflow,)) for overflow in OVERFLOW_NAMES):
            return None
        names = (*names, *GROUP_NAMES)
    sent = [values for one, values in attributes.items() if one.casefold() in names]
    return tuple(value for values in sent for value in values) if sent else None


def _subject(
    name_id: str, name_id_format: str, attributes: Attributes, subject_attribute: str
) -> str | None:
    if subject_attribute:
        chosen = _values(attributes, (subject_attribute.casefold(),))
        return chosen[0] if len(chosen) == 1 else None
    if name_id_format == NAME_ID_TRANSIENT:
        return None
    if name_id_format == NAME_ID_EMAIL:
        # An address is compared as an address: its spelling may change, the person does not.
        address: EmailAddress | None = parse_email(name_id)
        return address.key if address else None
    return name_id


def _named(chosen: str, usual: tuple[str, ...]) -> tuple[str, ...]:
    return (chosen.casefold(),) if chosen else usual


def _values(attributes: Attributes, names: tuple[str, ...]) -> list[str]:
    """All usable values of the named attributes, in the order of `names`."""
    by_name: dict[str, list[str]] = {}
    for name, values in attributes.items():
        by_name.setdefault(name.casefold(), []).extend(v.strip() for v in values if v.strip())
    return [value for name in names for value in by_name.get(name, [])]


def _name(attributes: Attributes, names: tuple[str, ...]) -> str:
    """A person's name on one line: control and formatting characters have no place in it."""
    found = _values(attributes, names)
    if not found:
        return ""
    kept = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in found[0])
    return " ".join(kept.split())[:MAX_NAME]
