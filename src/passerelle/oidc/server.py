"""The OpenID Connect server: Authlib's, with our models, walls and policy.

Whether the person is still active, still in the company and still may open the application is asked
in four places: at authorize, at token, at refresh and at userinfo.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    InvalidGrantError,
    InvalidRequestError,
    OAuth2Payload,
    OAuth2Request,
)
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, RefreshTokenGrant
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oidc.core.util import create_half_hash
from django.http import QueryDict

from passerelle.infra.tokens import digest, new_token
from passerelle.oidc.addresses import is_registered
from passerelle.oidc.assertions import ClientAssertion
from passerelle.oidc.claims import Visitor, claims_of, issuer, signed, told, within
from passerelle.oidc.clients import PRIVATE_KEY_JWT, Client, find_client
from passerelle.oidc.models import Grant, Token
from passerelle.oidc.tokens import (
    ACCESS_LIFETIME,
    end,
    find_token,
    new_grant,
    new_token_of,
    open_grant,
)

AUTHENTICATED = [PRIVATE_KEY_JWT, "client_secret_basic", "client_secret_post"]
ID_TOKEN_LIFETIME = timedelta(hours=1)
MAX_NONCE = 500
_CHALLENGE = re.compile(r"[A-Za-z0-9._~-]{43,128}")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of a client, without a framework: what came in its address, body and headers."""

    method: str
    query: QueryDict
    form: QueryDict
    headers: Any
    now: datetime


@dataclass(slots=True)
class Answer:
    status: int
    body: Any
    headers: dict[str, str]

    @property
    def location(self) -> str | None:
        return self.headers.get("Location")


class _Payload(OAuth2Payload):  # type: ignore[misc]
    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    @property
    def data(self) -> dict[str, str]:
        both: dict[str, Any] = {**self._asked.query.dict(), **self._asked.form.dict()}
        return both

    @property
    def datalist(self) -> dict[str, list[str]]:
        both: dict[str, list[str]] = {}
        for source in (self._asked.query, self._asked.form):
            for name in source:
                both.setdefault(name, []).extend(source.getlist(name))
        return both


class _Request(OAuth2Request):  # type: ignore[misc]
    def __init__(self, asked: Asked) -> None:
        # Authlib refuses plain HTTP; where that is allowed, our own settings say.
        super().__init__(asked.method, "https://passerelle/", headers=asked.headers)
        self.payload, self.asked = _Payload(asked), asked

    @property
    def args(self) -> QueryDict:
        return self.asked.query

    @property
    def form(self) -> QueryDict:
        return self.asked.form


class Server(AuthorizationServer):  # type: ignore[misc]
    """One for each request: it knows the time, and keeps nothing."""

    def __init__(self, now: datetime) -> None:
        super().__init__()
        self.now = now
        self.register_grant(_CodeGrant, [_Challenge(required=True), _IdToken()])
        self.register_grant(_RefreshGrant, [_IdToken()])
        self.register_client_auth_method(PRIVATE_KEY_JWT, ClientAssertion(now))
        self.register_endpoint(_Revocation)
        self.register_endpoint(_Introspection)
        self.register_token_generator("default", _generate)

    def query_client(self, client_id: Any) -> Client | None:
        return find_client(client_id, now=self.now)

    def save_token(self, token: dict[str, Any], request: Any) -> None:
        """Done when it was made: a token and its row are one."""

    def create_oauth2_request(self, request: Asked) -> _Request:
        return _Request(request)

    def handle_response(self, status: int, body: Any, headers: Any) -> Answer:
        return Answer(status, body, dict(headers))

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        pass


def _generate(**said: Any) -> dict[str, Any]:
    """Of the grant that `_CodeGrant` and `_RefreshGrant` pass as the user."""
    issued: _Issued = said["user"]
    scope = " ".join(dict.fromkeys((said["scope"] or "").split()))
    token = {
        "token_type": "Bearer",
        "access_token": new_token_of(issued.grant, Token.Kind.ACCESS, scope=scope, now=issued.now),
        "expires_in": int(ACCESS_LIFETIME.total_seconds()),
        "scope": scope,
    }
    if "offline_access" in issued.grant.scope.split():
        token["refresh_token"] = new_token_of(issued.grant, Token.Kind.REFRESH, now=issued.now)
    return token


