"""Sites behind a proxy that asks us about each request: who is there, and what it is told."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from passerelle.directory.models import Application, ApplicationHost
from passerelle.infra.tokens import digest, new_token
from passerelle.oidc.claims import Visitor, claims_of, signed, told
from passerelle.oidc.models import Grant, Token
from passerelle.oidc.tokens import end, find_token, new_grant, new_token_of, open_grant
from passerelle.sso.records.traces import keep_application_visit

JWT_LIFETIME = timedelta(minutes=5)
MAX_HEADERS = 3500
"""Bytes of all that we tell of a person: nginx takes answers with 4,096 unless told otherwise."""
LEFT_OUT = (("Groups", ["groups"]), ("Workspaces", ["workspaces", "permission_sets"]))
"""What goes first where that is too much: headers, with the claims that say the same."""
ASK, OWN = "/forward-auth", "/.passerelle/"
"""What a proxy asks, and the path of an application's host that it hands to us."""
PREFIX = "X-Passerelle-"
NAMES = (
    "User",
    "Email",
    "Name",
    "Company",
    "Workspaces",
    "Permissions",
    "Groups",
    "Roles",
    "Role",
    "JWT",
)


def guarded(host: str) -> Application | None:
    """The application that is registered for a host."""
    rows = ApplicationHost.objects.select_related("application__company")
    found = rows.filter(host=host, application__kind=Application.Kind.PROXY).first()
    return found.application if found else None


def visitor_at(host: str, token: str, *, now: datetime) -> Visitor | None:
    """Whose cookie this is, as long as they may open the application of this host."""
    if not token:
        return None
    found = find_token(token, Token.Kind.PROXY, host=host, is_used=True, now=now)
    return found[1] if found else None


def no_headers() -> dict[str, str]:
    """Every name, empty: nothing that a client has sent under one of them arrives."""
    return {PREFIX + name: "" for name in NAMES}


def headers_of(visitor: Visitor, host: str, *, now: datetime) -> dict[str, str]:
    """What the application is told; what is too much for headers is left out, and named."""
    claims = claims_of(visitor)
    application = visitor.application
    said = {
        "User": claims["sub"],
        "Email": _plain(claims["email"]),
        "Name": _plain(claims["name"]),
        "Company": claims["company"],
        "Workspaces": _list(claims["workspaces"]),
        "Permissions": _list(claims["permissions"]),
        "Groups": _list(claims["groups"]),
        "Roles": _list(claims["roles"]),
        "Role": _plain(claims.get("role", "")),
    }
    claims |= {
        # No name: a company may call its application what it likes, also as another one's host.
        "aud": [str(application.id), host],
        "iat": int(now.timestamp()),
        "exp": int((now + JWT_LIFETIME).timestamp()),
    }
    said["JWT"] = signed(claims, algorithm="ES256", now=now)
    for header, names in LEFT_OUT:
        if sum(map(len, said.values())) > MAX_HEADERS:
            said[header] = ""
            left_out = [*claims.get("left_out", []), *names]
            claims |= {**{name: [] for name in names}, "left_out": left_out}
            said["JWT"] = signed(claims, algorithm="ES256", now=now)
    return {PREFIX + name: said[name] for name in NAMES}


def _plain(text: str) -> str:
    """As a header bears it: ASCII, what else there is percent-encoded as UTF-8."""
    return quote(text, safe=" !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~")


def _list(values: list[str]) -> str:
    """With commas between; a comma or a percent sign within a value is percent-encoded."""
    return ",".join(_plain(value).replace(",", "%2C") for value in values)


@dataclass(frozen=True, slots=True)
class Entry:
    """A way back to the application's host: a code for once, and the cookie it is changed into."""

    token: str
    path: str
    lasts: timedelta


def begin_entry(
    visitor: Visitor, *, path: str, nonce_digest: str, address: str | None, now: datetime
) -> str:
    """A code with which the browser that has the nonce comes in at the application's own host."""
    code = new_token()
    new_grant(
        visitor, nonce=nonce_digest, redirect_uri=path, told=told(visitor), code=code, now=now
    )
    keep_application_visit(visitor.application, visitor.user, address=address, now=now)
    return code


def finish_entry(host: str, code: str, nonce: str, *, now: datetime) -> Entry | None:
    """Exchange the code, once, in the browser that began."""
    rows = Grant.objects.select_related("application").filter(application__hosts__host=host)
    grant = rows.filter(code_digest=digest(code), nonce=digest(nonce), code_used_at=None).first()
    if grant is None or grant.code_expires_at is None or grant.code_expires_at <= now:
        return None
    mine = Grant.objects.filter(id=grant.id, code_used_at=None)
    if not mine.update(code_used_at=now) or open_grant(grant, now=now) is None:
        return None
    token = new_token_of(grant, Token.Kind.PROXY, now=now)
    return Entry(token, grant.redirect_uri, grant.expires_at - now)


def leave(token: str) -> None:
    """The browser leaves the application."""
    mine = Token.objects.filter(digest=digest(token), kind=Token.Kind.PROXY)
    end(Grant.objects.filter(id__in=mine.values("grant_id")))
