"""From verified claims to the profile that provisioning reads."""

from typing import Any

from passerelle import saml
from passerelle.provisioning import AttributeNames, Profile, read_profile
from passerelle.provisioning.model import Attributes
from passerelle.sso.models import PendingSignIn, SamlConnection


def profile_of(
    assertion: saml.Assertion, name_id: saml.NameID, connection: SamlConnection
) -> Profile:
    return _profile(name_id.value, name_id.format, assertion.named_attributes, connection)


def profile_of_pending(pending: PendingSignIn, connection: SamlConnection) -> Profile:
    return profile_of_claims(pending.claims, connection)


MAX_ATTRIBUTES, MAX_VALUES, MAX_TEXT = 60, 200, 1100
"""Of the claims of one sign-in, so much is kept with its trace: an identifier is never cut."""


def kept_claims(claims: dict[str, Any], profile: Profile) -> dict[str, Any]:
    """Claims as they are kept with a trace, with whose they were by the settings of that time.

    An endless list of groups is cut.
    """
    attributes = list(claims["attributes"].items())[:MAX_ATTRIBUTES]
    return {
        "idp_entity_id": profile.idp_entity_id,
        "subject": profile.subject,
        "name_id": claims["name_id"],
        "name_id_format": claims["name_id_format"],
        "signed_with": claims["signed_with"],
        "attributes": {
            name: [value for value in values[:MAX_VALUES] if len(value) <= MAX_TEXT]
            for name, values in attributes
        },
    }


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
