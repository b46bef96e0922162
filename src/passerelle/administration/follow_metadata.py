"""Follow an identity provider's metadata: take over what is harmless, hold what is not.

A new certificate beside a trusted one, or one that goes, is taken over: so a rollover costs nobody
a sign-in. Another entity ID, other addresses, or no key in common wait for an administrator. What
a person has set differently from what metadata said stays as they set it.
"""

import json
import logging
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from passerelle import saml
from passerelle.administration.draft import Draft
from passerelle.administration.settings import save_connection
from passerelle.audit.events import EventName
from passerelle.audit.record import Actor, Entry, record
from passerelle.infra.clock import Clock
from passerelle.infra.fetch import FetchError, fetch, fetch_for
from passerelle.infra.shares import in_turns
from passerelle.infra.tokens import digest
from passerelle.saml.errors import SAMLError
from passerelle.sso.connections.connection import (
    holder_of_provider,
    locked,
)
from passerelle.sso.connections.idp_metadata import read_metadata_of, settings_of
from passerelle.sso.connections.problems import noted, noted_together
from passerelle.sso.models import FOLLOWING, REFUSED, Binding, SamlConnection, Session

log = logging.getLogger("passerelle")

FOLLOWER = Actor("identity provider", "metadata")
EVERY = timedelta(days=1)
SOONEST, LATEST = timedelta(hours=1), timedelta(days=7)
CLAIM = timedelta(minutes=10)
SECONDS_ASKED = 5.0
SECONDS_A_PASS = 20.0
"""For the connections of one company; the rest of them waits a minute for the next pass."""
KEPT = 50
"""How many replaced values of a setting are remembered."""
_TRUSTED_WITH_CARE = (
    "idp_entity_id",
    "target_url",
    "post_target_url",
    "logout_url",
    "logout_answer_url",
)

