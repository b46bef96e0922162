"""From verified claims to the profile that provisioning reads."""

from passerelle import saml
from passerelle.provisioning import Profile, read_profile
from passerelle.sso.models import PendingSignIn, SamlConnection


def profile_of(
    assertion: saml.Assertion, name_id: saml.NameID, connection: SamlConnection
) -> Profile:
    return read_profile(
        idp_entity_id=connection.idp_entity_id,
        name_id=name_id.value,
        name_id_format=name_id.format,
        attributes=assertion.attributes,
        subject_attribute=connection.subject_attribute,
    )


def profile_of_pending(pending: PendingSignIn, connection: SamlConnection) -> Profile:
    attributes = {name: tuple(values) for name, values in pending.claims["attributes"].items()}
    return read_profile(
        idp_entity_id=connection.idp_entity_id,
        name_id=pending.claims["name_id"],
        name_id_format=pending.claims["name_id_format"],
        attributes=attributes,
        subject_attribute=connection.subject_attribute,
    )
