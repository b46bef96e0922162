"""A company's settings and its connections, saved: nothing else writes them.

Whoever asks (a page, a set-up link, the operator's file, an identity provider's metadata) brings
what is wanted. Behind the company's lock that is checked once more, and written together with the
version, the entry in the audit log and the end of every session that it closes; or not at all.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from passerelle.administration.announce import tell_of_enforcement
from passerelle.administration.draft import SETTINGS, Draft
from passerelle.administration.lockout import refuse_lockout
from passerelle.audit.events import EventName
from passerelle.audit.record import OPERATOR, Actor, Entry, record
from passerelle.directory.group_rights import sync_everybody
from passerelle.directory.models import Company, Domain
from passerelle.infra.inserts import insert_or_nothing
from passerelle.sso.connections.connection import (
    EXPIRED_CERTIFICATE,
    ProviderHeld,
    certificate_row,
    company_lacks_for_provisioning,
    end_migrations,
    holder_of_provider,
    usable_connections,
)
from passerelle.sso.connections.keys import make_key_after
from passerelle.sso.connections.setup_links import end_links
from passerelle.sso.models import TRUST, SamlConnection, Session
from passerelle.sso.sessions.enforcement import end_closed_sessions
from passerelle.sso.sessions.session import (
    end_google_sessions,
    end_sessions_of_another_provider,
    write_use,
)
from passerelle.sso.sign_in import google

Changes = dict[str, list[Any]]
"""By the name of a setting, what it was and what it is, as the audit log keeps it."""
# Written with any change: what follows from it.
_WITH_IT = ("last_success_at", "trusted_since", "metadata_replaced")


class Outdated(Exception):  # noqa: N818 - reads as what is the matter
    """What is saved by now is not what this was decided on: it has to be looked at again."""


def save_settings(
    company: Company,
    values: Mapping[str, Any],
    drafts: Sequence[Draft] = (),
    *,
    deleted: Sequence[SamlConnection] = (),
    actor: Actor,
    now: datetime,
    session: Session | None = None,
    entry: Entry | None = None,
    still: Callable[[Company], bool] | None = None,
) -> Changes:
    """Save columns of the company's row, and save or delete connections; return what has changed.

    `session` goes on, whatever others that this ends. `entry` is what the audit log says where
    something else is to be told than the changes. `still` is asked behind the lock, before anything
    is written, whether what was decided on is what is saved. Raises Outdated, NoWayBack,
    ProviderHeld; nothing is saved then.
    """
    with transaction.atomic(), _keeping_a_way_back(company, drafts, actor):
        row = Company.locked(company.id)
        if still is not None and not still(row):
            raise Outdated
        # What came by a way that is closed does not come back when this opens it.
        end_closed_sessions(row)
        worked, enforced = _works(row, now), row.sso_enforcement
        changes = _write_company(row, values)
        matters = bool(changes or deleted) or actor == OPERATOR
        moved: list[SamlConnection] = []
        for connection in deleted:
            connection.delete()
        with _trading_providers(row, drafts, now):
            for draft in drafts:
                before, after, found = _write_connection(row, draft, now)
                # One that is off may be in a stranger's hands: they hold up nobody's form.
                matters |= bool(found) and (before.enabled or after.enabled)
                if found.get("saml.idp_entity_id", [""])[0]:
                    moved.append(after)
                changes |= found
        if drafts or deleted:
            end_migrations(row.id)
        if actor.kind == "user":
            _refuse_to_break(row, worked, now)
        if not changes and entry is None:
            return {}
        if matters:
            row.raise_version()
        _follow_default(row, changes, actor, now)
        _end_sessions(row, changes, moved, session, now)
        entry = entry or _told(row, drafts, changes)
        record([entry], company_id=row.id, actor=actor, now=now)
        if row.sso_enforcement != enforced:
            tell_of_enforcement(row, enforced, row.sso_enforcement, actor=actor, now=now)
        return changes


@transaction.atomic
def add_listed_domain(company: Company, domain: str, *, actor: Actor, now: datetime) -> None:
    """Add one domain to the list of those whose people get an account."""
    listed = Company.locked(company.id).provisioning_domain_list
    values = {"provisioning_domain_list": sorted({*listed, domain})}
    save_settings(company, values, actor=actor, now=now)


def save_connection(draft: Draft, **keywords: Any) -> Changes:
    """Save one connection, as `save_settings` does."""
    assert draft.connection is not None
    return save_settings(draft.connection.company, {}, [draft], **keywords)


def _keeping_a_way_back(
    company: Company, drafts: Sequence[Draft], actor: Actor
) -> AbstractContextManager[None]:
    """People do not lock themselves out; the operator means what the file says."""
    if actor.kind != "user":
        return nullcontext()
    renamed = next((draft.connection for draft in drafts if draft.renames_people), None)
    return refuse_lockout(company, renamed=renamed)


def _end_sessions(
    company: Company,
    changes: Changes,
    moved: Sequence[SamlConnection],
    session: Session | None,
    now: datetime,
) -> None:
    for connection in moved:
        end_sessions_of_another_provider(connection, but=session)
    if any(name in changes for name in google.IDENTITY):
        end_google_sessions(company, but=session)
    end_closed_sessions(company)
    if session is not None and "session_minutes" in changes:
        # By fewer minutes than it has gone unwritten, theirs would be over.
        write_use(session, minutes=company.session_minutes, now=now)


def _told(company: Company, drafts: Sequence[Draft], changes: Changes) -> Entry:
    names = [draft.connection.name for draft in drafts if draft.connection is not None]
    of_connection = bool(names) and any(name.startswith("saml.") for name in changes)
    details = {"connection": names[0], **changes} if of_connection else dict(changes)
    return Entry(EventName.SETTINGS_CHANGED, company.name, details)


@dataclass(frozen=True, slots=True)
class _Works:
    """What people depend on: whether newcomers can be provisioned, and what they sign in with."""

    provisioning: bool
    connections: set[UUID]


def _works(company: Company, now: datetime) -> _Works:
    connections = [
        (one, [row.not_after for row in one.certificates.all()])
        for one in company.connections.prefetch_related("certificates")
    ]
    lacking = company_lacks_for_provisioning(connections, now=now)
    if company.automatic_user_provisioning:
        # An expired certificate stops switching on; it does not throw anybody out.
        lacking = [one for one in lacking if one != EXPIRED_CERTIFICATE]
    return _Works(not lacking, {connection.id for connection in usable_connections(company)})


def _refuse_to_break(company: Company, before: _Works, now: datetime) -> None:
    """What people depend on goes on working. Raises Outdated: a form has looked at it already."""
    after = _works(company, now)
    if company.automatic_user_provisioning and before.provisioning and not after.provisioning:
        raise Outdated
    enforced = company.sso_enforcement != Company.Enforcement.OFF
    if enforced and before.connections and not after.connections:
        raise Outdated
    # One that is on stays complete, as long as it is on.
    broken = before.connections - after.connections
    if broken and company.connections.filter(id__in=broken, enabled=True).exists():
        raise Outdated


def _follow_default(company: Company, changes: Changes, actor: Actor, now: datetime) -> None:
    """Whom a provisioning client looks after and no group gives anything has the default."""
    if changes.keys() & {"default_workspace", "default_permission_set"}:
        sync_everybody(company, actor=actor, now=now)


def _write_company(company: Company, values: Mapping[str, Any]) -> Changes:
    changes: Changes = {}
    for name, after in values.items():
        before = getattr(company, name)
        if before == after:
            continue
        setattr(company, name, after)
        changes[name] = [_plain(before), _plain(after)]
        if name == "google_client_secret":
            # That it changed, and not to what: not even sealed.
            changes[name] = [bool(before), bool(after)]
    if changes:
        company.save(update_fields=list(changes))
    return changes


@contextmanager
def _trading_providers(company: Company, drafts: Sequence[Draft], now: datetime) -> Iterator[None]:
    """Among several connections, entity IDs may move from one to another while they are written."""
    if len(drafts) > 1:
        company.connections.update(migrating_since=now)
    yield
    if len(drafts) > 1:
        for draft in drafts:
            assert draft.connection is not None
            mine = company.connections.filter(id=draft.connection.id)
            mine.update(migrating_since=draft.connection.migrating_since)


def _write_connection(
    company: Company, draft: Draft, now: datetime
) -> tuple[SamlConnection, SamlConnection, Changes]:
    """Write one connection; return it as it was and as it is, with what has changed."""
    wanted = draft.connection
    assert wanted is not None
    is_new = wanted._state.adding
    before = SamlConnection(enabled=False) if is_new else SamlConnection.objects.get(id=wanted.id)
    row = wanted if is_new else copy(before)
    for name in draft.fields:
        setattr(row, name, getattr(wanted, name))
    row.company = company
    changes: Changes = {
        f"saml.{name}": [_plain(getattr(before, name)), _plain(getattr(row, name))]
        for name in SETTINGS
        if getattr(before, name) != getattr(row, name)
    }
    moves = before.idp_entity_id not in ("", row.idp_entity_id)
    if moves and not draft.moves:
        # Another identity provider was entered since this was decided.
        raise Outdated
    if holder := holder_of_provider(row):
        raise ProviderHeld(holder.name)
    # With a provider goes whatever is trusted of it by now, and not only what was decided on.
    gone = draft.gone if not moves else _trusted(before) - draft.stays
    trusts_another = bool(gone) or any(f"saml.{name}" in changes for name in TRUST)
    if trusts_another if draft.proves_itself is None else draft.proves_itself:
        row.last_success_at, row.trusted_since = None, now
    if draft.refuses_removed and gone and not moves and row.metadata_url:
        row.refuse_certificates(sorted(gone))
    written = {*draft.fields, *(n for n in _WITH_IT if getattr(row, n) != getattr(before, n))}
    row.save(force_insert=is_new, update_fields=None if is_new else written)
    draft.connection = row
    if row.enabled:
        end_links(row)
    make_key_after(row, now=now)
    changes |= _write_certificates(row, draft, gone)
    changes |= _write_domains(row, draft.domains)
    return before, row, changes


def _trusted(connection: SamlConnection) -> set[str]:
    return set(connection.certificates.values_list("fingerprint", flat=True))


def _write_certificates(row: SamlConnection, draft: Draft, gone: set[str]) -> Changes:
    before = _trusted(row)
    if gone:
        row.certificates.filter(fingerprint__in=gone).delete()
    for certificate in draft.added:
        # Somebody may have accepted the same one meanwhile.
        insert_or_nothing(certificate_row(row, certificate))
    if draft.from_metadata:
        vouched = row.certificates.filter(fingerprint__in=draft.from_metadata)
        vouched.update(from_metadata=True)
    after = _trusted(row) if gone or draft.added else before
    return {} if after == before else {"saml.certificates": [sorted(before), sorted(after)]}


def _write_domains(row: SamlConnection, wanted: list[Domain] | None) -> Changes:
    """Whose people come straight to this connection."""
    if wanted is None:
        return {}
    before = sorted(row.domains.values_list("name", flat=True))
    after = sorted(domain.name for domain in wanted)
    if before == after:
        return {}
    row.domains.exclude(name__in=after).update(connection=None)
    Domain.objects.filter(id__in=[domain.id for domain in wanted]).update(connection=row)
    return {"saml.domains": [before, after]}


def _plain(value: Any) -> Any:
    """As JSON has it."""
    return value if value is None or isinstance(value, bool | int | str | list) else str(value)
