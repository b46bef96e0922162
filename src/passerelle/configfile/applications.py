"""Applications in the configuration file: as it says, as they are, and written."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.utils.text import slugify

from passerelle.configfile.document import Application as Table
from passerelle.configfile.document import ConfigurationFile
from passerelle.configfile.positions import Place
from passerelle.directory.applications import (
    ApplicationDraft,
    ClientIdTaken,
    HostTaken,
    draft_of,
    write_application,
)
from passerelle.directory.models import Application, Company, Permission
from passerelle.oidc.clients import SHORTEST_SECRET, has_secret, set_secret

LISTS = ("redirect_uris", "post_logout_redirect_uris", "hosts")
TEXTS = ("product", "client_id", "backchannel_logout_uri", "default_role")


def application_settings(row: Application) -> dict[str, Any]:
    """One application, as the file would say it."""
    held = draft_of(row)
    return _settings(
        held,
        workspaces=[workspace.name for workspace in held.workspaces],
        permission=held.permission.key if held.permission else None,
        roles={given.name: role for given, role in held.roles},
    )


def wanted_application(table: Table, company: str) -> dict[str, Any]:
    """One application, as the file says it."""
    client_id = table.client_id
    if table.kind == "oidc" and client_id is None:
        client_id = f"{company}-{slugify(table.name)}".strip("-")
    names = [*table.workspaces, *([table.workspace] if table.workspace else [])]
    return _settings(
        table.model_copy(update={"client_id": client_id}),
        workspaces=names,
        permission=table.permission,
        roles=dict(table.roles),
    )


def _settings(
    source: Any, *, workspaces: list[str], permission: str | None, roles: dict[str, str]
) -> dict[str, Any]:
    return {
        "name": source.name,
        "url": source.url,
        "kind": str(source.kind),
        **{name: getattr(source, name) or None for name in TEXTS},
        "public": source.public,
        "open_at_sign_in": source.open_at_sign_in,
        "workspaces": sorted(set(workspaces)),
        "permission": permission,
        **{name: list(dict.fromkeys(getattr(source, name))) for name in LISTS[:2]},
        "hosts": sorted(set(source.hosts)),
        "roles": roles,
    }


_TABLES = {"workspaces": "workspaces", "roles": "permission_sets"}
_ONLY_WITH = {
    "oidc": (
        "client_id",
        "client_secret_file",
        "public",
        "redirect_uris",
        "post_logout_redirect_uris",
        "backchannel_logout_uri",
    ),
    "proxy": ("hosts",),
}


def check_application(
    file: ConfigurationFile,
    index: int,
    position: int,
    *,
    permissions: set[str],
    names: Callable[[str], list[str]],
) -> None:
    """What one key says of another. Raises WrongConfiguration.

    `names` is what the company has of a table: its workspaces, its permission sets.
    """
    place: Place = ("companies", index, "applications", position)
    company = file.configuration.companies[index]
    table = company.applications[position]
    for name, of in _TABLES.items():
        known = names(of)
        for number, key in enumerate(getattr(table, name)):
            if key not in known:
                at: Place = (*place, name, number if name == "workspaces" else key)
                listed = ", ".join(known) or "none"
                raise file.wrong(at, f"expected one of this company's {of}: {listed}")
    if table.permission is not None and table.permission not in permissions:
        listed = ", ".join(sorted(permissions))
        raise file.wrong((*place, "permission"), f"expected one of {listed}")
    for kind, keys in _ONLY_WITH.items():
        for key in keys:
            if table.kind != kind and getattr(table, key):
                raise file.wrong((*place, key), f'expected kind = "{kind}" beside it')
    _refuse_incomplete(file, place, table)
    before = company.applications[:position]
    earlier = [one.name for one in before if one.open_at_sign_in]
    if table.open_at_sign_in and earlier:
        sentence = f"expected true for one application of a company: it is of {earlier[0]}"
        raise file.wrong((*place, "open_at_sign_in"), sentence)


def _refuse_incomplete(file: ConfigurationFile, place: Place, table: Table) -> None:
    if table.kind == "oidc" and not table.redirect_uris:
        raise file.wrong((*place, "redirect_uris"), "expected at least one address with oidc")
    if table.kind == "proxy" and not table.hosts:
        raise file.wrong((*place, "hosts"), "expected at least one host with proxy")
    if table.public and table.client_secret_file:
        raise file.wrong((*place, "client_secret_file"), "expected none with public = true")


def read_secret(file: ConfigurationFile, index: int, position: int) -> str | None:
    """The client secret that a file holds. Raises WrongConfiguration."""
    table = file.configuration.companies[index].applications[position]
    if table.client_secret_file is None:
        return None
    at: Place = ("companies", index, "applications", position, "client_secret_file")
    try:
        path = file.path.parent / table.client_secret_file
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or error
        raise file.wrong(at, f"expected a file that can be read ({problem})") from error
    if len(secret) < SHORTEST_SECRET or not secret.isprintable() or " " in secret:
        raise file.wrong(
            at, f"expected a file with a secret of at least {SHORTEST_SECRET} characters"
        )
    return secret


def write(
    company: Company, wanted: dict[str, Any], file: ConfigurationFile, index: int
) -> Application:
    """Make or change one application. Raises WrongConfiguration."""
    row = company.applications.filter(name=wanted["name"]).first()
    row = row or Application(company=company)
    workspaces = {one.name: one for one in company.workspaces.all()}
    permission_sets = {one.name: one for one in company.permission_sets.all()}
    draft = ApplicationDraft(
        name=wanted["name"],
        url=wanted["url"],
        kind=wanted["kind"],
        product=wanted["product"] or "",
        backchannel_logout_uri=wanted["backchannel_logout_uri"] or "",
        default_role=wanted["default_role"] or "",
        client_id=wanted["client_id"],
        public=wanted["public"],
        open_at_sign_in=wanted["open_at_sign_in"],
        workspaces=tuple(workspaces[name] for name in wanted["workspaces"]),
        permission=Permission.objects.filter(key=wanted["permission"]).first(),
        client_keys=row.client_keys,
        redirect_uris=tuple(wanted["redirect_uris"]),
        post_logout_redirect_uris=tuple(wanted["post_logout_redirect_uris"]),
        hosts=tuple(wanted["hosts"]),
        roles=tuple((permission_sets[name], role) for name, role in wanted["roles"].items()),
    )
    names = [table.name for table in file.configuration.companies[index].applications]
    place: Place = ("companies", index, "applications", names.index(row.name or draft.name))
    try:
        write_application(row, draft)
    except ClientIdTaken:
        at = (*place, "client_id")
        raise file.wrong(at, "expected one that no other application has") from None
    except HostTaken as error:
        sentence = f"expected hosts that no other application has: {error.host} is one"
        raise file.wrong((*place, "hosts"), sentence) from None
    return row


def is_another_secret(company: Company, name: str, secret: str | None) -> bool:
    """Whether the file brings another secret than the one that is kept."""
    if secret is None:
        return False
    row = company.applications.filter(name=name).first()
    return row is None or not has_secret(row, secret)


def write_secret(company: Company, name: str, secret: str | None, *, now: datetime) -> None:
    if secret is not None and is_another_secret(company, name, secret):
        set_secret(company.applications.get(name=name), secret, now=now)
