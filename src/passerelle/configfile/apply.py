"""Make the installation match a file: all of it or, when anything is wrong, nothing."""

from copy import copy
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Model, ProtectedError

from passerelle import saml
from passerelle.administration.draft import SETTINGS, Draft
from passerelle.administration.settings import save_settings
from passerelle.audit.events import EventName
from passerelle.audit.record import OPERATOR, Entry
from passerelle.configfile.applications import is_another_secret, read_secret, write_secret
from passerelle.configfile.applications import write as write_application_of
from passerelle.configfile.catalogue import DEFAULT_PERMISSIONS
from passerelle.configfile.desired import Desired, repeated_slugs
from passerelle.configfile.differences import changes_between
from passerelle.configfile.document import ConfigurationFile, WrongConfiguration
from passerelle.configfile.settings import (
    CONNECTION_CHOICES,
    CONNECTION_TEXTS,
    company_settings,
    connection_settings,
)
from passerelle.directory.models import (
    Company,
    Domain,
    Permission,
    PermissionSet,
    ProvisioningRule,
    Workspace,
)
from passerelle.infra.identifiers import uuid7
from passerelle.sso.models import FOLLOWING, SamlConnection


def apply_file(file: ConfigurationFile, *, dry_run: bool, now: datetime) -> list[str]:
    """Apply a file and return its changes, a line each. Raises WrongConfiguration.

    A dry run does the same and takes it back, so that it refuses whatever the real one would.
    """
    for place in repeated_slugs(file):
        raise file.wrong(place, "expected each slug once")
    try:
        with transaction.atomic():
            changes = _apply_catalogue(file)
            for index in range(len(file.configuration.companies)):
                changes += _apply_company(file, index, now)
            _forget_permissions(file)
            if dry_run:
                transaction.set_rollback(True)
    except ProtectedError as error:
        raise WrongConfiguration(f"{file.path}: {_in_use(error)}") from error
    return changes


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


def _apply_company(file: ConfigurationFile, index: int, now: datetime) -> list[str]:
    permissions = {key for key, *_ in _wanted_catalogue(file)}
    desired = Desired(file, index, permissions, now=now)
    slug = desired.company.slug
    company = Company.objects.select_for_update(no_key=True).filter(slug=slug).first()
    lines = []
    if company is None:
        company = Company(id=uuid7(), slug=slug, name=desired.company.name, created_at=now)
        company.save(force_insert=True)
        lines.append(f"+ company {slug}")
    before, after = company_settings(company), desired.settings()
    _keep_what_was_followed(company, after)
    _keep_what_was_proved(company, before, after)
    desired.refuse_unless_provisioning_possible(
        after["saml"], was_on=company.automatic_user_provisioning
    )
    desired.refuse_unless_enforcement_possible(after["saml"])
    _refuse_foreign_connections(file, index, company)
    _refuse_shared_providers(file, index, company, after["saml"])
    lines += changes_between(before, after)
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
        _write_company(company, before, after, entry, now)
        for one in after["applications"]:
            write_application_of(company, one, file, index)
        _delete_gone(company, after)
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


def _write_company(
    company: Company, before: dict[str, Any], after: dict[str, Any], entry: Entry, now: datetime
) -> None:
    """First what is new or changed, then what points at it, and last what nothing needs."""
    for one in after["workspaces"]:
        Workspace.objects.get_or_create(company=company, name=one["name"])
    for one in after["permission_sets"]:
        row, _ = PermissionSet.objects.get_or_create(company=company, name=one["name"])
        row.permissions.set(one["permissions"])
    slugs = [one["slug"] for one in after["saml"]]
    save_settings(
        company,
        _row(company, after),
        [_draft(company, one, now) for one in after["saml"]],
        deleted=list(company.connections.exclude(slug__in=slugs)),
        entry=entry,
        actor=OPERATOR,
        now=now,
    )
    for one in after["domains"]:
        _write_domain(company, one, now)
    if before["provisioning"]["rules"] != after["provisioning"]["rules"]:
        _write_rules(company, after["provisioning"]["rules"])


