"""From verified claims to the profile that provisioning reads."""

import json
from collections.abc import Callable
from typing import Any

from passerelle import saml
from passerelle.directory.policy import load_policy
from passerelle.provisioning import AttributeNames, Profile, read_profile
from passerelle.provisioning.mapping import GROUP_NAMES, OF_A_PERSON, folded
from passerelle.provisioning.model import Attributes
from passerelle.saml.errors import shortened
from passerelle.sso.models import PendingSignIn, SamlConnection


def profile_of(
    assertion: saml.Assertion, name_id: saml.NameID, connection: SamlConnection
) -> Profile:
    return _profile(name_id.value, name_id.format, assertion.named_attributes, connection)


def profile_of_pending(pending: PendingSignIn, connection: SamlConnection) -> Profile:
    return profile_of_claims(pending.claims, connection)


def email_of(profile: Profile) -> str | None:
    """The address as it is shown; what came in its place, where that is none, as a page bears it.

    Not more of it than of other things that are received.
    """
    if profile.email:
        return profile.email.shown
    return profile.email_received and shortened(profile.email_received)


MAX_VALUES, MAX_TEXT = 200, 1100
MAX_KEPT = 64_000
"""Of the claims of one sign-in, so much is kept with its trace: of each attribute so many values,
none that is longer, and of all attributes so many characters. An identifier is never cut."""


def kept_claims(
    claims: dict[str, Any], profile: Profile, connection: SamlConnection
) -> dict[str, Any]:
    """Claims as they are kept with a trace, with whose they were by the settings of that time.

    An endless list of groups is cut, and what decides about nobody is left out before what does.
    """
    subject = profile.subject
    return {
        "idp_entity_id": profile.idp_entity_id,
        "subject": subject if subject and len(subject) <= MAX_TEXT else None,
        "name_id": claims["name_id"],
        "name_id_format": claims["name_id_format"],
        "signed_with": claims["signed_with"],
        "attributes": _kept_attributes(claims["attributes"], connection),
    }


def _kept_attributes(
    sent: dict[str, list[str]], connection: SamlConnection
) -> dict[str, list[str]]:
    """Those that matter most within the bound, in the order in which they came."""
    left, weight = MAX_KEPT, _weights(connection)
    kept: dict[str, list[str]] = {}
    for name in sorted(sent, key=lambda name: weight(folded(name))):
        if _size(name) > left:
            continue
        left -= _size(name)
        kept[name] = found = []
        for value in sent[name][:MAX_VALUES]:
            if len(value) <= MAX_TEXT and _size(value) <= left:
                found.append(value)
                left -= _size(value)
    return {name: kept[name] for name in sent if name in kept}


def _size(text: str) -> int:
    """Characters that a text takes in JSON, with what stands around it."""
    return len(json.dumps(text)) + 4


def _weights(connection: SamlConnection) -> Callable[[str], int]:
    """What is kept first of the attributes: who somebody is, what rules read, and the rest."""
    names = (
        connection.subject_attribute,
        connection.email_attribute,
        connection.first_name_attribute,
        connection.last_name_attribute,
    )
    chosen = {folded(name) for name in names if name}
    rules = {folded(rule.attribute) for rule in load_policy(connection.company).rules}
    ranked = (chosen, OF_A_PERSON, {*rules, *GROUP_NAMES})
    return lambda name: next((at for at, some in enumerate(ranked) if name in some), len(ranked))


def still_prove(claims: dict[str, Any], profile: Profile, connection: SamlConnection) -> bool:
    """Whether claims that were kept still mean, and prove, the identity that they proved then."""
    proved = (claims.get("idp_entity_id"), claims.get("subject"))
    same = proved == (profile.idp_entity_id, profile.subject)
    return same and is_signer_trusted(claims, connection)


def is_signer_trusted(claims: dict[str, Any], connection: SamlConnection) -> bool:
    """Whether the certificate that signed them is trusted now: a key that was stolen and removed
    proves nothing any more. Claims that were kept by the releases before do not name it.
    """
    return connection.certificates.filter(fingerprint=claims.get("signed_with")).exists()


def profile_of_claims(claims: dict[str, Any], connection: SamlConnection) -> Profile:
    attributes = {name: tuple(values) for name, values in claims["attributes"].items()}
    return _profile(claims["name_id"], claims["name_id_format"], attributes, connection)


def _profile(
    name_id: str, name_id_format: str, attributes: Attributes, connection: SamlConnection
) -> Profile:
    return read_profile(
        idp_entity_id=connection.idp_entity_id,
        name_id=name_id,
        name_id_format=name_id_format,
        attributes=attributes,
        names=AttributeNames(
            subject=connection.subject_attribute,
            email=connection.email_attribute,
            first_name=connection.first_name_attribute,
            last_name=connection.last_name_attribute,
        ),
        separator=connection.value_separator,
        absence_counts=connection.absent_is_empty,
    )
