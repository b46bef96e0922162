"""What an application is told about a person: the same in tokens, userinfo and headers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from joserfc import jwt
from joserfc.errors import JoseError

from passerelle.directory.models import Application, Company, Domain, User
from passerelle.directory.rights import Rights, rights_of, rights_there, terms_of
from passerelle.infra.memory import Remembered
from passerelle.infra.tokens import digest
from passerelle.oidc.keys import signer, verifying_keys
from passerelle.sso.models import Session
from passerelle.sso.sessions.session import sid_of

OF_SCOPE = {
    "profile": ("name", "given_name", "family_name", "locale"),
    "email": ("email", "email_verified"),
    "groups": ("groups",),
}
"""Claims that are told only where their scope was asked for; all others always are."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A person in an application: their session, and what they may do there."""

    user: User
    session: Session
    application: Application
    rights: Rights
    auth_time: datetime


def visitor_of(session: Session, application: Application, *, auth_time: datetime) -> Visitor:
    """`session` with its user and company. What they may do is read now."""
    user = session.user
    application.company = user.company
    rights = rights_there(rights_of(user), terms_of(application))
    return Visitor(user, session, application, rights, auth_time)


def claims_of(visitor: Visitor) -> dict[str, Any]:
    """All claims about a person, whatever scopes were asked for."""
    user, session, rights = visitor.user, visitor.session, visitor.rights
    found: dict[str, Any] = {
        "sub": str(user.id),
        "email": user.email,
        "email_verified": _is_verified(user, session),
        "name": user.shown_name,
        "given_name": user.first_name,
        "family_name": user.last_name,
        "locale": user.language,
        "company": user.company.slug,
        "workspaces": list(rights.workspaces),
        "permission_sets": list(rights.permission_sets),
        "permissions": list(rights.permissions),
        "groups": list(dict.fromkeys([*session.groups, *user.directory_groups])),
        "roles": list(rights.roles),
        "role": rights.role,
        "auth_time": int(visitor.auth_time.timestamp()),
        "acr": session.acr,
        "amr": list(session.amr),
        "sid": sid_of(session.key_digest),
    }
    # What is not known is left out; a list that is empty says so.
    return {name: value for name, value in found.items() if value != ""}


def _is_verified(user: User, session: Session) -> bool:
    """By the company's own identity provider, or because the company controls the domain."""
    if session.connection_id or session.by_google:
        return True
    return user.email_domain in _verified_domains(user.company)


_verified: Remembered[UUID, frozenset[str]] = Remembered()


def _verified_domains(company: Company) -> frozenset[str]:
    """Read once for each version of the company's settings."""

    def read() -> frozenset[str]:
        rows = Domain.objects.filter(company=company, verified_at__isnull=False)
        return frozenset(rows.values_list("name", flat=True))

    return _verified.get(company.id, company.version, read)


def told(visitor: Visitor) -> str:
    """A digest of the rights that an application was told of: another one after a change."""
    claims = claims_of(visitor)
    return digest(repr([claims.get(name) for name in ("permission_sets", "permissions", "roles")]))


def hinted(token: str, *, now: datetime) -> dict[str, Any] | None:
    """What an ID token of ours says that is brought back, however old it is; None of any other."""
    if not token or len(token) > 20_000:
        return None
    try:
        claims = jwt.decode(token, verifying_keys(now), ["RS256"]).claims
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return claims if claims.get("iss") == issuer() else None


def within(claims: dict[str, Any], scope: str) -> dict[str, Any]:
    """What of it these scopes are told."""
    asked = scope.split()
    kept_back = {name for of, names in OF_SCOPE.items() if of not in asked for name in names}
    return {name: value for name, value in claims.items() if name not in kept_back}


def issuer() -> str:
    return str(settings.PASSERELLE.base_url)


def signed(claims: dict[str, Any], *, algorithm: str, typ: str = "JWT", now: datetime) -> str:
    """A JWT of ours."""
    key = signer(algorithm, now=now)
    header = {"alg": algorithm, "kid": key.kid, "typ": typ}
    return jwt.encode(header, {"iss": issuer(), **claims}, key.key, [algorithm])
