"""Make the installation match a file: all of it or, when anything is wrong, nothing."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import ProtectedError

from passerelle import saml
from passerelle.audit.events import EventName
from passerelle.audit.record import Entry
from passerelle.configfile.applications import is_another_secret, read_secret, write_secret
from passerelle.configfile.applications import write as write_application_of
from passerelle.configfile.catalogue import DEFAULT_PERMISSIONS
from passerelle.configfile.desired import Desired, repeated_slugs
from passerelle.configfile.differences import changes_between, removals_between
from passerelle.configfile.document import ConfigurationFile, WrongConfiguration
from passerelle.configfile.settings import (
    company_settings,
    connection_settings,
)
from passerelle.configfile.write import delete_gone, write_company
from passerelle.directory.models import (
    Company,
    Permission,
    PermissionSet,
)
from passerelle.infra.identifiers import uuid7
from passerelle.sso.models import SamlConnection


def apply_file(
    file: ConfigurationFile, *, dry_run: bool, allow_removals: bool = False, now: datetime
) -> list[str]:
    """Apply a file and return its changes, a line each. Raises WrongConfiguration.

    What would take away what people use is refused unless `allow_removals`. A dry run does the
    same and takes it back, so that it refuses whatever the real one would, but for removals: it
    notes them.
    """
    for place in repeated_slugs(file):
        raise file.wrong(place, "expected each slug once")
    try:
        with transaction.atomic():
            changes = _apply_catalogue(file)
            removals: list[str] = []
            for index in range(len(file.configuration.companies)):
                changes += _apply_company(file, index, removals, now)
            _forget_permissions(file)
            if removals and not allow_removals:
                _refuse_removals(file, removals, dry_run=dry_run)
            if dry_run:
                transaction.set_rollback(True)
    except ProtectedError as error:
        raise WrongConfiguration(f"{file.path}: {_in_use(error)}") from error
    return changes


def _refuse_removals(file: ConfigurationFile, removals: list[str], *, dry_run: bool) -> None:
    what = f"this takes away what people may be using: {'; '.join(removals)}"
    if not dry_run:
        raise WrongConfiguration(
            f"{file.path}: {what}. Nothing was changed: put it into the file, or apply it with "
            "--allow-removals"
        )
    file.notes.append(f"{file.path}: {what}. It needs --allow-removals")


def _in_use(error: ProtectedError) -> str:
    """Which row cannot go, and what holds it."""
    holders = sorted({str(row._meta.verbose_name) for row in error.protected_objects})
    count = len(error.protected_objects)
    target = error.args[0] if error.args else "something"
    names = " and ".join(holders)
    return f"{target} is in use by {count} {names}{'s' if count != 1 else ''}: change those first"


def _wanted_catalogue(file: ConfigurationFile) -> list[tuple[str, str, str]]:
    declared = file.configuration.permissions
    if not declared:
        return list(DEFAULT_PERMISSIONS)
    seen: set[str] = set()
    for index, one in enumerate(declared):
        if one.key in seen:
            raise file.wrong(("permissions", index, "key"), "expected each key once")
        seen.add(one.key)
    return [(one.key, one.name.en, one.name.fr) for one in declared]


def _apply_catalogue(file: ConfigurationFile) -> list[str]:
    known = {one.key: one for one in Permission.objects.all()} or _default_catalogue()
    changes = []
    for position, (key, name_en, name_fr) in enumerate(_wanted_catalogue(file)):
        wanted = Permission(key=key, name_en=name_en, name_fr=name_fr, position=position)
        before = known.pop(key, None)
        if before is None:
            changes.append(f"+ permission {key}")
        elif (before.name_en, before.name_fr, before.position) != (name_en, name_fr, position):
            changes.append(f"~ permission {key}")
        else:
            continue
        wanted.save(force_insert=before is None, force_update=before is not None)
    return changes + [f"- permission {key}" for key in known]


def _default_catalogue() -> dict[str, Permission]:
    """A new installation has the default catalogue: that is no change of any file's."""
    rows = [
        Permission(key=key, name_en=name_en, name_fr=name_fr, position=position)
        for position, (key, name_en, name_fr) in enumerate(DEFAULT_PERMISSIONS)
    ]
    return {row.key: row for row in Permission.objects.bulk_create(rows)}


def _forget_permissions(file: ConfigurationFile) -> None:
    """Permissions that the file does not name any more go last: sets may have let them go."""
    kept = [key for key, *_ in _wanted_catalogue(file)]
    gone = Permission.objects.exclude(key__in=kept)
    holder = PermissionSet.objects.filter(permissions__in=gone).select_related("company").first()
    if holder:
        used = holder.permissions.exclude(key__in=kept)[0]
        raise WrongConfiguration(
            f"{file.path}: permission {used.key}, which the file leaves out, is in use by "
            f"permission set {holder.name} of company {holder.company.slug}"
        )
    gone.delete()


