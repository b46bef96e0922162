"""Save the Security settings: in one transaction, with what changed in the audit log."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from passerelle.audit.events import EventName
from passerelle.audit.record import Actor, Entry, record
from passerelle.directory.models import Company, Domain
from passerelle.infra.inserts import insert_or_nothing
from passerelle.sso.connections.connection import (
    certificate_row,
    end_migrations,
    holder_of_provider,
    missing_for_sign_in,
)
from passerelle.sso.connections.keys import make_key_after
from passerelle.sso.connections.setup_links import end_links, still_holds
from passerelle.sso.models import (
    FOLLOWING,
    TRUST,
    SamlConnection,
    Session,
    SetupLink,
    SigningCertificate,
)
from passerelle.sso.records.failures import count_failure, window_end
from passerelle.sso.sessions.enforcement import end_closed_sessions
from passerelle.sso.sessions.session import (
    end_google_sessions,
    end_sessions_of_another_provider,
    write_use,
)
from passerelle.sso.sign_in import google
from passerelle.web.settings.connection_form import (
    ADVANCED_CHOICES,
    ADVANCED_SWITCHES,
    ADVANCED_TEXTS,
    ConnectionForm,
)
from passerelle.web.settings.guide_form import GuideForm
from passerelle.web.settings.rules_form import RULES
from passerelle.web.settings.security_form import PROVISIONING, SecurityForm, version_of


class Outdated(Exception):  # noqa: N818 - reads as what is the matter
    """Someone else saved in the meantime."""


_COMPANY_FIELDS = (*PROVISIONING, *RULES, *google.SETTINGS)
_CONNECTION_FIELDS = (
    "enabled",
    "name",
    "idp_entity_id",
    "migrating_since",
    "target_url",
    "post_target_url",
    "idp_initiated",
    "metadata_url",
    "certificates_left_out",
    "authn_contexts",
    *ADVANCED_TEXTS,
    *ADVANCED_SWITCHES,
    *ADVANCED_CHOICES,
)


@transaction.atomic
def save_security(form: SecurityForm, *, session: Session, now: datetime) -> bool:
    """Save a valid form; tell whether anything changed. Raises Outdated.

    `session` is of whoever saves: it goes on, whatever others that this ends.
    """
    company = Company.locked(form.company.id)
    if company.version != form.cleaned_data["version"] or _has_moved(form):
        raise Outdated
    # What came by a way that is closed does not come back when this opens it.
    end_closed_sessions(company)
    changes = _change_company(company, form)
    changes |= _change_connection(form, now)
    if not changes:
        return False
    company.save()
    company.raise_version()
    connection = form.draft.connection
    if connection is not None:
        connection.company = company
        make_key_after(connection, now=now)
    end_closed_sessions(company)
    if connection is not None and any(name.startswith("saml.") for name in changes):
        changes = {"connection": connection.name, **changes}
    if connection is not None and changes.get("saml.idp_entity_id", [""])[0]:
        end_sessions_of_another_provider(connection, but=session)
    if any(name in changes for name in google.IDENTITY):
        end_google_sessions(company, but=session)
    # By fewer minutes than it has gone unwritten, the session of whoever saves would be over.
    write_use(session, minutes=company.session_minutes, now=now)
    entry = Entry(EventName.SETTINGS_CHANGED, company.name, changes)
    actor = Actor("user", session.user.email)
    record([entry], company_id=company.id, actor=actor, now=now)
    return True


def _has_moved(form: SecurityForm) -> bool:
    """Whether somebody with a set-up link saved the connection since this request read it."""
    if form.connection is None:
        return False
    current = SamlConnection.objects.filter(id=form.connection.id).first()
    trusted = SigningCertificate.objects.filter(connection_id=form.connection.id)
    return version_of(current, trusted) != form.shown_connection


class LinkEnded(Exception):  # noqa: N818 - reads as what is the matter
    """The set-up link has ended, or the connection was switched on, while it was being used."""


MAX_SAVES, WITHIN = 20, timedelta(hours=1)
"""By one set-up link: each is a row of the audit log, and the link is in a stranger's hands."""


class SavedTooOften(Exception):  # noqa: N818 - reads as what is the matter
    """As much was saved by this set-up link as may be; it goes on at `until`."""

    def __init__(self, until: datetime) -> None:
        super().__init__(until)
        self.until = until


# What the guide does not ask for: it stays as it is by now, not as it was when the page was made.
_NOT_IN_THE_GUIDE = (
    "enabled",
    "idp_initiated",
    "subject_attribute",
    "email_attribute",
    "first_name_attribute",
    "last_name_attribute",
    "value_separator",
    "absent_is_empty",
    "name_id_format",
    "authn_contexts",
    "allow_cbc",
    "force_authn",
)


