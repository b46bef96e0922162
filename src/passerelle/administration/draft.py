"""A connection as it is to be saved, whoever asks: a page, a file, a provider's metadata."""

from dataclasses import dataclass, field
from datetime import datetime

from passerelle import saml
from passerelle.directory.models import Domain
from passerelle.sso.connections.connection import MISSING_CERTIFICATE, missing_for_sign_in
from passerelle.sso.models import SamlConnection, SigningCertificate
from passerelle.sso.outbox.expiry_notices import signing_certificate

IDENTITY_PROVIDER = ("idp_entity_id", "target_url", "post_target_url")
READING = (
    "subject_attribute",
    "email_attribute",
    "first_name_attribute",
    "last_name_attribute",
    "value_separator",
    "absent_is_empty",
    "authn_contexts",
    "allow_cbc",
)
REQUEST = ("request_binding", "sign_requests", "force_authn", "name_id_format")
LOGOUT = ("logout_url", "logout_binding", "logout_answer_url")
SETTINGS = (
    "name",
    "product",
    "enabled",
    "migrating_since",
    "sp_entity_id",
    "idp_initiated",
    "metadata_url",
    "certificates_left_out",
    *IDENTITY_PROVIDER,
    *READING,
    *REQUEST,
    *LOGOUT,
)
"""What the audit log tells of when it changes: all that somebody chooses about a connection."""


@dataclass(slots=True)
class Draft:
    """The connection as it would be after saving."""

    connection: SamlConnection | None
    kept: list[SigningCertificate] = field(default_factory=list)
    added: list[saml.Certificate] = field(default_factory=list)
    from_metadata: frozenset[str] = frozenset()
    """The fingerprints that metadata vouches for, where some was read."""
    before: SamlConnection | None = None
    """What is saved, as far as whoever made the draft knows."""
    trusted: list[SigningCertificate] = field(default_factory=list)
    """The certificates that are saved, as far as they know."""
    domains: list[Domain] | None = None
    """Whose people come straight here; None leaves that as it is."""
    fields: tuple[str, ...] = ()
    """The columns that are written; all others stay as they are by then."""
    refuses_removed: bool = False
    """A person removed certificates that metadata vouches for: it does not bring them back."""
    proves_itself: bool | None = None
    """Whether it has to prove itself anew; None: if what it trusts has changed."""

    @property
    def ends(self) -> list[datetime]:
        return [row.not_after for row in self.kept] + [one.not_after for one in self.added]

    @property
    def end(self) -> datetime | None:
        """The end of the certificate that people depend on."""
        seen = signing_certificate(self.kept)
        if seen is not None and seen.last_seen_at is not None:
            return seen.not_after
        return max(self.ends, default=None)

    @property
    def moves(self) -> bool:
        """Whether the identity provider that is trusted so far would be trusted no more."""
        was, after = self.before, self.connection
        if was is None or after is None:
            return False
        return was.idp_entity_id not in ("", after.idp_entity_id)

    def comes_again(self, lacking: str) -> bool:
        """Whether it lacks only what is given together with the next identity provider."""
        after = self.connection
        named = after is not None and bool(after.idp_entity_id)
        return lacking == MISSING_CERTIFICATE and self.moves and not named

    @property
    def stays(self) -> set[str]:
        """The fingerprints of the certificates that would be trusted."""
        return {row.fingerprint for row in self.kept} | {one.fingerprint for one in self.added}

    @property
    def gone(self) -> set[str]:
        """The fingerprints of those that would be trusted no more."""
        return {row.fingerprint for row in self.trusted} - self.stays

    @property
    def renames_people(self) -> bool:
        """Whether people would be known by another attribute than so far."""
        was, after = self.before, self.connection
        if was is None or after is None:
            return False
        return was.subject_attribute != after.subject_attribute

    @property
    def is_usable(self) -> bool:
        connection = self.connection
        return (
            connection is not None
            and connection.enabled
            and not missing_for_sign_in(connection, len(self.ends))
        )
