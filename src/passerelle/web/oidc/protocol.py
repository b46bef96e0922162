"""What clients ask for themselves: discovery, keys, tokens, userinfo, revocation, introspection."""

import base64
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from passerelle.oidc.claims import OF_SCOPE, claims_of, issuer, within
from passerelle.oidc.clients import GRANT_TYPES, SCOPES
from passerelle.oidc.keys import published
from passerelle.oidc.models import Token
from passerelle.oidc.tokens import find_token

CLAIMS = (
    "iss sub aud exp iat auth_time nonce at_hash acr amr sid company workspaces permission_sets "
    "permissions roles role"
).split()
AUTH_METHODS = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]


def _for_any_origin(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A program in a browser may read it: no cookie counts here, only what it brings itself."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any) -> HttpResponse:
        if request.method == "OPTIONS":
            response = HttpResponse(status=204)
            response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
            response.headers["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
            response.headers["Access-Control-Max-Age"] = "3600"
        else:
            response = view(request, *args)
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response

    return csrf_exempt(answered)


def _url(name: str) -> str:
    return settings.PASSERELLE.base_url + reverse(name)


@_for_any_origin
@require_safe
def discovery(request: HttpRequest) -> HttpResponse:
    """OpenID Connect Discovery §3, RFC 8414, RFC 9207, Back-Channel Logout §2.1."""
    document = {
        "issuer": issuer(),
        "authorization_endpoint": _url("oidc_authorize"),
        "token_endpoint": _url("oidc_token"),
        "userinfo_endpoint": _url("oidc_userinfo"),
        "jwks_uri": _url("oidc_jwks"),
        "revocation_endpoint": _url("oidc_revoke"),
        "introspection_endpoint": _url("oidc_introspect"),
        "end_session_endpoint": _url("oidc_logout"),
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANT_TYPES),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": AUTH_METHODS,
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "ES256"],
        "revocation_endpoint_auth_methods_supported": AUTH_METHODS,
        "introspection_endpoint_auth_methods_supported": AUTH_METHODS[:3],
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "select_account"],
        "ui_locales_supported": ["en", "fr"],
        "claims_supported": [*CLAIMS, *(one for names in OF_SCOPE.values() for one in names)],
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
    }
    return _cached(JsonResponse(document), 300)


@_for_any_origin
@require_safe
def jwks(request: HttpRequest) -> HttpResponse:
    return _cached(JsonResponse(published(timezone.now())), 300)


def _cached(response: HttpResponse, seconds: int) -> HttpResponse:
    response.headers["Cache-Control"] = f"public, max-age={seconds}"
    return response


def _asked(request: HttpRequest) -> Any:
    from passerelle.oidc.server import Asked

    return Asked(request.method or "", request.GET, request.POST, request.headers, timezone.now())


def _answered(answer: Any) -> HttpResponse:
    if isinstance(answer.body, dict):
        response: HttpResponse = JsonResponse(answer.body, status=answer.status)
    else:
        response = HttpResponse(answer.body, status=answer.status)
    for name, value in answer.headers.items():
        response.headers[name] = value
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"
    return response


@_for_any_origin
@require_POST
def token(request: HttpRequest) -> HttpResponse:
    """A code or a refresh token for tokens."""
    from passerelle.oidc.server import Server

    if problem := _repeated(request) or _unreadable(request):
        return problem
    asked = _asked(request)
    with transaction.atomic():
        answer = Server(asked.now).create_token_response(asked)
    return _answered(answer)


def _repeated(request: HttpRequest) -> HttpResponse | None:
    """RFC 6749 §3.2: no parameter twice, and none in the address."""
    twice = [name for name in request.POST if len(request.POST.getlist(name)) > 1]
    secrets = [name for name in ("client_secret", "code", "refresh_token") if name in request.GET]
    if not twice and not secrets:
        return None
    text = f"{(twice or secrets)[0]}: expected once, in the body of the request"
    return JsonResponse({"error": "invalid_request", "error_description": text}, status=400)


def _unreadable(request: HttpRequest) -> HttpResponse | None:
    """An Authorization header that is none, before anything reads it."""
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        if ":" in base64.b64decode(value, validate=True).decode():
            return None
    except ValueError:
        pass
    response = JsonResponse({"error": "invalid_client"}, status=401)
    response.headers["WWW-Authenticate"] = f'Basic realm="{issuer()}"'
    return response


@_for_any_origin
@require_POST
def revoke(request: HttpRequest) -> HttpResponse:
    return _endpoint(request, "revocation")


@_for_any_origin
@require_POST
def introspect(request: HttpRequest) -> HttpResponse:
    return _endpoint(request, "introspection")


def _endpoint(request: HttpRequest, name: str) -> HttpResponse:
    from passerelle.oidc.server import Server

    if problem := _unreadable(request):
        return problem
    asked = _asked(request)
    with transaction.atomic():
        answer = Server(asked.now).create_endpoint_response(name, asked)
    return _answered(answer)


@_for_any_origin
@require_http_methods(["GET", "POST"])
def userinfo(request: HttpRequest) -> HttpResponse:
    """What the client of an access token may know, as it is now (OpenID Connect Core §5.3)."""
    brought = _bearer(request)
    found = find_token(brought, Token.Kind.ACCESS, now=timezone.now()) if brought else None
    if found is None:
        said = 'error="invalid_token", error_description="the token has ended or was never made"'
        return _unauthorized(said if brought else "")
    token, visitor = found
    if "openid" not in token.scope.split():
        return _unauthorized('error="insufficient_scope", scope="openid"', status=403)
    response = JsonResponse(within(claims_of(visitor), token.scope))
    response.headers["Cache-Control"] = "no-store"
    return response


def _bearer(request: HttpRequest) -> str:
    """RFC 6750: in the header or the form; never in the address, which is logged."""
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    return str(request.POST.get("access_token", ""))


def _unauthorized(said: str, status: int = 401) -> HttpResponse:
    response = HttpResponse(status=status)
    challenge = f'Bearer realm="{issuer()}"'
    response.headers["WWW-Authenticate"] = f"{challenge}, {said}" if said else challenge
    return response
