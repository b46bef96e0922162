"""Save the Security settings: in one transaction, with what changed in the audit log."""

from datetime import datetime
from typing import Any

from django.db import transaction

from passerelle.audit.events import EventName
from passerelle.audit.record import Actor, Entry, record
from passerelle.dashboard.security_form import SecurityForm
from passerelle.directory.models import Company, User
from passerelle.sso.connections import certificate_row
from passerelle.sso.models import SamlConnection


class Outdated(Exception):  # noqa: N818 - reads as what is the matter
    """Someone else saved in the meantime."""


_COMPANY_FIELDS = (
    "automatic_user_provisioning",
    "default_workspace",
    "default_permission_set",
    "google_sso_enabled",
    "google_client_id",
    "google_hosted_domain",
)
_CONNECTION_FIELDS = ("enabled", "name", "idp_entity_id", "target_url", "idp_initiated")


@transaction.atomic
def save_security(form: SecurityForm, *, administrator: User, now: datetime) -> bool:
    """Save a valid form; tell whether anything changed. Raises Outdated."""
    company = Company.objects.select_for_update().get(id=form.company.id)
    if company.version != form.cleaned_data["version"]:
        raise Outdated
    changes = _change_company(company, form)
    changes |= _change_connection(form, now)
    if not changes:
        return False
    company.version += 1
    company.save()
    entry = Entry(EventName.SETTINGS_CHANGED, company.name, changes)
    actor = Actor("user", administrator.email)
    record([entry], company_id=company.id, actor=actor, now=now)
    return True


def _change_company(company: Company, form: SecurityForm) -> dict[str, Any]:
    changes = {}
    for name in _COMPANY_FIELDS:
        before, after = getattr(company, name), form.cleaned_data[name]
        if before != after:
            setattr(company, name, after)
            changes[name] = [_plain(before), _plain(after)]
    return changes


def _change_connection(form: SecurityForm, now: datetime) -> dict[str, Any]:
    draft = form.draft
    connection = draft.connection
    if connection is None:
        return {}
    is_new = connection._state.adding
    before = SamlConnection() if is_new else SamlConnection.objects.get(id=connection.id)
    changes: dict[str, Any] = {
        f"saml.{name}": [getattr(before, name), getattr(connection, name)]
        for name in _CONNECTION_FIELDS
        if is_new or getattr(before, name) != getattr(connection, name)
    }
    if is_new:
        connection.slug, connection.created_at = free_slug(form.company.slug), now
    if changes:
        connection.save()
    kept = {row.id for row in draft.kept}
    gone = [row for row in form.certificates if row.id not in kept]
    for row in gone:
        row.delete()
    for certificate in draft.added:
        certificate_row(connection, certificate).save()
    if gone or draft.added:
        changes["saml.certificates"] = [
            [row.fingerprint for row in form.certificates],
            [row.fingerprint for row in draft.kept] + [one.fingerprint for one in draft.added],
        ]
    return changes


def free_slug(wanted: str) -> str:
    """The wanted slug, with a number behind it where it is taken."""
    taken = set(
        SamlConnection.objects.filter(slug__startswith=wanted).values_list("slug", flat=True)
    )
    numbered = (f"{wanted[:58]}-{number}" for number in range(2, len(taken) + 3))
    return wanted if wanted not in taken else next(one for one in numbered if one not in taken)


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | str) else str(value)
