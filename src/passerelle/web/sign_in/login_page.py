"""A company's sign-in page as everybody sees it who opens it: written once, then filled in.

People reload it, many at once, while others sign in. So it costs one query and no template, as long
as the company's settings are those that it was written for.
"""

import re
import secrets
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import escape
from django.utils.translation import get_language

from passerelle.directory.models import Company, Domain
from passerelle.infra.memory import Remembered
from passerelle.infra.safe_next import safe_next
from passerelle.provisioning import parse_email
from passerelle.sso.connections.connection import addresses_of, is_usable, usable_connections
from passerelle.sso.models import Passkey
from passerelle.sso.outbox.letters import can_send
from passerelle.sso.sign_in.google import is_usable as google_is_usable
from passerelle.sso.sign_in.passkeys import are_possible
from passerelle.web.frame.context import static_version
from passerelle.web.frame.middleware import PageRequest

Seen = tuple[UUID, int, bool]
"""A company's identifier, the version of its settings, and whether anybody has a passkey there."""

# What differs from one request to the next. The names are secret: no text of a company holds one.
_HOLES = {name: secrets.token_hex(16) for name in ("csrf_token", "next", "query", "here")}
_HOLE = re.compile("({})".format("|".join(_HOLES.values())))

_pages: Remembered[tuple[Any, ...], list[str]] = Remembered()


def seen(companies: "QuerySet[Company]") -> list[Seen]:
    """What tells whether a page is still as it was written, in one query."""
    passkeys = Passkey.objects.filter(company=OuterRef("pk"))
    return list(companies.values_list("id", "version", Exists(passkeys)))


def sign_in_page(request: PageRequest, company: Seen, next_path: str) -> HttpResponse:
    """The page for somebody who has sent nothing yet."""
    company_id, version, has_passkeys = company
    shown = {
        "passkeys": has_passkeys and are_possible(),
        "can_reset": can_send(),
        "password_open": "password" in request.GET,
        "was_reset": request.GET.get("done") == "reset",
    }
    key = company_id, get_language(), *shown.values()
    parts = _pages.get(key, version, lambda: _written(company_id, shown))
    filled = {
        _HOLES["csrf_token"]: get_token(request),
        _HOLES["next"]: escape(next_path),
        _HOLES["query"]: escape(query_for(next_path)),
        _HOLES["here"]: escape(request.get_full_path()),
    }
    return HttpResponse("".join(filled.get(part, part) for part in parts))


def _written(company_id: UUID, shown: dict[str, bool]) -> list[str]:
    """The page with its holes, cut at them. Nothing of a request is in it."""
    company = get_object_or_404(Company, id=company_id)
    context = {**offers_of(company), **shown, **_HOLES, "static_version": static_version()}
    return _HOLE.split(render_to_string("login.html", context))


def offers_of(company: Company) -> dict[str, Any]:
    """What a company's settings put on its page."""
    return {
        "company": company,
        "connections": usable_connections(company),
        "google": google_is_usable(company),
        "enforced": company.sso_enforcement == Company.Enforcement.EVERYONE,
    }


def query_for(next_path: str) -> str:
    return f"?{urlencode({'next': next_path})}" if next_path else ""


def company_finder(request: PageRequest) -> HttpResponse:
    """By work e-mail; an installation with one company shows its own at once."""
    next_path = safe_next(request.GET.get("next"))
    if request.method == "GET":
        companies = seen(Company.objects.all()[:2])
        if len(companies) == 1:
            return sign_in_page(request, companies[0], next_path)
    context: dict[str, object] = {"next": next_path}
    if request.method == "POST":
        typed = request.POST.get("email", "")
        next_path = safe_next(request.POST.get("next"))
        if found := _domain_of(typed):
            query = query_for(next_path)
            if found.connection and is_usable(found.connection):
                return redirect(addresses_of(found.connection).login_url + query)
            return redirect(reverse("company_login", args=[found.company.slug]) + query)
        context = {"next": next_path, "typed": typed, "unknown": True}
        return render(request, "find_company.html", context, status=422)
    return render(request, "find_company.html", context)


def _domain_of(typed: str) -> Domain | None:
    """By verified domain only: it tells who runs a domain, never who has an account."""
    address = parse_email(typed)
    if address is None:
        return None
    domains = Domain.objects.filter(name=address.domain, verified_at__isnull=False)
    found = list(domains.select_related("company", "connection__company")[:2])
    return found[0] if len(found) == 1 else None
