"""What a connection is made of, whether it is complete, and the trust that it gives."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Exists, OuterRef
from django.urls import reverse

from passerelle import saml
from passerelle.directory.models import Company
from passerelle.infra.memory import Remembered
from passerelle.sso.models import SamlConnection, SigningCertificate

MOST = 50
"""Connections of one company that pages make: metadata of each is read, and each has keys."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Our own values for one connection, to type into the identity provider."""

    acs_url: str
    metadata_url: str
    certificate_url: str
    login_url: str
    logout_url: str
    sp_entity_id: str


def addresses_of(connection: SamlConnection) -> Addresses:
    return addresses_for_slug(connection.slug, connection.sp_entity_id)


def addresses_for_slug(slug: str, sp_entity_id: str = "") -> Addresses:
    return _addresses(settings.PASSERELLE.base_url, slug, sp_entity_id)


@lru_cache(maxsize=1024)
def _addresses(base_url: str, slug: str, sp_entity_id: str) -> Addresses:
    def url(name: str) -> str:
        return base_url + reverse(name, args=[slug])

    return Addresses(
        acs_url=url("saml_callback"),
        metadata_url=url("saml_metadata"),
        certificate_url=url("saml_certificate"),
        login_url=url("saml_login"),
        logout_url=url("saml_logout"),
        sp_entity_id=sp_entity_id or url("saml_metadata"),
    )


_certificates: Remembered[UUID, tuple[saml.Certificate, ...]] = Remembered()


def trusted_certificates(connection: SamlConnection) -> tuple[saml.Certificate, ...]:
    """The certificates whose keys are trusted, parsed once for each version of the settings.

    Those of a connection that is off are not remembered: a set-up link changes them, and the
    version stays.
    """

    def read() -> tuple[saml.Certificate, ...]:
        rows = connection.certificates.values_list("pem", flat=True)
        return tuple(saml.load_certificate(pem) for pem in rows)

    if not connection.enabled:
        return read()
    return _certificates.get(connection.id, connection.company.version, read)


class UnknownConnection(Exception):  # noqa: N818 - reads as what is the matter
    """No connection has this slug."""


def find_connection(slug: str) -> SamlConnection:
    """A connection with its company. Raises UnknownConnection."""
    found = SamlConnection.objects.select_related("company").filter(slug=slug).first()
    if found is None:
        raise UnknownConnection
    return found


def locked(connection: SamlConnection) -> SamlConnection:
    """The connection as it is now, for this transaction alone.

    The company's row is locked first, as by whoever saves the settings: one order, no deadlock.
    """
    Company.locked(connection.company_id)
    return SamlConnection.objects.select_related("company").get(id=connection.id)


class ProviderHeld(Exception):  # noqa: N818 - reads as what is the matter
    """Another connection of the company trusts this identity provider already."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


def holder_of_provider(connection: SamlConnection) -> SamlConnection | None:
    """Another connection of the company with the same entity ID, unless a migration is on."""
    if not connection.idp_entity_id or connection.migrating_since is not None:
        return None
    others = SamlConnection.objects.filter(company_id=connection.company_id, migrating_since=None)
    return others.filter(idp_entity_id=connection.idp_entity_id).exclude(id=connection.id).first()


def end_migrations(company_id: UUID) -> None:
    """Somebody always holds a provider: where its holder is gone, the oldest that migrates does.

    One that shares its provider with none any more is like any other.
    """
    rows = SamlConnection.objects.filter(company_id=company_id)
    holder = rows.filter(idp_entity_id=OuterRef("idp_entity_id"), migrating_since=None)
    unheld = rows.exclude(migrating_since=None).filter(~Exists(holder))
    heirs = {one.idp_entity_id: one.id for one in unheld.order_by("-migrating_since", "-id")}
    rows.filter(id__in=heirs.values()).update(migrating_since=None)


MISSING_NAME = "name"
MISSING_ENTITY_ID = "idp_entity_id"
MISSING_TARGET_URL = "target_url"
MISSING_CERTIFICATE = "certificates"
EXPIRED_CERTIFICATE = "certificate_expired"
DISABLED = "disabled"
NO_CONNECTION = "no_connection"


def missing_for_sign_in(connection: SamlConnection, certificates: int) -> list[str]:
    """What a connection lacks before anybody can sign in through it."""
    lacking = []
    if not connection.name:
        lacking.append(MISSING_NAME)
    if not connection.idp_entity_id:
        lacking.append(MISSING_ENTITY_ID)
    if not is_web_address(connection.target_url):
        lacking.append(MISSING_TARGET_URL)
    if not certificates:
        lacking.append(MISSING_CERTIFICATE)
    return lacking


def is_usable(connection: SamlConnection) -> bool:
    """Whether people can sign in through this connection."""
    certificates = trusted_certificates(connection)
    return connection.enabled and not missing_for_sign_in(connection, len(certificates))


def usable_connections(company: Company) -> list[SamlConnection]:
    """Those that people can sign in through, in one query however many there are."""
    found = company.connections.filter(enabled=True).annotate(count=Count("certificates"))
    return [one for one in found.defer("metadata_held") if not missing_for_sign_in(one, one.count)]


def missing_for_provisioning(
    connection: SamlConnection | None, not_after: list[datetime], *, now: datetime
) -> list[str]:
    """What stands in the way of automatic provisioning: page, API and `apply` all ask here.

    `not_after` holds the end of each certificate of the connection.
    """
    if connection is None:
        return [NO_CONNECTION]
    lacking = missing_for_sign_in(connection, len(not_after))
    if not connection.enabled:
        lacking.append(DISABLED)
    if not_after and max(not_after) <= now:
        lacking.append(EXPIRED_CERTIFICATE)
    return lacking


def company_lacks_for_provisioning(
    connections: list[tuple[SamlConnection, list[datetime]]], *, now: datetime
) -> list[str]:
    """What stands in the way when a company has several connections: one complete is enough."""
    if not connections:
        return [NO_CONNECTION]
    found = [missing_for_provisioning(one, ends, now=now) for one, ends in connections]
    return min(found, key=len)


def is_web_address(url: str) -> bool:
    """Whether this is an absolute http or https address without user name or white space."""
    if not url.isprintable() or any(character.isspace() for character in url):
        return False
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and "@" not in parts.netloc
            and parts.port != 0
        )
    except ValueError:
        return False


def certificate_row(
    connection: SamlConnection, certificate: saml.Certificate
) -> SigningCertificate:
    return SigningCertificate(
        company_id=connection.company_id,
        connection=connection,
        pem=certificate.pem,
        fingerprint=certificate.fingerprint,
        subject=certificate.subject[:1000],
        not_before=certificate.not_before,
        not_after=certificate.not_after,
    )
