"""The four addresses of the sign-in."""

from functools import cache
from pathlib import Path

from django.conf import settings
from django.contrib.auth import login as log_in
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.module_loading import import_string
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from passerelle.embed import Person, Refused, SignIn
from passerelle.embed.django.models import Identity
from passerelle.embed.django.store import DatabaseStore


@cache
def _sign_in() -> SignIn:
    return SignIn(
        Path(settings.PASSERELLE_IDP_METADATA).read_bytes(),
        base_url=settings.PASSERELLE_BASE_URL,
        store=DatabaseStore(),
    )


@require_GET
@never_cache
def login(request: HttpRequest) -> HttpResponse:
    """To the identity provider; `next` is where the person goes afterwards."""
    begun = _sign_in().begin(
        next_path=request.GET.get("next", ""),
        cookie=request.COOKIES.get(_sign_in().cookie_name, ""),
        now=timezone.now(),
    )
    response = HttpResponseRedirect(begun.address)
    response.set_cookie(
        _sign_in().cookie_name,
        begun.cookie,
        max_age=900,
        secure=settings.PASSERELLE_BASE_URL.startswith("https://"),
        httponly=True,
        samesite="Lax",
    )
    return response


@csrf_exempt  # The identity provider's page posts here; the signature says who it is from.
@require_POST
def acs(request: HttpRequest) -> HttpResponse:
    try:
        address = _sign_in().receive(request.POST.get("SAMLResponse", ""), now=timezone.now())
    except Refused as refused:
        return _refused(refused)
    response = HttpResponse(status=303)
    response.headers["Location"] = address
    return response


@require_GET
@never_cache
def finish(request: HttpRequest) -> HttpResponse:
    """In, in the browser that began."""
    cookie = request.COOKIES.get(_sign_in().cookie_name, "")
    try:
        arrived = _sign_in().finish(request.GET.get("code", ""), cookie, now=timezone.now())
        user = _user_of(arrived.person)
    except Refused as refused:
        return _refused(refused)
    log_in(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    # The cookie stays for its quarter of an hour: a sign-in in another tab may need it still.
    return HttpResponseRedirect(arrived.next_path)


@require_GET
def metadata(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_sign_in().metadata(), content_type="application/samlmetadata+xml")


def _user_of(person: Person) -> AbstractBaseUser:
    """The account of this identity, made or brought up to date by the project. Raises Refused."""
    try:
        return _mapped(person)
    except IntegrityError:
        # Somebody came twice at once: by now the other one has made the account.
        return _mapped(person)


@transaction.atomic
def _mapped(person: Person) -> AbstractBaseUser:
    user_of = import_string(settings.PASSERELLE_USER)
    rows = Identity.objects.select_related("user").filter(idp=person.idp, subject=person.subject)
    identity = rows.first()
    user = user_of(person, identity.user if identity else None)
    if user is None or not user.is_active:
        raise Refused("account_refused", "There is no account here for this person.")
    if identity is None:
        Identity.objects.create(idp=person.idp, subject=person.subject, user=user)
    return user


def _refused(refused: Refused) -> HttpResponse:
    text = f"You are not signed in.\n\n{refused}\n\n({refused.reason})\n"
    return HttpResponse(text, status=403, content_type="text/plain; charset=utf-8")
