"""SCIM: the company's identity provider keeps people and groups here. The token says whose."""

import json

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from passerelle.directory.models import MachineToken
from passerelle.directory.tokens import find_token

SCIM = "application/scim+json"


@csrf_exempt  # No cookie counts here, only the token that a machine brings.
def scim(request: HttpRequest, path: str = "") -> HttpResponse:
    # Imported at the first request of a client: it takes a second, and most never come.
    from scim2_server.requests import ScimRequest

    from passerelle.scim.service import handle

    now = timezone.now()
    try:
        body = request.body
    except RequestDataTooBig:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        return _answer(request, 413, _error(413, f"the body exceeds {limit} bytes"))
    asked = ScimRequest(
        method=request.method or "GET",
        base_url=settings.PASSERELLE.base_url + reverse("scim").rstrip("/"),
        path=f"/{path}".removesuffix(".scim"),
        query=request.GET.dict(),
        headers=dict(request.headers),
        body=body,
    )
    found = handle(asked, _token(request), now=now)
    response = _answer(request, int(found.status), found.body)
    for name, value in found.headers.items():
        if name.lower() != "content-type":
            response.headers[name] = value
    return response


def _token(request: HttpRequest) -> MachineToken | None:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer":
        return None
    return find_token(token.strip(), scope=MachineToken.Scope.SCIM, now=timezone.now())


def _answer(request: HttpRequest, status: int, body: object) -> HttpResponse:
    """OneLogin wants plain JSON back, Entra the media type of SCIM: each says so in Accept."""
    accepted = request.headers.get("Accept", "")
    plain = "application/json" in accepted and SCIM not in accepted
    content = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
    response = HttpResponse(
        content, status=status, content_type="application/json" if plain else SCIM
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def _error(status: int, detail: str) -> dict[str, object]:
    return {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "status": str(status),
        "detail": detail,
    }
