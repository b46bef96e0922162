"""Our own metadata for one connection."""

from datetime import datetime

from passerelle import saml
from passerelle.saml.names import NAME_ID_EMAIL, NAME_ID_PERSISTENT
from passerelle.sso.connections.connection import addresses_of
from passerelle.sso.connections.keys import OVERLAP, own_keys, signing_key
from passerelle.sso.models import SamlConnection


def own_metadata(connection: SamlConnection, *, now: datetime, is_kept: bool = False) -> bytes:
    """The document, with every key that did not retire, signed by the one that signs now.

    It ends before a key that is newer than it could sign: whoever reads it at its address reads it
    again until then. One that is kept as a file has no end, or the provider would refuse us then.
    """
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
        certificates=tuple(key.certificate.der for key in keys),
        signer=signer.signer if signer else None,
        document_id=f"_{connection.id.hex}",
        valid_until=None if is_kept else now + OVERLAP,
    )