@transaction.atomic
def save_guide(
    form: GuideForm,
    *,
    session: Session | None = None,
    actor: Actor,
    link: SetupLink | None = None,
    now: datetime,
) -> bool:
    """Save what the guide asks for, and nothing else; tell whether it changed.

    Raises LinkEnded, Outdated, SavedTooOften.
    """
    company = Company.locked(form.company.id)
    connection = form.draft.connection
    assert connection is not None
    if link is not None and not still_holds(link, now=now):
        raise LinkEnded
    current = SamlConnection.objects.get(id=connection.id)
    for name in _NOT_IN_THE_GUIDE:
        setattr(connection, name, getattr(current, name))
    if connection.enabled and missing_for_sign_in(connection, len(form.draft.ends)):
        # Switched on while this was being typed: what people use stays complete.
        raise Outdated
    changes = _change_connection(form, now)
    if not changes:
        return False
    if link is not None:
        _count_save(link, now)
    if changes.get("saml.idp_entity_id", [""])[0]:
        end_sessions_of_another_provider(connection, but=session)
    if link is None:
        # Nobody's settings change by a link: who edits them meanwhile is not held up by it.
        company.raise_version()
    connection.company = company
    make_key_after(connection, now=now)
    entry = Entry(EventName.SETTINGS_CHANGED, connection.name, changes)
    record([entry], company_id=company.id, actor=actor, now=now)
    return True


def _count_save(link: SetupLink, now: datetime) -> None:
    """Raises SavedTooOften, by which what was saved, and the count itself, are undone."""
    scope, who = "setup save", str(link.id)
    if count_failure(scope, who, window=WITHIN, now=now) > MAX_SAVES:
        raise SavedTooOften(window_end(scope, who, now=now) or now)


def _change_company(company: Company, form: SecurityForm) -> dict[str, Any]:
    changes = {}
    for name in _COMPANY_FIELDS:
        before, after = getattr(company, name), form.cleaned_data[name]
        if before != after:
            setattr(company, name, after)
            changes[name] = [_plain(before), _plain(after)]
            if name == "google_client_secret":
                # That it changed, and not to what: not even sealed.
                changes[name] = [bool(before), bool(after)]
    return changes


def _change_connection(form: ConnectionForm, now: datetime) -> dict[str, Any]:
    draft = form.draft
    connection = draft.connection
    if connection is None:
        return {}
    is_new = connection._state.adding
    before = SamlConnection() if is_new else SamlConnection.objects.get(id=connection.id)
    changes: dict[str, Any] = {
        f"saml.{name}": [_plain(getattr(before, name)), _plain(getattr(connection, name))]
        for name in _CONNECTION_FIELDS
        if getattr(before, name) != getattr(connection, name)
    }
    if is_new:
        connection.slug, connection.created_at = free_slug(form.company.slug), now
    moves = before.idp_entity_id not in ("", connection.idp_entity_id)
    if moves and not draft.moves:
        # Another identity provider was entered since the form was read.
        raise Outdated
    kept = {row.id for row in draft.kept}
    gone = [row for row in form.certificates if row.id not in kept]
    if moves:
        # Also what was accepted since the form was read: it is of the provider before.
        gone = list(connection.certificates.exclude(id__in=kept))
    if gone or any(f"saml.{name}" in changes for name in TRUST):
        connection.last_success_at, connection.trusted_since = None, now
    # Only what the form decides: metadata that is followed may have been noted in the meantime.
    written = [*_CONNECTION_FIELDS, "last_success_at", "trusted_since", "metadata_by_link"]
    is_other_address = before.metadata_url != connection.metadata_url
    connection.metadata_by_link = form.by_link and (is_other_address or before.metadata_by_link)
    if connection.enabled:
        end_links(connection)
    if gone and connection.metadata_url and not draft.from_metadata and not moves:
        connection.refuse_certificates([row.fingerprint for row in gone])
        written.append("metadata_replaced")
    if draft.from_metadata or is_other_address:
        written += FOLLOWING
    if holder_of_provider(connection):
        # Another connection took the provider since the form was read.
        raise Outdated
    connection.save(force_insert=is_new, update_fields=None if is_new else written)
    end_migrations(connection.company_id)
    changes |= _change_certificates(form, connection, gone)
    changes |= _change_domains(connection, draft.domains)
    return changes


def _change_certificates(
    form: ConnectionForm, connection: SamlConnection, gone: list[SigningCertificate]
) -> dict[str, Any]:
    draft = form.draft
    for row in gone:
        row.delete()
    for certificate in draft.added:
        new = certificate_row(connection, certificate)
        new.from_metadata = certificate.fingerprint in draft.from_metadata
        # Somebody may have accepted the same one since the form was read.
        insert_or_nothing(new)
    vouched = connection.certificates.filter(fingerprint__in=draft.from_metadata)
    vouched.update(from_metadata=True)
    if not gone and not draft.added:
        return {}
    before = [row.fingerprint for row in form.certificates]
    after = [row.fingerprint for row in draft.kept] + [one.fingerprint for one in draft.added]
    return {"saml.certificates": [before, after]}


def _change_domains(connection: SamlConnection, wanted: list[Domain] | None) -> dict[str, Any]:
    """Whose people come straight to this connection."""
    if wanted is None:
        return {}
    before = sorted(connection.domains.values_list("name", flat=True))
    after = sorted(one.name for one in wanted)
    if before == after:
        return {}
    connection.domains.exclude(name__in=after).update(connection=None)
    Domain.objects.filter(id__in=[one.id for one in wanted]).update(connection=connection)
    return {"saml.domains": [before, after]}


def free_slug(wanted: str) -> str:
    """The wanted slug, with a number behind it where it is taken."""
    taken = set(
        SamlConnection.objects.filter(slug__startswith=wanted[:58]).values_list("slug", flat=True)
    )
    numbered = (f"{wanted[:58]}-{number}" for number in range(2, len(taken) + 3))
    return wanted if wanted not in taken else next(one for one in numbered if one not in taken)


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | str | list) else str(value)