def _write_domain(company: Company, wanted: dict[str, Any], now: datetime) -> None:
    row, _ = Domain.objects.get_or_create(company=company, name=wanted["name"])
    if wanted["verified"]:
        row.verified_at, row.is_proved = row.verified_at or now, False
    elif not row.is_proved:
        row.verified_at = None
    slug = wanted["connection"]
    row.connection = company.connections.get(slug=slug) if slug else None
    row.save()


def _draft(company: Company, wanted: dict[str, Any], now: datetime) -> Draft:
    """A connection as the file says."""
    slug = wanted["slug"]
    before = company.connections.filter(slug=slug).first()
    row = copy(before) or SamlConnection(company=company, slug=slug, created_at=now)
    row.name, row.enabled = wanted["name"], wanted["enabled"]
    row.idp_entity_id, row.target_url = wanted["entity_id"] or "", wanted["target_url"] or ""
    row.sp_entity_id = wanted["sp_entity_id"] or ""
    row.idp_initiated = wanted["idp_initiated"]
    row.follow_metadata(wanted["metadata_url"] or "", now=now)
    row.metadata_by_link = False
    for name in CONNECTION_TEXTS:
        setattr(row, name, wanted[name] or "")
    for name in CONNECTION_CHOICES:
        setattr(row, name, wanted[name])
    row.authn_contexts = " ".join(wanted["authn_contexts"])
    trusted = list(before.certificates.all()) if before else []
    said = [saml.load_certificate(pem) for pem in wanted["certificates"]]
    fingerprints = {one.fingerprint for one in said}
    known = {one.fingerprint for one in trusted}
    return Draft(
        row,
        kept=[one for one in trusted if one.fingerprint in fingerprints],
        added=[one for one in said if one.fingerprint not in known],
        before=before,
        trusted=trusted,
        fields=(*SETTINGS, *FOLLOWING, "metadata_by_link"),
    )


def _row(company: Company, after: dict[str, Any]) -> dict[str, Any]:
    """The company's own row, as the file says."""
    provisioning, google = after["provisioning"], after["google_sso"]
    workspace, permission_set, domains = (
        provisioning[one] for one in ("default_workspace", "default_permission_set", "domains")
    )
    listed = isinstance(domains, list)
    same = (
        "automatic_user_provisioning",
        "newcomers",
        "existing_accounts",
        "update_profile",
        "sync_rules",
    )
    return {
        "name": after["name"],
        "jit_provisioning_available": after["jit_provisioning_available"],
        **{name: provisioning[name] for name in same},
        "default_workspace": workspace and company.workspaces.get(name=workspace),
        "default_permission_set": permission_set
        and company.permission_sets.get(name=permission_set),
        "provisioning_domains": "listed" if listed else domains,
        "provisioning_domain_list": domains if listed else [],
        "google_sso_enabled": google["enabled"],
        "google_client_id": google["client_id"],
        "google_hosted_domain": google["hosted_domain"],
        **after["security"],
    }


def _write_rules(company: Company, rules: list[dict[str, Any]]) -> None:
    company.rules.all().delete()
    workspaces = {workspace.name: workspace for workspace in company.workspaces.all()}
    permission_sets = {
        permission_set.name: permission_set for permission_set in company.permission_sets.all()
    }
    ProvisioningRule.objects.bulk_create(
        ProvisioningRule(
            company=company,
            position=position,
            attribute=rule["attribute"],
            equals=rule["equals"],
            matches=rule["matches"],
            workspace=workspaces[rule["workspace"]],
            permission_set=permission_sets[rule["permission_set"]],
        )
        for position, rule in enumerate(rules)
    )


def _delete_gone(company: Company, after: dict[str, Any]) -> None:
    rows: list[Model] = []
    for table in ("workspaces", "permission_sets", "domains"):
        names = [one["name"] for one in after[table]]
        rows += list(getattr(company, table).exclude(name__in=names))
    for row in rows:
        try:
            row.delete()
        except (ProtectedError, IntegrityError) as error:
            raise ProtectedError(
                f"{row._meta.verbose_name} {row} of company {company.slug}",
                getattr(error, "protected_objects", {row}),
            ) from error
