"""What the forms about signing in save, and what of it they show."""

from datetime import datetime, timedelta

from django.db import transaction

from passerelle.administration.connections import free_slug
from passerelle.administration.draft import (
    IDENTITY_PROVIDER,
    LOGOUT,
    SETTINGS,
    Draft,
)
from passerelle.administration.settings import save_connection, save_settings
from passerelle.audit.record import Actor
from passerelle.directory.models import Company
from passerelle.sso.connections.setup_links import still_holds
from passerelle.sso.models import FOLLOWING, SamlConnection, Session, SetupLink, SigningCertificate
from passerelle.sso.records.failures import count_failure, window_end
from passerelle.sso.sign_in import google
from passerelle.web.settings.connection_form import ConnectionForm
from passerelle.web.settings.guide_form import GuideForm
from passerelle.web.settings.rules_form import RULES
from passerelle.web.settings.security_form import PROVISIONING, SecurityForm, version_of

_COMPANY = (*PROVISIONING, *RULES, *google.SETTINGS)
_PAGE = (*SETTINGS, "metadata_by_link")
# What the guide asks for, and what the metadata that it reads says besides.
_GUIDE = (
    "name",
    "migrating_since",
    "metadata_url",
    "metadata_by_link",
    "certificates_left_out",
    *IDENTITY_PROVIDER,
    "request_binding",
    "sign_requests",
    *LOGOUT,
)

MAX_SAVES, WITHIN = 20, timedelta(hours=1)
"""By one set-up link: each is a row of the audit log, and the link is in a stranger's hands."""


class SavedTooOften(Exception):  # noqa: N818 - reads as what is the matter
    """As much was saved by this set-up link as may be; it goes on at `until`."""

    def __init__(self, until: datetime) -> None:
        super().__init__(until)
        self.until = until


def save_security(form: SecurityForm, *, session: Session, now: datetime) -> bool:
    """Save a valid form; tell whether anything changed. Raises as `save_settings` does."""

    def is_what_was_shown(company: Company) -> bool:
        return company.version == form.cleaned_data["version"] and not _has_moved(form)

    changes = save_settings(
        form.company,
        {name: form.cleaned_data[name] for name in _COMPANY},
        [_draft(form, _PAGE, now)] if form.draft.connection else [],
        still=is_what_was_shown,
        session=session,
        actor=Actor("user", session.user.email),
        now=now,
    )
    return bool(changes)


def _has_moved(form: SecurityForm) -> bool:
    """Whether somebody with a set-up link saved the connection since this request read it."""
    if form.connection is None:
        return False
    current = SamlConnection.objects.filter(id=form.connection.id).first()
    trusted = SigningCertificate.objects.filter(connection_id=form.connection.id)
    return version_of(current, trusted) != form.shown_connection


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

    Raises SavedTooOften, and as `save_settings` does: Outdated, where the link has ended.
    """
    draft = _draft(form, _GUIDE, now)
    changes = save_connection(
        draft,
        still=(lambda _: still_holds(link, now=now)) if link else None,
        session=session,
        actor=actor,
        now=now,
    )
    if changes and link is not None:
        _count_save(link, now)
    return bool(changes)


def _count_save(link: SetupLink, now: datetime) -> None:
    """Raises SavedTooOften, by which what was saved, and the count itself, are undone."""
    scope, who = "setup save", str(link.id)
    if count_failure(scope, who, window=WITHIN, now=now) > MAX_SAVES:
        raise SavedTooOften(window_end(scope, who, now=now) or now)


def _draft(form: ConnectionForm, fields: tuple[str, ...], now: datetime) -> Draft:
    """The form's draft, with which columns of it are saved."""
    draft, before = form.draft, form.draft.before
    connection = draft.connection
    assert connection is not None
    if before is None:
        connection.slug, connection.created_at = free_slug(form.company.slug), now
    other_address = before is None or before.metadata_url != connection.metadata_url
    was_by_link = before is not None and before.metadata_by_link
    connection.metadata_by_link = form.by_link and (other_address or was_by_link)
    # Metadata that is followed may have been noted meanwhile.
    draft.fields = (*fields, *FOLLOWING) if draft.from_metadata or other_address else fields
    return draft
