"""What a connection takes from an identity provider's metadata: page, file and follower alike."""

from datetime import datetime
from typing import Any

from passerelle import saml
from passerelle.saml.errors import MetadataError
from passerelle.sso.connections.connection import is_web_address
from passerelle.sso.models import GOOGLE_ISSUER, Binding

MAX_ENTITY_ID, MAX_URL = 1024, 2048
"""Bytes: an index of the database holds them. Core §8.3.6 allows 1,024 characters of a URI."""
MAX_CERTIFICATES = 20
"""Of one connection: each may be tried on each message that somebody sends."""


def read_metadata(
    document: bytes, *, entity_id: str | None = None, now: datetime
) -> saml.IdPMetadata:
    """Read metadata that may be used now.

    Raises MetadataError: what `saml.read_idp_metadata` raises, metadata_expired,
    metadata_too_long, metadata_no_sso_url, metadata_of_google, certificates_many.
    """
    found = saml.read_idp_metadata(document, entity_id=entity_id)
    if found.valid_until is not None and found.valid_until <= now:
        raise MetadataError(
            "metadata_expired",
            expected=f"metadata that is valid on {now:%Y-%m-%d}",
            received=f"valid until {found.valid_until:%Y-%m-%d}",
        )
    if len(found.certificates) > MAX_CERTIFICATES:
        raise MetadataError(
            "certificates_many",
            expected=f"at most {MAX_CERTIFICATES} certificates",
            received=str(len(found.certificates)),
        )
    if found.entity_id == GOOGLE_ISSUER:
        raise MetadataError("metadata_of_google", received=found.entity_id)
    if not found.entity_id.isprintable() or len(found.entity_id.encode()) > MAX_ENTITY_ID:
        raise MetadataError(
            "metadata_too_long",
            expected=f"an entity ID of at most {MAX_ENTITY_ID} bytes",
            received=f"{len(found.entity_id.encode())} bytes",
        )
    for url in (found.sign_in_url, found.post_url or "", *_logout(found).values()):
        if len(url) > MAX_URL or (url and url not in Binding.values and not is_web_address(url)):
            raise MetadataError(
                "metadata_no_sso_url",
                expected=f"web addresses of at most {MAX_URL} characters",
                received=url,
            )
    return found


def read_metadata_of(document: bytes, *, entity_id: str, now: datetime) -> saml.IdPMetadata:
    """The identity provider of this ID; where it is not there, the only one that is.

    Raises MetadataError as `read_metadata` does.
    """
    try:
        return read_metadata(document, entity_id=entity_id or None, now=now)
    except MetadataError as error:
        if not entity_id or error.reason != "metadata_no_idp":
            raise
        return read_metadata(document, now=now)


def settings_of(metadata: saml.IdPMetadata) -> dict[str, Any]:
    """The fields of a connection that metadata decides, certificates apart."""
    by_redirect = metadata.redirect_url is not None
    return {
        "idp_entity_id": metadata.entity_id,
        "target_url": metadata.sign_in_url,
        "post_target_url": (metadata.post_url or "") if by_redirect else "",
        "request_binding": Binding.REDIRECT.value if by_redirect else Binding.POST.value,
        "sign_requests": metadata.wants_signed_requests,
        **_logout(metadata),
    }


def _logout(metadata: saml.IdPMetadata) -> dict[str, str]:
    by_redirect = metadata.logout_redirect_url is not None
    url = metadata.logout_redirect_url or metadata.logout_post_url or ""
    return {
        "logout_url": url,
        "logout_binding": Binding.REDIRECT.value if by_redirect or not url else Binding.POST.value,
        "logout_answer_url": (metadata.logout_answer_url or "") if url else "",
    }
