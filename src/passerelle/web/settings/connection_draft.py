"""A connection as a form would save it."""

from dataclasses import dataclass, field
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from passerelle import saml
from passerelle.directory.models import Company, Domain
from passerelle.sso.connections.connection import MISSING_CERTIFICATE, MOST, missing_for_sign_in
from passerelle.sso.models import SamlConnection, SigningCertificate
from passerelle.sso.outbox.expiry_notices import signing_certificate

ANOTHER_PROVIDER = gettext_lazy(
    "Another entity ID is another identity provider: its own certificates have to be given "
    "together with it."
)


MAKES_ONE = (
    "name",
    "metadata",
    "metadata_file",
    "metadata_url",
    "idp_entity_id",
    "target_url",
    "new_certificates",
)
"""What is typed for a new connection; where all of it is empty, there is to be none."""


@dataclass(slots=True)
class Draft:
    """The connection as it would be after saving."""

    connection: SamlConnection | None
    kept: list[SigningCertificate] = field(default_factory=list)
    added: list[saml.Certificate] = field(default_factory=list)
    from_metadata: frozenset[str] = frozenset()
    """The fingerprints that metadata vouches for, where some was read."""
    before: SamlConnection | None = None
    """What is saved."""
    domains: list[Domain] | None = None
    """Whose people come straight here; None leaves that as it is."""

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

    def gone(self, certificates: list[SigningCertificate]) -> list[str]:
        """The fingerprints of those, of the ones that are trusted, which would not be any more."""
        stay = {one.fingerprint for one in self.kept} | {one.fingerprint for one in self.added}
        return [one.fingerprint for one in certificates if one.fingerprint not in stay]

    @property
    def is_usable(self) -> bool:
        connection = self.connection
        return (
            connection is not None
            and connection.enabled
            and not missing_for_sign_in(connection, len(self.ends))
        )


def too_many(company: Company) -> str:
    """What is said to who makes one more than a company may have."""
    if company.connections.count() < MOST:
        return ""
    return _(
        "A company has at most %(limit)s connections. Delete one that nobody uses any more."
    ) % {"limit": MOST}
