"""Write what a file wants of one company into the database."""

from copy import copy
from datetime import datetime
from typing import Any

from django.db import IntegrityError
from django.db.models import Model, ProtectedError

from passerelle import saml
from passerelle.administration.draft import SETTINGS, Draft
from passerelle.administration.settings import save_settings
from passerelle.audit.record import OPERATOR, Entry
from passerelle.configfile.desired import Desired
from passerelle.configfile.settings import CONNECTION_CHOICES, CONNECTION_TEXTS
from passerelle.directory.group_rights import sync_everybody
from passerelle.directory.models import (
    Company,
    Domain,
    PermissionSet,
    ProvisioningRule,
    Workspace,
)
from passerelle.sso.models import FOLLOWING, SamlConnection


def write_company(
    company: Company, desired: Desired, after: dict[str, Any], entry: Entry, now: datetime
) -> None:
    """First what is new or changed, then what points at it, and last what nothing needs."""
    for one in after["workspaces"]:
        Workspace.objects.get_or_create(company=company, name=one["name"])
    for one in after["permission_sets"]:
        row, _ = PermissionSet.objects.get_or_create(company=company, name=one["name"])
        row.permissions.set(one["permissions"])
    wanted = after["saml"] if desired.says("saml") else []
    slugs = [one["slug"] for one in after["saml"]]
    save_settings(
        company,
        _row(company, after),
        [_draft(company, one, now) for one in wanted],
        deleted=list(company.connections.exclude(slug__in=slugs)),
        entry=entry,
        actor=OPERATOR,
        now=now,
    )
    for one in after["domains"]:
        _write_domain(company, one, now)
    if desired.before["provisioning"]["rules"] != after["provisioning"]["rules"]:
        _write_rules(company, after["provisioning"]["rules"])
        sync_everybody(Company.objects.get(id=company.id), actor=OPERATOR, now=now)


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
            workspace=workspaces[rule["workspace"]] if rule["workspace"] else None,
            permission_set=permission_sets[rule["permission_set"]]
            if rule["permission_set"]
            else None,
            administrator=rule["administrator"],
            sync=rule["sync"] or "",
        )
        for position, rule in enumerate(rules)
    )


def delete_gone(company: Company, after: dict[str, Any]) -> None:
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