# What stands for "metadata said nothing yet".
_UNSAID = {
    "post_target_url": "",
    "request_binding": Binding.REDIRECT.value,
    "sign_requests": False,
    "logout_url": "",
    "logout_binding": Binding.REDIRECT.value,
    "logout_answer_url": "",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """What metadata would change: settings from and to, certificates that come and go."""

    settings: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    added: tuple[saml.Certificate, ...] = ()
    removed: tuple[str, ...] = ()
    all_keys: bool = False
    """No certificate that is trusted now is in the metadata."""
    is_first: bool = False
    """The connection trusts nobody yet: it takes what its address says."""

    @property
    def is_empty(self) -> bool:
        return not (self.settings or self.added or self.removed)

    @property
    def needs_a_person(self) -> bool:
        if self.is_first:
            return False
        return self.all_keys or any(name in _TRUSTED_WITH_CARE for name in self.settings)

    @property
    def digest(self) -> str:
        """The same for the same change, however its document is dressed."""
        new = {name: value for name, (_, value) in self.settings.items()}
        added = sorted(one.fingerprint for one in self.added)
        return digest(json.dumps([new, added, sorted(self.removed)], sort_keys=True))


def difference(connection: SamlConnection, metadata: saml.IdPMetadata) -> Difference:
    """Compare a connection with metadata of its identity provider."""
    said = {**_UNSAID, **connection.metadata_said}
    changed = {}
    # Where it is of another provider, whatever was chosen or added was for the one before.
    moves = connection.idp_entity_id not in ("", metadata.entity_id)
    for name, value in settings_of(metadata).items():
        current, before = getattr(connection, name), said.get(name)
        is_chosen = name not in _TRUSTED_WITH_CARE and current != before
        if value != current and (moves or (value != before and not is_chosen)):
            changed[name] = (current, value)
    refused = connection.metadata_replaced.get(REFUSED, [])
    trusted = {
        certificate.fingerprint: certificate for certificate in connection.certificates.all()
    }
    given = {certificate.fingerprint: certificate for certificate in metadata.certificates}
    return Difference(
        settings=changed,
        added=tuple(one for key, one in given.items() if key not in {*trusted, *refused}),
        removed=tuple(
            key for key, row in trusted.items() if (row.from_metadata or moves) and key not in given
        ),
        all_keys=bool(trusted) and not trusted.keys() & given.keys(),
        is_first=not (trusted or connection.idp_entity_id or connection.target_url),
    )


def follow_all(now: datetime) -> int:
    """Read the metadata of every connection that is due; return how many were."""
    followed, clock = 0, Clock(now)
    due = SamlConnection.objects.exclude(metadata_url="").filter(metadata_due_at__lte=now)
    oldest = due.select_related("company").order_by("metadata_due_at")
    for connection in in_turns(oldest, company=lambda one: one.company_id, seconds=SECONDS_A_PASS):
        # Whoever moves the date has it: replicas do not all ask at once.
        mine = due.filter(id=connection.id, metadata_due_at=connection.metadata_due_at)
        if mine.update(metadata_due_at=clock.now() + CLAIM):
            followed += 1
            try:
                # Not as of the beginning: each of those before may have taken its ten seconds.
                follow(connection, now=clock.now())
            except Exception:
                # It comes again when its claim ends; the others are not to wait for that.
                log.exception("following the metadata of %s failed", connection.slug)
    return followed


def follow(connection: SamlConnection, *, now: datetime, asked: bool = False) -> None:
    """Fetch a connection's metadata and take it over, hold it, or note what is wrong with it.

    Where somebody `asked` for it and waits, the company waits its turn.
    """
    url = connection.metadata_url
    networks = () if connection.metadata_by_link else settings.PASSERELLE.private_networks
    try:
        if asked:
            waits: dict[str, Any] = {"private_networks": networks, "seconds": SECONDS_ASKED}
            document = fetch_for(connection.company_id, url, **waits)
        else:
            document = fetch(url, private_networks=networks, company_id=connection.company_id)
        metadata = read_metadata_of(document, entity_id=connection.idp_entity_id, now=now)
    except (FetchError, SAMLError) as error:
        _note_problem(connection, noted(error), now)
        return
    _take_or_hold(connection, document, metadata, now)


def _read_held(connection: SamlConnection, now: datetime) -> saml.IdPMetadata:
    held = connection.metadata_held.encode()
    return read_metadata_of(held, entity_id=connection.idp_entity_id, now=now)


def _note_problem(connection: SamlConnection, problem: str, now: datetime) -> None:
    row = SamlConnection.objects.filter(id=connection.id, metadata_url=connection.metadata_url)
    row.update(metadata_problem=problem, metadata_due_at=now + SOONEST)


@transaction.atomic
def _take_or_hold(
    connection: SamlConnection, document: bytes, metadata: saml.IdPMetadata, now: datetime
) -> None:
    row = locked(connection)
    if row.metadata_url != connection.metadata_url:
        return
    found = difference(row, metadata)
    if found.is_first and (holder := _holder(row, found)):
        _note_problem(connection, f"provider_held {holder}"[:500], now)
        return
    row.metadata_problem = ""
    row.metadata_read_at, row.metadata_due_at = now, now + _pause(metadata, now)
    if not found.needs_a_person:
        row.metadata_held = row.metadata_dismissed = ""
        event = None if found.is_empty else EventName.METADATA_FOLLOWED
        _take(row, found, metadata, event, proves_itself=False, actor=FOLLOWER, now=now)
        return
    held = held_difference(row, now=now)
    row.metadata_held = ""
    if found.digest != row.metadata_dismissed:
        row.metadata_held = document.decode("utf-8", "replace").replace("\0", "")
        if held is None or held.digest != found.digest:
            _record(EventName.METADATA_HELD, row, found, FOLLOWER, now)
    _note(row)


def _note(row: SamlConnection) -> None:
    """Write what is known of the metadata, which is no setting of anybody's."""
    noted_of = {name: getattr(row, name) for name in FOLLOWING}
    SamlConnection.objects.filter(id=row.id).update(**noted_of)


def _holder(row: SamlConnection, found: Difference) -> str:
    """The name of another connection that trusts the identity provider that is to be taken over."""
    wanted = copy(row)
    wanted.idp_entity_id = found.settings.get("idp_entity_id", ("", row.idp_entity_id))[1]
    if wanted.idp_entity_id != row.idp_entity_id:
        wanted.migrating_since = None
    holder = holder_of_provider(wanted)
    return holder.name if holder else ""


def _pause(metadata: saml.IdPMetadata, now: datetime) -> timedelta:
    """Until when it may be kept: as it says, within reason, and never beyond its end."""
    pause = min(max(metadata.cache_duration or EVERY, SOONEST), LATEST)
    if metadata.valid_until is not None:
        pause = min(pause, max(metadata.valid_until - now - SOONEST, SOONEST))
    return pause


def _take(
    row: SamlConnection,
    found: Difference,
    metadata: saml.IdPMetadata,
    event: EventName | None,
    *,
    proves_itself: bool,
    session: Session | None = None,
    actor: Actor,
    now: datetime,
) -> None:
    """Take a difference over, and note what the metadata says and what it replaces."""
    before = copy(row)
    replaced = {name: list(values) for name, values in row.metadata_replaced.items()}
    for name, (old, value) in found.settings.items():
        replaced[name] = _noted(replaced.get(name, []), [old], [value])
        setattr(row, name, value)
    if "idp_entity_id" in found.settings:
        # A migration was begun with the provider before.
        row.migrating_since = None
    given = [certificate.fingerprint for certificate in metadata.certificates]
    replaced["certificates"] = _noted(replaced.get("certificates", []), found.removed, given)
    row.metadata_said, row.metadata_replaced = settings_of(metadata), replaced
    row.certificates_left_out = noted_together(metadata.left_out)
    trusted = list(row.certificates.all())
    draft = Draft(
        row,
        kept=[one for one in trusted if one.fingerprint not in found.removed],
        added=list(found.added),
        from_metadata=frozenset(given),
        before=before,
        trusted=trusted,
        fields=(*FOLLOWING, "migrating_since", *found.settings),
        proves_itself=proves_itself,
    )
    entry = _entry(event, row, found) if event else None
    save_connection(draft, entry=entry, session=session, actor=actor, now=now)


def _noted(noted: list[Any], gone: Iterable[Any], present: list[Any]) -> list[Any]:
    """The newest of what has been replaced and has not come back."""
    every = list(dict.fromkeys([*noted, *gone]))
    return [one for one in every if one not in present][-KEPT:]


def _record(
    event: EventName, row: SamlConnection, found: Difference, actor: Actor, now: datetime
) -> None:
    record([_entry(event, row, found)], company_id=row.company_id, actor=actor, now=now)


def _entry(event: EventName, row: SamlConnection, found: Difference) -> Entry:
    details: dict[str, Any] = {name: list(pair) for name, pair in found.settings.items()}
    details["certificates_added"] = [one.fingerprint for one in found.added]
    details["certificates_removed"] = list(found.removed)
    return Entry(event, row.name, details)


def held_difference(connection: SamlConnection, *, now: datetime) -> Difference | None:
    """What waits for an administrator, if anything does that can still be used."""
    if not connection.metadata_held:
        return None
    try:
        return difference(connection, _read_held(connection, now))
    except SAMLError:
        return None


@transaction.atomic
def decide(
    connection: SamlConnection,
    *,
    accept: bool,
    shown: str,
    session: Session | None = None,
    actor: Actor,
    now: datetime,
) -> bool:
    """Take over what was held, or forget it until the metadata changes again.

    `shown` is the digest of the difference that the person saw: False, and nothing is done, where
    another one is held by now. Raises ProviderHeld, NoWayBack.
    """
    row = locked(connection)
    found = held_difference(row, now=now)
    if found is None or found.digest != shown:
        return False
    if accept:
        metadata, row.metadata_held = _read_held(row, now), ""
        accepted = EventName.METADATA_ACCEPTED
        by: dict[str, Any] = {"session": session, "actor": actor, "now": now}
        _take(row, found, metadata, accepted, proves_itself=True, **by)
    else:
        row.metadata_held, row.metadata_dismissed = "", found.digest
        _note(row)
        _record(EventName.METADATA_DISMISSED, row, found, actor, now)
    return True
