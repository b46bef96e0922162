"""Grants and tokens: kept as digests, looked up each time, so that a right taken away counts."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from passerelle.directory.models import Application
from passerelle.infra.prepared import Prepared
from passerelle.infra.tokens import digest, new_token
from passerelle.oidc.claims import Visitor, visitor_of
from passerelle.oidc.models import Grant, Token
from passerelle.sso.models import Session
from passerelle.sso.sessions.session import MAX_AGE, is_still_open, open_rows

CODE_LIFETIME = timedelta(seconds=60)
ACCESS_LIFETIME = timedelta(hours=1)
"""However long: it opens nothing any more once the session, the right or the person is gone."""


def new_grant(
    visitor: Visitor,
    *,
    scope: str = "",
    nonce: str = "",
    resource: str = "",
    redirect_uri: str = "",
    code_challenge: str = "",
    code: str | None = None,
    told: str = "",
    now: datetime,
) -> Grant:
    """One sign-in into an application, with its code where it has one."""
    session = visitor.session
    return Grant.objects.create(
        company_id=session.company_id,
        application=visitor.application,
        subject=visitor.user.id,
        session=session,
        scope=scope,
        nonce=nonce,
        resource=resource,
        auth_time=visitor.auth_time,
        created_at=now,
        code_digest=digest(code) if code else None,
        code_expires_at=now + CODE_LIFETIME if code else None,
        redirect_uri=redirect_uri,
        code_challenge=code_challenge,
        told=told,
        expires_at=session.created_at + MAX_AGE,
    )


def new_token_of(grant: Grant, kind: Token.Kind, *, scope: str = "", now: datetime) -> str:
    token = new_token()
    lasts = now + ACCESS_LIFETIME if kind == Token.Kind.ACCESS else grant.expires_at
    Token.objects.create(
        digest=digest(token),
        company_id=grant.company_id,
        grant=grant,
        kind=kind,
        scope=scope or grant.scope,
        created_at=now,
        expires_at=min(lasts, grant.expires_at),
    )
    return token


def _with_session(rows: "QuerySet[Token]", now: datetime) -> "QuerySet[Token]":
    related = rows.select_related("grant__application", "grant__session__user__company")
    return related.filter(open_rows(now, "grant__session__"), grant__expires_at__gt=now)


def _token(digest: str, kind: str, of_kind: str, now: datetime) -> "QuerySet[Token]":
    rows = Token.objects.filter(digest=digest, kind=kind, expires_at__gt=now, used_at=None)
    return _with_session(rows.filter(grant__application__kind=of_kind), now)


def _token_at_host(
    digest: str, kind: str, of_kind: str, host: str, now: datetime
) -> "QuerySet[Token]":
    return _token(digest, kind, of_kind, now).filter(grant__application__hosts__host=host)


_VALUES: dict[str, Any] = {"digest": str, "kind": str, "of_kind": str, "now": datetime}
_TOKEN = Prepared(_token, **_VALUES)
_TOKEN_AT_HOST = Prepared(_token_at_host, **_VALUES, host=str)


def find_token(
    token: str, kind: Token.Kind, *, host: str | None = None, is_used: bool = False, now: datetime
) -> tuple[Token, Visitor] | None:
    """A token that holds, with its person as they are now; None otherwise.

    Two statements: what it stands for and whose session that is, then what the person may do.
    `host` is where a proxy guards the application, which has to have it still. `is_used`: the
    person is there now, and it is not their dashboard that asks by itself.
    """
    values: dict[str, Any] = {"digest": digest(token), "kind": str(kind), "now": now}
    # Of what an application was before it was changed, nothing counts.
    is_proxy = kind == Token.Kind.PROXY
    values["of_kind"] = str(Application.Kind.PROXY if is_proxy else Application.Kind.OIDC)
    asked = _TOKEN if host is None else _TOKEN_AT_HOST
    found = next(asked.objects(**values, **({} if host is None else {"host": host})), None)
    if found is None:
        return None
    visitor = visitor_in(found.grant, is_used=is_used, now=now)
    return (found, visitor) if visitor else None


def visitor_in(grant: Grant, *, is_used: bool = False, now: datetime) -> Visitor | None:
    """The person of a grant, as long as their session is open and they may open the application."""
    session = grant.session
    if not is_still_open(session, is_used=is_used, now=now):
        return None
    visitor = visitor_of(session, grant.application, auth_time=grant.auth_time)
    return visitor if visitor.rights.may_open else None


def open_grant(grant: Grant, *, now: datetime) -> Visitor | None:
    """The same for a grant whose session is yet to be read."""
    rows = Session.objects.select_related("user__company").filter(key_digest=grant.session_id)
    session = rows.filter(open_rows(now)).first()
    if session is None or grant.expires_at <= now:
        return None
    grant.session = session
    return visitor_in(grant, now=now)


def auth_time_of(session: Session) -> datetime:
    """When the person last showed who they are."""
    return session.confirmed_at or session.created_at


def end_grants(application: Application, session: Session) -> None:
    """A person leaves one application, and stays signed in here."""
    end(Grant.objects.filter(application=application, session_id=session.key_digest))


@transaction.atomic
def end(grants: "QuerySet[Grant]") -> None:
    """Locked first, so that a token that is being made for one of them goes with it."""
    rows = grants.select_for_update(of=("self",)).order_by("id")
    found = list(rows.values_list("id", flat=True))
    Grant.objects.filter(id__in=found).delete()
