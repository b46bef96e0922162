"""Our own metadata for one connection."""

from datetime import datetime

from passerelle import saml
from passerelle.saml.names import NAME_ID_EMAIL, NAME_ID_PERSISTENT
from passerelle.sso.connection_keys import own_keys, signing_key
from passerelle.sso.connections import addresses_of
from passerelle.sso.models import SamlConnection


def own_metadata(connection: SamlConnection, *, now: datetime) -> bytes:
    """The document, with every key that did not retire, signed by the one that signs now."""
    ours, signer = addresses_of(connection), signing_key(connection, now=now)
    keys = own_keys(connection, now=now)
    return saml.write_sp_metadata(
        entity_id=ours.sp_entity_id,
        acs_url=ours.acs_url,
        logout_url=ours.logout_url,
        name_id_formats=(connection.name_id_format,)
        if connection.name_id_format
        else (NAME_ID_PERSISTENT, NAME_ID_EMAIL),
        signs_requests=connection.sign_requests,
        certificates=tuple(one.certificate.der for one in keys),
        signer=signer.signer if signer else None,
        document_id=f"_{connection.id.hex}",
    )
