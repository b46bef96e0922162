"""Applications: changed by an administrator or a file."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from passerelle.audit.events import EventName
from passerelle.audit.record import Actor, Entry, record
from passerelle.directory.models import (
    Application,
    ApplicationHost,
    ApplicationRole,
    ApplicationWorkspace,
    Company,
    Permission,
    PermissionSet,
    Workspace,
)


class NameTaken(Exception):  # noqa: N818 - reads as what is the matter
    """The company has one of this name already."""


class ClientIdTaken(Exception):  # noqa: N818 - reads as what is the matter
    """Another application of this installation has this client ID."""


class HostTaken(Exception):  # noqa: N818 - reads as what is the matter
    """Another application of this installation has this host."""

    def __init__(self, host: str) -> None:
        super().__init__(host)
        self.host = host


class TooMany(Exception):  # noqa: N818 - reads as what is the matter
    """The company has as many applications as one page can show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationDraft:
    """An application as it is to be; see the model for each field."""

    name: str
    url: str
    kind: str = Application.Kind.LINK
    product: str = ""
    workspaces: tuple[Workspace, ...] = ()
    permission: Permission | None = None
    default_role: str = ""
    open_at_sign_in: bool = False
    client_id: str | None = None
    public: bool = False
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str = ""
    client_keys: dict[str, Any] | None = None
    hosts: tuple[str, ...] = ()
    roles: tuple[tuple[PermissionSet, str], ...] = ()
    """Permission sets with what the dashboard calls their role, the strongest first."""

    @property
    def stored(self) -> dict[str, Any]:
        """As the audit log keeps it."""
        return {
            "name": self.name,
            "url": self.url,
            "kind": str(self.kind),
            "product": self.product,
            "workspaces": sorted(workspace.name for workspace in self.workspaces),
            "permission": self.permission.key if self.permission else None,
            "default_role": self.default_role,
            "open_at_sign_in": self.open_at_sign_in,
            "client_id": self.client_id,
            "public": self.public,
            "redirect_uris": list(self.redirect_uris),
            "post_logout_redirect_uris": list(self.post_logout_redirect_uris),
            "backchannel_logout_uri": self.backchannel_logout_uri,
            "client_keys": self.client_keys is not None,
            "hosts": sorted(self.hosts),
            "roles": [f"{given.name} = {role}" for given, role in self.roles],
        }


WHOLE = ("workspaces", "hosts", "roles__permission_set")
"""What belongs to an application, to be read with it."""


def draft_of(row: Application) -> ApplicationDraft:
    """The application as it is."""
    return ApplicationDraft(
        name=row.name,
        url=row.url,
        kind=row.kind,
        product=row.product,
        workspaces=tuple(row.workspaces.all()),
        permission=row.permission,
        default_role=row.default_role,
        open_at_sign_in=row.open_at_sign_in,
        client_id=row.client_id,
        public=row.public,
        redirect_uris=tuple(row.redirect_uris),
        post_logout_redirect_uris=tuple(row.post_logout_redirect_uris),
        backchannel_logout_uri=row.backchannel_logout_uri,
        client_keys=row.client_keys,
        hosts=tuple(held.host for held in row.hosts.all()),
        roles=tuple((given.permission_set, given.role) for given in row.roles.all()),
    )


_COLUMNS = (
    "name",
    "url",
    "kind",
    "product",
    "permission",
    "default_role",
    "open_at_sign_in",
    "client_id",
    "public",
    "backchannel_logout_uri",
    "client_keys",
)
_LISTS = ("redirect_uris", "post_logout_redirect_uris")


@transaction.atomic
def add_application(
    company: Company, draft: ApplicationDraft, *, actor: Actor, now: datetime
) -> Application:
    """Raises NameTaken, ClientIdTaken, HostTaken, TooMany."""
    Company.locked(company.id)
    if company.applications.count() >= Application.MOST:
        raise TooMany
    row = Application(company=company)
    write_application(row, draft)
    told = {key: value for key, value in draft.stored.items() if value not in (None, "", [], False)}
    _record(company, EventName.APPLICATION_ADDED, draft.name, told, actor, now)
    return row


