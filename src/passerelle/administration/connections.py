"""What is done with one connection besides typing its settings."""

from datetime import datetime

from passerelle import saml
from passerelle.administration.draft import Draft
from passerelle.administration.settings import save_connection, save_settings
from passerelle.audit.events import EventName
from passerelle.audit.record import Actor, Entry
from passerelle.directory.models import Company
from passerelle.sso.models import SamlConnection


def free_slug(wanted: str) -> str:
    """The wanted slug, with a number behind it where it is taken."""
    taken = set(
        SamlConnection.objects.filter(slug__startswith=wanted[:58]).values_list("slug", flat=True)
    )
    numbered = (f"{wanted[:58]}-{number}" for number in range(2, len(taken) + 3))
    return wanted if wanted not in taken else next(slug for slug in numbered if slug not in taken)


def begin_connection(
    company: Company,
    product: str,
    name: str,
    *,
    instead_of: SamlConnection | None = None,
    actor: Actor,
    now: datetime,
) -> SamlConnection:
    """Make a connection that is off, or make one that was just begun anew for another product."""
    if instead_of is None:
        row = SamlConnection(
            company=company, slug=free_slug(company.slug), enabled=False, created_at=now
        )
    else:
        row = instead_of
    row.product, row.name = product, name
    draft = Draft(row, fields=("product", "name"))
    save_connection(draft, actor=actor, now=now)
    assert draft.connection is not None
    return draft.connection


def switch_on(connection: SamlConnection, *, actor: Actor, now: datetime) -> None:
    """Let people use it; an administrator stands for its metadata address from now on."""
    connection.enabled, connection.metadata_by_link = True, False
    draft = Draft(connection, fields=("enabled", "metadata_by_link"))
    save_connection(draft, actor=actor, now=now)


def delete_connection(connection: SamlConnection, *, actor: Actor, now: datetime) -> None:
    """Delete a connection, with all that it trusts."""
    entry = Entry(EventName.CONNECTION_DELETED, connection.name, {"slug": connection.slug})
    save_settings(connection.company, {}, deleted=[connection], entry=entry, actor=actor, now=now)


def trust_certificate(
    connection: SamlConnection, certificate: saml.Certificate, *, actor: Actor, now: datetime
) -> None:
    """Trust one more certificate; those that are trusted already stay."""
    details = {"fingerprint": certificate.fingerprint, "subject": certificate.subject[:300]}
    entry = Entry(EventName.CERTIFICATE_ACCEPTED, connection.name, details)
    save_connection(Draft(connection, added=[certificate]), entry=entry, actor=actor, now=now)
