"""From the attributes that identity providers send to a Profile, without configuration."""

from dataclasses import dataclass

from passerelle.provisioning.composed import composed
from passerelle.provisioning.email_address import EmailAddress, parse_email
from passerelle.provisioning.model import Attributes, Profile
from passerelle.provisioning.person_name import one_line

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
WHOLE_NAMES = (
    "displayname",
    "display_name",
    "cn",
    _CLAIMS + "name",
    "urn:oid:2.16.840.1.113730.3.1.241",
    "urn:oid:2.5.4.3",
)
"""A name in one piece, for a person whose first and last names are not sent."""
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
PERSON_NAMES = (
    "http://schemas.microsoft.com/identity/claims/objectidentifier",
    "objectidentifier",
    "objectid",
    "object_id",
    "oid",
    "objectguid",
    "urn:oid:1.2.840.113556.1.4.2",
    _MICROSOFT + "primarysid",
    "objectsid",
    "urn:oasis:names:tc:saml:attribute:subject-id",
    "edupersonuniqueid",
    "urn:oid:1.3.6.1.4.1.5923.1.1.1.13",
    "entryuuid",
    "urn:oid:1.3.6.1.1.16.4",
    "employeenumber",
    "employee_number",
    "user.employeenumber",
    "urn:oid:2.16.840.1.113730.3.1.3",
    "employeeid",
    "employee_id",
    "user.employeeid",
)
"""Attributes that say who somebody is even when their NameID changes, the surest first."""
OF_A_PERSON = frozenset({*EMAIL_NAMES, *FIRST_NAMES, *LAST_NAMES, *WHOLE_NAMES, *PERSON_NAMES})
"""By folded name, those that are read of everybody without being asked for."""
PLACEHOLDERS = frozenset({"n/a", "na", "none", "null", "nil", "unknown", "undefined", "tbd"})
# Entra ID sends a link in place of the groups when there are too many of them.
OVERFLOW_NAMES = (
    "http://schemas.microsoft.com/claims/groups.link",
    _MICROSOFT + "groups.link",
)
NAME_ID_EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
NAME_ID_TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
MAX_NAME = 150
MAX_PERSON = 300
MAX_ADDRESSES = 20
"""Of one person, so many e-mail addresses are looked at."""
MAX_VALUES = 20_000
"""Values that rules look at: splitting makes no more of them."""


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
    separator: str = "",
    absence_counts: bool = True,
) -> Profile:
    """The profile in verified claims. Rules read what stands between separators as values."""
    found = _by_name(attributes)
    subject_attribute = names.subject
    candidates = _values(found, _named(names.email, EMAIL_NAMES))
    if not candidates and not names.email and name_id_format == NAME_ID_EMAIL:
        candidates = [name_id]
    subject = _subject(name_id, name_id_format, found, subject_attribute)
    misread = subject is None and not subject_attribute and name_id_format == NAME_ID_EMAIL
    first, last = _names(found, names)
    return Profile(
        idp_entity_id=idp_entity_id,
        subject=subject,
        emails=_addresses(candidates),
        email_received=candidates[0][:300] if candidates else None,
        name_id_received=name_id[:300] if misread else None,
        first_name=first,
        last_name=last,
        attributes=for_rules(found, separator),
        names_sent=tuple(attributes),
        absence_counts=absence_counts,
        person=_person(found),
    )


def _by_name(attributes: Attributes) -> Attributes:
    """The attributes by folded name, values as they were sent but for the white space around them.

    Identifiers and addresses are read from these: composing letters could make two of them one.
    """
    found: dict[str, list[str]] = {}
    for name, values in attributes.items():
        found.setdefault(folded(name), []).extend(value.strip() for value in values)
    return {name: tuple(values) for name, values in found.items()}


def for_rules(attributes: Attributes, separator: str = "") -> Attributes:
    """The attributes as rules compare them, made once and not for each rule.

    Beyond the limit, what stands between separators stays in one piece.
    """
    left = MAX_VALUES
    found: dict[str, tuple[str, ...]] = {}
    for name, values in attributes.items():
        parts: list[str] = []
        for value in values:
            split = value.split(separator, max(left, 0)) if separator else [value]
            left -= len(split)
            parts += map(comparable, split)
        found[folded(name)] = tuple(parts)
    return found


