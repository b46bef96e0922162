"""A company's configuration as plain values, in the shape of the file."""

from typing import Any

from passerelle.configfile.applications import application_settings
from passerelle.directory.models import Company
from passerelle.sso.models import SamlConnection

# Fields of a connection that the file names as the database does; an empty text is left out.
CONNECTION_TEXTS = (
    "subject_attribute",
    "email_attribute",
    "first_name_attribute",
    "last_name_attribute",
    "value_separator",
    "name_id_format",
    "post_target_url",
    "logout_url",
    "logout_answer_url",
    "metadata_url",
)
CONNECTION_CHOICES = (
    "request_binding",
    "sign_requests",
    "force_authn",
    "allow_cbc",
    "absent_is_empty",
    "logout_binding",
)


def company_settings(company: Company) -> dict[str, Any]:
    """Every setting of a company, as the file would say it, in a stable order."""
    return {
        "slug": company.slug,
        "name": company.name,
        "jit_provisioning_available": company.jit_provisioning_available,
        "workspaces": [
            {"name": workspace.name} for workspace in company.workspaces.order_by("name")
        ],
        "permission_sets": [
            {
                "name": permission_set.name,
                "permissions": sorted(p.key for p in permission_set.permissions.all()),
            }
            for permission_set in company.permission_sets.order_by("name").prefetch_related(
                "permissions"
            )
        ],
        "domains": [
            {
                "name": domain.name,
                "verified": domain.verified_at is not None and not domain.is_proved,
                "connection": domain.connection.slug if domain.connection else None,
            }
            for domain in company.domains.order_by("name").select_related("connection")
        ],
        "applications": [
            application_settings(application)
            for application in company.applications.order_by("name").select_related("permission")
        ],
        "saml": [
            connection_settings(connection)
            for connection in company.connections.order_by("slug").prefetch_related("certificates")
        ],
        "provisioning": _provisioning(company),
        "google_sso": {
            "enabled": company.google_sso_enabled,
            "client_id": company.google_client_id,
            "hosted_domain": company.google_hosted_domain,
        },
        "security": {
            "password_min_length": company.password_min_length,
            "password_complexity": company.password_complexity,
            "password_reuse": company.password_reuse,
            "password_expiry_days": company.password_expiry_days,
            "session_minutes": company.session_minutes,
            "two_factor": company.two_factor,
            "sso_enforcement": company.sso_enforcement,
            "ip_allowlist": list(company.ip_allowlist),
        },
    }


def connection_settings(connection: SamlConnection) -> dict[str, Any]:
    """One connection, as the file would say it."""
    certificates = sorted(connection.certificates.all(), key=lambda one: one.fingerprint)
    return {
        "slug": connection.slug,
        "name": connection.name,
        "enabled": connection.enabled,
        "entity_id": connection.idp_entity_id or None,
        "target_url": connection.target_url or None,
        "certificates": [certificate.pem for certificate in certificates],
        "sp_entity_id": connection.sp_entity_id or None,
        "idp_initiated": connection.idp_initiated,
        **{name: getattr(connection, name) or None for name in CONNECTION_TEXTS},
        **{name: getattr(connection, name) for name in CONNECTION_CHOICES},
        "authn_contexts": connection.authn_contexts.split(),
    }


def _provisioning(company: Company) -> dict[str, Any]:
    listed = company.provisioning_domains == Company.Domains.LISTED
    workspace, permission_set = company.default_workspace, company.default_permission_set
    return {
        "automatic_user_provisioning": company.automatic_user_provisioning,
        "default_workspace": workspace.name if workspace else None,
        "default_permission_set": permission_set.name if permission_set else None,
        "domains": sorted(company.provisioning_domain_list)
        if listed
        else company.provisioning_domains,
        "newcomers": company.newcomers,
        "existing_accounts": company.existing_accounts,
        "update_profile": company.update_profile,
        "sync_rules": company.sync_rules,
        "rules": [
            {
                "attribute": rule.attribute,
                "equals": rule.equals,
                "matches": rule.matches,
                "workspace": rule.workspace.name if rule.workspace else None,
                "permission_set": rule.permission_set.name if rule.permission_set else None,
                "administrator": rule.administrator,
                "sync": rule.sync or None,
            }
            for rule in company.rules.select_related("workspace", "permission_set")
        ],
    }
