"""The pages of the practice identity provider; they exist only inside the demonstration."""

import base64
import binascii
import secrets
import zlib
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from passerelle.practice_idp.faults import FAULTS, find_fault, respond
from passerelle.practice_idp.issue import Issue, SigningKey, make_signing_key, write_idp_metadata
from passerelle.practice_idp.people import PEOPLE, Person, find_person
from passerelle.saml.errors import MessageError
from passerelle.saml.names import saml, samlp
from passerelle.saml.xml import parse

MAX_REQUEST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """What an AuthnRequest asks for; without one, the sign-in starts here."""

    id: str
    acs_url: str
    audience: str
    relay_state: str


_last_response: dict[str, str] = {}
"""The last response for each address, for the fault "the last response once more"."""


@cache
def signing_key() -> SigningKey:
    path = settings.PASSERELLE.data_dir / "practice-idp.pem"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o600)
        path.write_bytes(make_signing_key(name="practice-idp", now=timezone.now()).pem)
    return SigningKey.from_pem(path.read_bytes())


def entity_id() -> str:
    return f"{settings.PASSERELLE.base_url}/practice-idp/metadata"


def metadata_document() -> bytes:
    return write_idp_metadata(
        entity_id=entity_id(),
        sso_url=f"{settings.PASSERELLE.base_url}/practice-idp/",
        certificate_der=signing_key().certificate_der,
    )


@require_GET
def metadata(request: HttpRequest) -> HttpResponse:
    return HttpResponse(metadata_document(), content_type="application/samlmetadata+xml")


@require_GET
def directory(request: HttpRequest) -> HttpResponse:
    """The people to choose from, a form for a new one, and the faults."""
    try:
        asked = _read_request(request.GET.get("SAMLRequest"), request.GET.get("RelayState", ""))
    except (MessageError, ValueError, zlib.error, binascii.Error):
        return HttpResponseBadRequest(
            _("This is not a SAML request."), content_type="text/plain; charset=utf-8"
        )
    context = {"people": PEOPLE, "faults": _fault_choices(), "asked": asked}
    return render(request, "practice_idp/directory.html", context)


def _fault_choices() -> list[dict[str, str]]:
    return [
        {"slug": fault.slug, "label": _(fault.label), "reason": fault.reason} for fault in FAULTS
    ]


def _read_request(field: str | None, relay_state: str) -> Request:
    if field is None:
        start = f"{settings.PASSERELLE.base_url}/auth/saml/acme"
        return Request("", f"{start}/callback", f"{start}/metadata", relay_state)
    inflated = zlib.decompressobj(-15).decompress(base64.b64decode(field), MAX_REQUEST)
    root = parse(inflated)
    if root.tag != samlp("AuthnRequest"):
        raise ValueError("not an AuthnRequest")
    return Request(
        id=root.get("ID") or "",
        acs_url=root.get("AssertionConsumerServiceURL") or "",
        audience=(root.findtext(saml("Issuer")) or "").strip(),
        relay_state=relay_state,
    )


@csrf_exempt
@require_POST
def sign_in(request: HttpRequest) -> HttpResponse:
    """Answer with a response for the chosen person, in a form that sends itself."""
    person = _person(request)
    acs_url = request.POST.get("acs_url", "")
    # It serves this installation only, whatever a form says.
    readable = all(str(value).isprintable() for value in request.POST.values())
    if person is None or not readable or _origin(acs_url) != settings.PASSERELLE.base_url:
        return _choose_again(request)
    fault = find_fault(request.POST.get("fault", ""))
    issue = Issue(
        idp_entity_id=entity_id(),
        audience=request.POST.get("audience", ""),
        acs_url=acs_url,
        person=person,
        now=timezone.now(),
        response_id="_" + secrets.token_hex(16),
        assertion_id="_" + secrets.token_hex(16),
        in_response_to=request.POST.get("request_id") or None,
    )
    if fault and fault.slug == "replayed" and acs_url in _last_response:
        response = _last_response[acs_url]
    else:
        response = respond(issue, signing_key(), fault)
    if fault is None:
        _last_response[acs_url] = response
    context = {
        "acs_url": acs_url,
        "response": response,
        "relay_state": request.POST.get("relay_state", ""),
    }
    page = render(request, "practice_idp/post.html", context)
    # Browsers hold a form's redirects to its page's rule, and this sign-in may end in a dashboard.
    page.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; script-src 'self'; frame-ancestors 'none'"
    )
    return page


def _choose_again(request: HttpRequest) -> HttpResponse:
    """The same page once more, with what is missing."""
    asked = Request(
        id=request.POST.get("request_id", ""),
        acs_url=request.POST.get("acs_url", ""),
        audience=request.POST.get("audience", ""),
        relay_state=request.POST.get("relay_state", ""),
    )
    context = {
        "people": PEOPLE,
        "faults": _fault_choices(),
        "asked": asked,
        "problem": _("Choose a person above, or enter an e-mail address here."),
    }
    return render(request, "practice_idp/directory.html", context, status=400)


def _person(request: HttpRequest) -> Person | None:
    # Enter in a field presses no person's button: then it is the one that was typed.
    chosen = request.POST.get("person", "new")
    if chosen != "new":
        return find_person(chosen)
    email = request.POST.get("email", "").strip()[:300]
    if not email:
        return None
    groups = request.POST.get("groups", "").split(",")
    return Person(
        subject="u-" + email.casefold(),
        email=email,
        first_name=request.POST.get("first_name", "").strip()[:150],
        last_name=request.POST.get("last_name", "").strip()[:150],
        groups=tuple(group.strip()[:100] for group in groups if group.strip()),
    )


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}"
