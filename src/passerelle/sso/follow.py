"""Follow an identity provider's metadata: take over what is harmless, hold what is not.

A new certificate beside a trusted one, or one that goes, is taken over: so a rollover costs nobody
a sign-in. Another entity ID, other addresses, or no key in common wait for an administrator.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F

from passerelle import saml
from passerelle.audit.events import EventName
from passerelle.audit.record import Actor, Entry, record
from passerelle.directory.models import Company
from passerelle.saml.errors import MetadataError, SAMLError
from passerelle.sso.connections import certificate_row
from passerelle.sso.fetch import FetchError, fetch
from passerelle.sso.idp_metadata import read_metadata, settings_of
from passerelle.sso.models import SamlConnection
from passerelle.sso.tokens import digest

FOLLOWER = Actor("identity provider", "metadata")
EVERY = timedelta(days=1)
SOONEST, LATEST = timedelta(hours=1), timedelta(days=7)
CLAIM = timedelta(minutes=10)
_TRUSTED_WITH_CARE = (
    "idp_entity_id",
    "target_url",
    "logout_url",
    "logout_answer_url",
)


@dataclass(frozen=True, slots=True)
class Difference:
    """What metadata would change: settings from and to, certificates that come and go."""

    settings: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    added: tuple[saml.Certificate, ...] = ()
    removed: tuple[str, ...] = ()
    all_keys: bool = False
    """No certificate that is trusted now is in the metadata."""

    @property
    def is_empty(self) -> bool:
        return not (self.settings or self.added or self.removed)

    @property
    def needs_a_person(self) -> bool:
        return self.all_keys or any(name in _TRUSTED_WITH_CARE for name in self.settings)


def difference(connection: SamlConnection, metadata: saml.IdPMetadata) -> Difference:
    """Compare a connection with metadata of its identity provider."""
    wanted = settings_of(metadata)
    changed = {
        name: (getattr(connection, name), value)
        for name, value in wanted.items()
        if getattr(connection, name) != value
    }
    trusted = {one.fingerprint: one for one in connection.certificates.all()}
    given = {one.fingerprint: one for one in metadata.certificates}
    return Difference(
        settings=changed,
        added=tuple(one for key, one in given.items() if key not in trusted),
        removed=tuple(
            key for key, row in trusted.items() if row.from_metadata and key not in given
        ),
        all_keys=bool(trusted) and not trusted.keys() & given.keys(),
    )


def follow_all(now: datetime) -> int:
    """Read the metadata of every connection that is due; return how many were."""
    followed = 0
    due = SamlConnection.objects.exclude(metadata_url="").filter(metadata_due_at__lte=now)
    for connection in due.select_related("company"):
        # Whoever moves the date has it: replicas do not all ask at once.
        mine = due.filter(id=connection.id, metadata_due_at=connection.metadata_due_at)
        if mine.update(metadata_due_at=now + CLAIM):
            follow(connection, now=now)
            followed += 1
    return followed


def follow(connection: SamlConnection, *, now: datetime) -> None:
    """Fetch a connection's metadata and take it over, hold it, or note what is wrong with it."""
    try:
        document = fetch(
            connection.metadata_url, private_networks=settings.PASSERELLE.private_networks
        )
        metadata = _read(connection, document, now)
    except (FetchError, SAMLError) as error:
        _note_problem(connection, str(error), now)
        return
    _take_or_hold(connection, document, metadata, now)


def _read(connection: SamlConnection, document: bytes, now: datetime) -> saml.IdPMetadata:
    """The entity of the connection; where it is not there, the only one that is."""
    try:
        return read_metadata(document, entity_id=connection.idp_entity_id or None, now=now)
    except MetadataError as error:
        if error.reason != "metadata_no_idp":
            raise
        return read_metadata(document, now=now)


def _note_problem(connection: SamlConnection, problem: str, now: datetime) -> None:
    SamlConnection.objects.filter(id=connection.id).update(
        metadata_problem=problem[:500], metadata_due_at=now + SOONEST
    )


@transaction.atomic
def _take_or_hold(
    connection: SamlConnection, document: bytes, metadata: saml.IdPMetadata, now: datetime
) -> None:
    row = SamlConnection.objects.select_for_update().get(id=connection.id)
    found = difference(row, metadata)
    row.metadata_problem = ""
    row.metadata_read_at, row.metadata_due_at = now, now + _pause(metadata, now)
    text = document.decode("utf-8", "replace")
    if found.needs_a_person:
        if text != row.metadata_held and digest(text) != row.metadata_dismissed:
            row.metadata_held = text
            _record(EventName.METADATA_HELD, row, found, FOLLOWER, now)
    else:
        row.metadata_held = ""
        if not found.is_empty:
            _take(row, found)
            _record(EventName.METADATA_FOLLOWED, row, found, FOLLOWER, now)
        row.certificates.filter(
            fingerprint__in=[one.fingerprint for one in metadata.certificates]
        ).update(from_metadata=True)
    row.save()


def _pause(metadata: saml.IdPMetadata, now: datetime) -> timedelta:
    """Until when it may be kept: as it says, within reason, and never beyond its end."""
    pause = min(max(metadata.cache_duration or EVERY, SOONEST), LATEST)
    if metadata.valid_until is not None:
        pause = min(pause, max(metadata.valid_until - now - SOONEST, SOONEST))
    return pause


def _take(row: SamlConnection, found: Difference) -> None:
    for name, (_, value) in found.settings.items():
        setattr(row, name, value)
    row.certificates.filter(fingerprint__in=found.removed).delete()
    for certificate in found.added:
        new = certificate_row(row, certificate)
        new.from_metadata = True
        new.save()
    Company.objects.filter(id=row.company_id).update(version=F("version") + 1)


def _record(
    event: EventName, row: SamlConnection, found: Difference, actor: Actor, now: datetime
) -> None:
    details: dict[str, Any] = {name: list(pair) for name, pair in found.settings.items()}
    details["certificates_added"] = [one.fingerprint for one in found.added]
    details["certificates_removed"] = list(found.removed)
    record([Entry(event, row.name, details)], company_id=row.company_id, actor=actor, now=now)


def held_difference(connection: SamlConnection, *, now: datetime) -> Difference | None:
    """What waits for an administrator, if anything does that can still be used."""
    if not connection.metadata_held:
        return None
    try:
        return difference(connection, _read(connection, connection.metadata_held.encode(), now))
    except SAMLError:
        return None


@transaction.atomic
def decide(connection: SamlConnection, *, accept: bool, actor: Actor, now: datetime) -> None:
    """Take over what was held, or forget it until the metadata changes again."""
    row = SamlConnection.objects.select_for_update().get(id=connection.id)
    found = held_difference(row, now=now)
    if found is None:
        return
    if accept:
        _take(row, found)
        # What is trusted by hand besides stays; what came with metadata that is gone does not.
        row.last_success_at = None
    else:
        row.metadata_dismissed = digest(row.metadata_held)
    row.metadata_held = ""
    row.save()
    event = EventName.METADATA_ACCEPTED if accept else EventName.METADATA_DISMISSED
    _record(event, row, found, actor, now)