def _apply_company(
    file: ConfigurationFile, index: int, removals: list[str], now: datetime
) -> list[str]:
    """Apply one company; return the changes, and add to `removals` what it takes away."""
    table = file.configuration.companies[index]
    slug = table.slug
    company = Company.objects.select_for_update(no_key=True).filter(slug=slug).first()
    lines = []
    if company is None:
        company = Company(id=uuid7(), slug=slug, name=table.name, created_at=now)
        company.save(force_insert=True)
        lines.append(f"+ company {slug}")
    before = company_settings(company)
    permissions = {key for key, *_ in _wanted_catalogue(file)}
    desired = Desired(file, index, permissions, before=before, now=now)
    after = desired.settings()
    if desired.says("saml"):
        _keep_what_was_followed(company, after)
    if desired.says("domains"):
        _keep_what_was_proved(company, before, after)
    desired.refuse_impossible(after, was_on=company.automatic_user_provisioning)
    _refuse_foreign_connections(file, index, company)
    _refuse_shared_providers(file, index, company, after["saml"])
    lines += changes_between(before, after)
    removals += removals_between(before, after)
    secrets = _secrets(file, index)
    lines += [
        f"~ {slug}: application {name}: client_secret"
        for name, secret in secrets.items()
        if is_another_secret(company, name, secret)
    ]
    if lines:
        entry = Entry(EventName.CONFIGURATION_APPLIED, slug, {"changes": lines})
        # What goes first: its client ID and its hosts may be another's from now on.
        kept = [one["name"] for one in after["applications"]]
        company.applications.exclude(name__in=kept).delete()
        write_company(company, desired, after, entry, now)
        for one in after["applications"] if desired.says("applications") else ():
            write_application_of(company, one, file, index)
        delete_gone(company, after)
        for name, secret in secrets.items():
            write_secret(company, name, secret, now=now)
    return lines


def _secrets(file: ConfigurationFile, index: int) -> dict[str, str | None]:
    """The client secrets that the file names, by application."""
    tables = file.configuration.companies[index].applications
    return {table.name: read_secret(file, index, position) for position, table in enumerate(tables)}


def _keep_what_was_followed(company: Company, after: dict[str, Any]) -> None:
    """What a connection has learnt from metadata that it follows is newer than the file.

    A value that metadata has replaced stays replaced, and a certificate that it withdrew stays
    away, as long as it is the same identity provider; whatever else the file says, it means.
    """
    followed = {one["slug"]: one for one in after["saml"] if one["metadata_url"]}
    rows = company.connections.filter(slug__in=followed).prefetch_related("certificates")
    for row in rows:
        wanted = followed[row.slug]
        if row.metadata_url != wanted["metadata_url"]:
            continue
        current = connection_settings(row)
        current_names = [one for one in row.metadata_said if one.removeprefix("idp_") in current]
        for name, replaced in row.metadata_replaced.items():
            key = name.removeprefix("idp_")
            older = [one or None for one in replaced]
            if name in current_names and (wanted[key] or None) in older:
                wanted[key] = current[key]
        if row.idp_entity_id not in ("", wanted["entity_id"]):
            # What was learnt is of the provider before: of this one the file says all there is.
            continue
        learnt = {
            certificate.fingerprint: certificate.pem
            for certificate in row.certificates.all()
            if certificate.from_metadata
        }
        withdrawn = row.metadata_replaced.get("certificates", [])
        written = {saml.load_certificate(pem).fingerprint: pem for pem in wanted["certificates"]}
        merged = learnt | {key: pem for key, pem in written.items() if key not in withdrawn}
        wanted["certificates"] = [merged[key] for key in sorted(merged)]


def _keep_what_was_proved(company: Company, before: dict[str, Any], after: dict[str, Any]) -> None:
    """A domain that a company has proved by its DNS is not the file's to take away."""
    proved = set(company.domains.filter(is_proved=True).values_list("name", flat=True))
    proved -= {one["name"] for one in after["domains"]}
    kept = [one for one in before["domains"] if one["name"] in proved]
    after["domains"] = sorted(after["domains"] + kept, key=lambda one: str(one["name"]))


def _refuse_foreign_connections(file: ConfigurationFile, index: int, company: Company) -> None:
    """Connection slugs are unique in the installation."""
    tables = file.configuration.companies[index].saml
    for position, table in enumerate(tables):
        others = SamlConnection.objects.exclude(company=company).filter(slug=table.slug)
        if others.exists():
            place = ("companies", index, "saml", position, "slug")
            raise file.wrong(place, "expected a slug that no other company's connection has")


def _refuse_shared_providers(
    file: ConfigurationFile, index: int, company: Company, wanted: list[dict[str, Any]]
) -> None:
    """One connection holds an identity provider, unless a migration was started on the page."""
    said = {(one["slug"], one["entity_id"]) for one in wanted}
    held = {
        row.idp_entity_id
        for row in company.connections.filter(migrating_since=None)
        if (row.slug, row.idp_entity_id) in said
    }
    excused = set()
    migrating = company.connections.exclude(migrating_since=None)
    for pair in migrating.order_by("migrating_since", "id").values_list("slug", "idp_entity_id"):
        if pair[1] in held:
            excused.add(pair)
        elif pair in said:
            # Its holder goes: the oldest that migrates takes its place, before any newcomer.
            held.add(pair[1])
    holders: dict[str, str] = {}
    for one in wanted:
        entity_id, slug = one["entity_id"], one["slug"]
        if not entity_id or (slug, entity_id) in excused:
            continue
        first = holders.setdefault(entity_id, slug)
        if first != slug:
            tables = file.configuration.companies[index].saml
            position = next(place for place, table in enumerate(tables) if table.slug == slug)
            raise file.wrong(
                ("companies", index, "saml", position, "slug"),
                f"expected an identity provider that no other connection of this company has: "
                f"{first} trusts {entity_id} already (a migration is started in the security "
                "settings)",
            )