@dataclass(frozen=True, slots=True)
class _Issued:
    """To whom tokens are issued: a grant whose person is who they were, and may."""

    grant: Grant
    visitor: Visitor
    now: datetime


class _Code:
    """A grant in the words of the library (`AuthorizationCodeMixin`)."""

    code_challenge_method = "S256"

    def __init__(self, grant: Grant) -> None:
        self.grant, self.code_challenge = grant, grant.code_challenge

    def get_redirect_uri(self) -> str:
        return self.grant.redirect_uri

    def get_scope(self) -> str:
        return self.grant.scope


class _CodeGrant(AuthorizationCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = (*AUTHENTICATED, "none")

    def generate_authorization_code(self) -> str:
        return new_token()

    def save_authorization_code(self, code: str, request: _Request) -> None:
        data = request.payload.data
        new_grant(
            request.user,
            scope=request.scope,
            nonce=data.get("nonce", ""),
            resource=data.get("resource", "")[:500],
            redirect_uri=request.payload.redirect_uri,
            code_challenge=data.get("code_challenge", ""),
            code=code,
            told=told(request.user),
            now=self.server.now,
        )

    def query_authorization_code(self, code: str, client: Client) -> _Code | None:
        """Locked: of two who bring it, the second finds it used, and ends what the first got."""
        rows = Grant.objects.select_for_update(of=("self",)).select_related("application")
        grant = rows.filter(code_digest=digest(code), application=client.application).first()
        if grant is None:
            return None
        if not is_registered(grant.redirect_uri, client.application.redirect_uris):
            return None
        if grant.code_used_at is not None:
            grant.delete()
            raise InvalidGrantError("This code was used before: what it gave has ended.")
        if grant.code_expires_at is None or grant.code_expires_at <= self.server.now:
            return None
        return _Code(grant)

    def authenticate_user(self, authorization_code: _Code) -> _Issued | None:
        visitor = open_grant(authorization_code.grant, now=self.server.now)
        return _Issued(authorization_code.grant, visitor, self.server.now) if visitor else None

    def delete_authorization_code(self, authorization_code: _Code) -> None:
        grant = authorization_code.grant
        grant.code_used_at = self.server.now
        grant.save(update_fields=["code_used_at"])


class _Refreshed:
    """A refresh token in the words of the library (`TokenMixin`)."""

    def __init__(self, token: Token) -> None:
        self.token = token

    def check_client(self, client: Client) -> bool:
        return self.token.grant.application_id == client.application.id

    def get_scope(self) -> str:
        return self.token.scope


class _RefreshGrant(RefreshTokenGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = (*AUTHENTICATED, "none")
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> _Refreshed | None:
        # The sign-in is locked before its token, by all: who ends it waits, and then ends this too.
        rows = Grant.objects.select_for_update(of=("self",))
        mine = Token.objects.filter(digest=digest(refresh_token), kind=Token.Kind.REFRESH)
        grant = rows.filter(
            id__in=mine.values("grant_id"), application=self.request.client.application
        ).first()
        token = mine.select_related("grant__application").first() if grant else None
        if token is None or token.expires_at <= self.server.now:
            return None
        if token.used_at is not None:
            # Somebody has a copy, and nobody knows who of the two is the client (RFC 9700 §4.14).
            token.grant.delete()
            raise InvalidGrantError("This refresh token was used before: the sign-in has ended.")
        return _Refreshed(token)

    def authenticate_user(self, refresh_token: _Refreshed) -> _Issued:
        visitor = open_grant(refresh_token.token.grant, now=self.server.now)
        if visitor is None:
            raise InvalidGrantError("The sign-in has ended.")
        return _Issued(refresh_token.token.grant, visitor, self.server.now)

    def revoke_old_credential(self, refresh_token: _Refreshed) -> None:
        refresh_token.token.used_at = self.server.now
        refresh_token.token.save(update_fields=["used_at"])


class _Challenge(CodeChallenge):  # type: ignore[misc]
    """S256 alone; asked for already at authorize, where somebody can still be told."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        data = grant.request.payload.data
        if data.get("code_challenge") and data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("Expected code_challenge_method=S256")
        if grant.request.client.application.public and not data.get("code_challenge"):
            raise InvalidRequestError(
                "Missing 'code_challenge' (PKCE), which a public client needs"
            )
        if len(data.get("nonce", "")) > MAX_NONCE:
            raise InvalidRequestError(f"Expected a nonce of at most {MAX_NONCE} characters")
        if data.get("code_challenge") and not _CHALLENGE.fullmatch(data["code_challenge"]):
            raise InvalidRequestError("Expected code_challenge as base64url of a SHA-256")
        super().validate_code_challenge(grant, redirect_uri)


class _IdToken:
    """OpenID Connect Core §3.1.3.6 and §12.2, where `openid` was asked for."""

    def __call__(self, grant: Any) -> None:
        grant.register_hook("after_create_token_response", self._add)

    def _add(self, grant: Any, response: Any) -> None:
        _status, token, _headers = response
        issued: _Issued = grant.request.user
        if "openid" in token["scope"].split():
            is_first = grant.GRANT_TYPE == "authorization_code"
            token["id_token"] = id_token(
                issued.visitor,
                token["scope"],
                access_token=token["access_token"],
                # An answer to a refresh should not repeat the nonce (§12.2).
                nonce=issued.grant.nonce if is_first else "",
                now=issued.now,
            )


def id_token(
    visitor: Visitor, scope: str, *, access_token: str, nonce: str = "", now: datetime
) -> str:
    algorithm = "RS256"
    half: Any = create_half_hash(access_token, algorithm)
    claims = {
        "aud": visitor.application.client_id,
        "iat": int(now.timestamp()),
        "exp": int((now + ID_TOKEN_LIFETIME).timestamp()),
        "at_hash": half.decode(),
        **within(claims_of(visitor), scope),
    }
    if nonce:
        claims["nonce"] = nonce
    return signed(claims, algorithm=algorithm, now=now)


class _Known:
    """A token that holds, in the words of the library."""

    def __init__(self, token: Token, visitor: Visitor) -> None:
        self.token, self.visitor = token, visitor

    def check_client(self, client: Client) -> bool:
        return self.visitor.application.id == client.application.id

    def is_expired(self) -> bool:
        return False

    def is_revoked(self) -> bool:
        return False


def _known(server: Server, token: str) -> _Known | None:
    for kind in (Token.Kind.ACCESS, Token.Kind.REFRESH):
        if found := find_token(token, kind, now=server.now):
            return _Known(*found)
    return None


class _Revocation(RevocationEndpoint):  # type: ignore[misc]
    CLIENT_AUTH_METHODS = (*AUTHENTICATED, "none")

    def query_token(self, token_string: str, _hint: str | None) -> _Known | None:
        return _known(self.server, token_string)

    def revoke_token(self, token: _Known, _request: Any) -> None:
        """An access token alone; with a refresh token all of its sign-in (RFC 7009 §2.1)."""
        if token.token.kind == Token.Kind.REFRESH:
            end(Grant.objects.filter(id=token.token.grant_id))
        else:
            token.token.delete()


class _Introspection(IntrospectionEndpoint):  # type: ignore[misc]
    CLIENT_AUTH_METHODS = AUTHENTICATED

    def query_token(self, token_string: str, _hint: str | None) -> _Known | None:
        return _known(self.server, token_string)

    def check_permission(self, token: _Known, client: Client, _request: Any) -> bool:
        """A client learns of its own tokens only."""
        return token.check_client(client)

    def introspect_token(self, token: _Known) -> dict[str, Any]:
        row = token.token
        return {
            "active": True,
            "iss": issuer(),
            "client_id": token.visitor.application.client_id,
            "aud": token.visitor.application.client_id,
            "username": str(token.visitor.user.id),
            "token_type": "Bearer" if row.kind == Token.Kind.ACCESS else "refresh_token",
            "scope": row.scope,
            "iat": int(row.created_at.timestamp()),
            "exp": int(row.expires_at.timestamp()),
            **within(claims_of(token.visitor), row.scope),
        }
