"""The cast of the tests, made by plain functions.

Acme has an administrator, Alice, and a connection to its identity provider; Globex is the other
company, and Mallory administers it.
"""

from datetime import UTC, datetime
from functools import cache
from typing import Any

from passerelle import saml
from passerelle.directory.models import (
    Company,
    Domain,
    Membership,
    Permission,
    PermissionSet,
    ProvisioningRule,
    User,
    Workspace,
)
from passerelle.practice_idp.faults import find_fault, respond
from passerelle.practice_idp.issue import Issue, SigningKey, make_signing_key
from passerelle.practice_idp.people import Person
from passerelle.provisioning import parse_email
from passerelle.sso.connections.connection import addresses_of, certificate_row
from passerelle.sso.models import SamlConnection
from passerelle.sso.sessions.session import open_session

NOW = datetime(2030, 1, 31, 12, 0, 0, tzinfo=UTC)
GRACE = Person("u-1", "grace@acme.example", "Grace", "Example", ("analysts",))


@cache
def signing_key(name: str = "idp") -> SigningKey:
    return make_signing_key(name=name, now=NOW)


def load_certificate_of(name: str) -> saml.Certificate:
    return saml.load_certificate(signing_key(name).certificate_der)


def idp_of(slug: str) -> str:
    return f"https://idp.{slug}.example/metadata"


def make_company(slug: str = "acme", **fields: Any) -> Company:
    """A company with a verified domain, JIT on, and a complete connection of the same slug."""
    company = Company.objects.create(slug=slug, name=slug.title(), created_at=NOW)
    workspace = Workspace.objects.create(company=company, name="Production")
    analyst = PermissionSet.objects.create(company=company, name="Analyst")
    permission, _ = Permission.objects.get_or_create(
        key="reports.export",
        defaults={"name_en": "Export reports", "name_fr": "Exporter les rapports"},
    )
    analyst.permissions.add(permission)
    Domain.objects.create(company=company, name=f"{slug}.example", verified_at=NOW)
    make_connection(company, slug=slug)
    settings = {
        "jit_provisioning_available": True,
        "automatic_user_provisioning": True,
        "default_workspace": workspace,
        "default_permission_set": analyst,
    }
    for name, value in {**settings, **fields}.items():
        setattr(company, name, value)
    company.save()
    return company


def make_connection(company: Company, *, slug: str, **fields: Any) -> SamlConnection:
    connection = SamlConnection.objects.create(
        company=company,
        slug=slug,
        name=f"{company.name} SSO",
        idp_entity_id=fields.pop("idp_entity_id", idp_of(slug)),
        target_url=f"https://idp.{slug}.example/sso",
        created_at=NOW,
        **fields,
    )
    certificate = saml.load_certificate(signing_key(slug).certificate_der)
    certificate_row(connection, certificate).save()
    return connection


def make_user(company: Company, email: str, **fields: Any) -> User:
    user = User(
        company=company,
        **{
            "created_at": NOW,
            "status": "active",
            "provisioned_by": "invitation",
            "password": "!",
            **fields,
        },
    )
    address = parse_email(email)
    assert address is not None
    user.set_email(address)
    user.save()
    return user


def make_administrator(company: Company, email: str = "") -> User:
    return make_user(company, email or f"admin@{company.slug}.example", is_administrator=True)


def give(
    user: User,
    *,
    source: str = "hand",
    workspace: str = "Production",
    permission_set: str = "Analyst",
) -> Membership:
    return Membership.objects.create(
        company=user.company,
        user=user,
        workspace=user.company.workspaces.get(name=workspace),
        permission_set=user.company.permission_sets.get(name=permission_set),
        source=source,
        granted_at=NOW,
    )


def make_rule(company: Company, group: str, *, workspace: str, permission_set: str) -> None:
    ProvisioningRule.objects.create(
        company=company,
        position=company.rules.count(),
        attribute="groups",
        equals=group,
        workspace=Workspace.objects.get_or_create(company=company, name=workspace)[0],
        permission_set=PermissionSet.objects.get_or_create(company=company, name=permission_set)[0],
    )
    Company.objects.filter(id=company.id).update(version=company.version + 1)


def respond_to(
    connection: SamlConnection,
    person: Person = GRACE,
    *,
    request_id: str | None,
    now: datetime = NOW,
    fault: str = "",
    assertion_id: str = "",
    **said: Any,
) -> str:
    """The SAMLResponse field of the connection's own identity provider."""
    ours = addresses_of(connection)
    unique = assertion_id or f"_a{_next()}"
    proper = {
        "idp_entity_id": connection.idp_entity_id,
        "audience": ours.sp_entity_id,
        "acs_url": ours.acs_url,
        "person": person,
        "now": now,
        "response_id": f"_r{_next()}",
        "assertion_id": unique,
        "in_response_to": request_id,
    }
    issue = Issue(**{**proper, **said})
    return respond(issue, signing_key(connection.slug), find_fault(fault))


_numbers = iter(range(1, 10**9))


def _next() -> int:
    return next(_numbers)


def session_of(user: User, *, now: datetime) -> str:
    """A session key for the cookie of a test client."""
    return open_session(user, connection=None, now=now, confirmed_at=now)
