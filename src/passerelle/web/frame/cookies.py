"""Our cookies, all with the same care: host only, not for scripts, Secure wherever there is TLS."""

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from passerelle.infra.sealing import CannotUnseal, seal, unseal
from passerelle.sso.sessions.session import MAX_AGE, end_session

YEAR = 365 * 24 * 3600


def set_cookie(
    response: HttpResponse, name: str, value: str, *, max_age: int | None = None
) -> None:
    response.set_cookie(
        name,
        value,
        max_age=max_age,
        secure=settings.PASSERELLE.has_tls,
        httponly=True,
        samesite="Lax",
        path="/",
    )


def delete_cookie(response: HttpResponse, name: str) -> None:
    """Delete by setting again: a `__Host-` cookie is only replaced by one with all its marks."""
    set_cookie(response, name, "", max_age=0)


def replace_session(
    request: HttpRequest, response: HttpResponse, key: str, *, language: str = ""
) -> None:
    """Give the browser its new session, and end the one that it had.

    It speaks the person's language from here on, unless another was chosen in it.
    """
    if language and settings.LANGUAGE_COOKIE_NAME not in request.COOKIES:
        set_cookie(response, settings.LANGUAGE_COOKIE_NAME, language, max_age=YEAR)
    if old := request.COOKIES.get(settings.SESSION_COOKIE):
        end_session(old)
    set_cookie(response, settings.SESSION_COOKIE, key, max_age=round(MAX_AGE.total_seconds()))


SHOWN_FOR = 60
"""Seconds that a new secret may take from the page that makes it to the one that shows it."""


def show_once(response: HttpResponse, what: str, secret: str) -> None:
    """Carry a new secret over to the page that shows it, sealed, for a minute."""
    sealed = seal(secret.encode(), purpose=f"shown once {what}")
    set_cookie(response, settings.SECRET_COOKIE, signing.dumps(sealed), max_age=SHOWN_FOR)


def shown_once(request: HttpRequest, what: str) -> str:
    """The secret that was carried over for this, or nothing."""
    kept = request.COOKIES.get(settings.SECRET_COOKIE, "")
    try:
        sealed = signing.loads(kept, max_age=SHOWN_FOR) if kept else ""
        return unseal(sealed, purpose=f"shown once {what}").decode() if sealed else ""
    except (signing.BadSignature, CannotUnseal):
        return ""


def forget_shown(response: HttpResponse) -> None:
    delete_cookie(response, settings.SECRET_COOKIE)