@transaction.atomic
def change_application(
    row: Application, draft: ApplicationDraft, *, actor: Actor, now: datetime
) -> bool:
    """Tell whether anything changed. Raises NameTaken, ClientIdTaken, HostTaken."""
    Company.locked(row.company_id)
    # As it is by now, whatever of it was read before.
    before = draft_of(Application.objects.get(id=row.id)).stored
    after = draft.stored
    changes = {key: [before[key], after[key]] for key in after if before[key] != after[key]}
    if not changes:
        return False
    write_application(row, draft)
    _record(row.company, EventName.APPLICATION_CHANGED, draft.name, changes, actor, now)
    return True


@transaction.atomic
def remove_application(row: Application, *, actor: Actor, now: datetime) -> None:
    details = {"url": row.url, "kind": row.kind}
    row.delete()
    _record(row.company, EventName.APPLICATION_REMOVED, row.name, details, actor, now)


def write_application(row: Application, draft: ApplicationDraft) -> None:
    """Write all of it, without a word in the audit log. Raises as `add_application` does."""
    _refuse_taken(row, draft)
    for name in _COLUMNS:
        setattr(row, name, getattr(draft, name))
    for name in _LISTS:
        setattr(row, name, list(getattr(draft, name)))
    of_row: dict[str, Any] = {"company_id": row.company_id, "application": row}
    try:
        # The database says what is taken, whoever else is saving at this moment.
        with transaction.atomic():
            if draft.open_at_sign_in:
                # One of a company does: this one from now on.
                of_company = Application.objects.filter(company_id=row.company_id)
                of_company.exclude(id=row.id).update(open_at_sign_in=False)
            row.save()
            row.hosts.exclude(host__in=draft.hosts).delete()
            known = set(row.hosts.values_list("host", flat=True))
            ApplicationHost.objects.bulk_create(
                ApplicationHost(host=host, **of_row) for host in draft.hosts if host not in known
            )
    except IntegrityError as error:
        _refuse_taken(row, draft)
        raise NameTaken from error
    ApplicationWorkspace.objects.filter(application=row).delete()
    ApplicationWorkspace.objects.bulk_create(
        ApplicationWorkspace(workspace=workspace, **of_row) for workspace in draft.workspaces
    )
    row.roles.all().delete()
    ApplicationRole.objects.bulk_create(
        ApplicationRole(permission_set=given, role=role, position=position, **of_row)
        for position, (given, role) in enumerate(draft.roles)
    )


def _refuse_taken(row: Application, draft: ApplicationDraft) -> None:
    others = Application.objects.exclude(id=row.id)
    keeps_its_name = Application.objects.filter(id=row.id, name=draft.name).exists()
    # Nor may a name differ by upper and lower case alone: people would take one for the other.
    same = others.filter(company_id=row.company_id, name__iexact=draft.name)
    if not keeps_its_name and same.exists():
        raise NameTaken
    if draft.client_id and others.filter(client_id=draft.client_id).exists():
        raise ClientIdTaken
    taken = ApplicationHost.objects.filter(host__in=draft.hosts).exclude(application_id=row.id)
    if host := taken.values_list("host", flat=True).first():
        raise HostTaken(host)
    # Nor another port of a host of another company: proxies tell them apart by nothing else.
    elsewhere = ApplicationHost.objects.exclude(company_id=row.company_id)
    for host in draft.hosts:
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if elsewhere.filter(Q(host=name) | Q(host__startswith=f"{name}:")).exists():
            raise HostTaken(host)


def _record(
    company: Company,
    event: EventName,
    target: str,
    details: dict[str, Any],
    actor: Actor,
    now: datetime,
) -> None:
    record([Entry(event, target, details)], company_id=company.id, actor=actor, now=now)
    company.raise_version()