def folded(name: str) -> str:
    """An attribute's name, for comparison."""
    return comparable(name).casefold()


def comparable(value: str) -> str:
    """Without the white space around it that pretty-printing adds, in composed letters (NFC)."""
    return composed(value.strip())


def canonical_name(name: str) -> str:
    """One name for an attribute that rules read: groups have several."""
    same = folded(name)
    return GROUP_NAMES[0] if same in GROUP_NAMES else same


def values_for_rule(attributes: Attributes, name: str) -> tuple[str, ...] | None:
    """The values a rule looks at; None when the attribute is missing, which is not "empty"."""
    if is_overflow(attributes, name):
        return None
    wanted = folded(name)
    names = (wanted, *GROUP_NAMES) if wanted in GROUP_NAMES else (wanted,)
    sent = [attributes[name] for name in dict.fromkeys(names) if name in attributes]
    return tuple(value for values in sent for value in values) if sent else None


MAX_GROUPS, MAX_GROUP = 200, 300


def groups_of(attributes: Attributes) -> tuple[str, ...]:
    """The groups that were sent for a person, each once, as dashboards are told of them.

    Of an endless list the first; of a link in place of it nothing.
    """
    found = values_for_rule(attributes, GROUP_NAMES[0]) or ()
    return tuple(dict.fromkeys(name for name in found if name and len(name) <= MAX_GROUP))[
        :MAX_GROUPS
    ]


def is_overflow(attributes: Attributes, name: str) -> bool:
    """Whether a link was sent in place of the groups, which are too many."""
    return folded(name) in GROUP_NAMES and bool(_values(attributes, OVERFLOW_NAMES))


def _subject(
    name_id: str, name_id_format: str, attributes: Attributes, subject_attribute: str
) -> str | None:
    if subject_attribute:
        chosen = _values(attributes, (folded(subject_attribute),))
        return chosen[0] if len(chosen) == 1 else None
    if name_id_format == NAME_ID_TRANSIENT:
        return None
    if name_id_format == NAME_ID_EMAIL:
        # An address is compared as an address: its spelling may change, the person does not.
        address: EmailAddress | None = parse_email(name_id)
        return address.key if address else None
    return name_id


def _person(attributes: Attributes) -> str | None:
    """The first attribute that identifies one person, and its value.

    Placeholders, and what is sent several times over, identify nobody.
    """
    for name in PERSON_NAMES:
        values = set(attributes.get(name, ()))
        if len(values) == 1 and _tells_people_apart(value := values.pop()):
            return f"{name}={value[:MAX_PERSON]}"
    return None


def _tells_people_apart(value: str) -> bool:
    meaning = value.strip("0-–—_.?* ")
    return bool(meaning) and meaning.casefold() not in PLACEHOLDERS


def _named(chosen: str, usual: tuple[str, ...]) -> tuple[str, ...]:
    return (folded(chosen),) if chosen else usual


def _values(attributes: Attributes, names: tuple[str, ...]) -> list[str]:
    """All usable values of the named attributes, in the order of `names`."""
    return [value for name in names for value in attributes.get(name, ()) if value]


def _addresses(candidates: list[str]) -> tuple[EmailAddress, ...]:
    """The usable ones among them, each once."""
    found: dict[str, EmailAddress] = {}
    for candidate in candidates:
        if len(found) < MAX_ADDRESSES and (address := parse_email(candidate)):
            found.setdefault(address.key, address)
    return tuple(found.values())


def _names(attributes: Attributes, names: AttributeNames) -> tuple[str, str]:
    """First and last name; where neither is sent, from a name in one piece."""
    first = _name(attributes, _named(names.first_name, FIRST_NAMES))
    last = _name(attributes, _named(names.last_name, LAST_NAMES))
    if first or last or names.first_name or names.last_name:
        return first, last
    *before, final = _name(attributes, WHOLE_NAMES).split(" ")
    return (" ".join(before), final) if before else (final, "")


def _name(attributes: Attributes, names: tuple[str, ...]) -> str:
    return one_line(next(iter(_values(attributes, names)), ""))[:MAX_NAME]
