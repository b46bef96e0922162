"""Who may see a page. Every administration view is wrapped by `administrators_only`."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from typing import Any, TypedDict
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from passerelle.audit.record import Actor
from passerelle.directory.models import Company, User
from passerelle.sso.models import Session
from passerelle.web.frame.middleware import PageRequest, may_come_from_here

View = Callable[..., HttpResponseBase]


class Acting(TypedDict):
    """By whom and when something is done: what every verb wants to know."""

    actor: Actor
    now: datetime


def company_of(request: PageRequest) -> Company:
    """The company of whoever asks: all that a page of administration may touch."""
    assert request.person is not None
    return request.person.company


def acting(request: PageRequest) -> Acting:
    assert request.person is not None
    return Acting(actor=Actor("user", request.person.email), now=timezone.now())


@contextmanager
def locked_for_decision(request: PageRequest) -> Iterator[None]:
    """A transaction behind the company's row, for who is still what they were when they came.

    Until then they may have waited: for another server, for a password to be hashed, for this very
    lock while somebody unmade them. Raises PermissionDenied.
    """
    assert request.session_row is not None and request.person is not None
    with transaction.atomic():
        company = Company.locked(request.session_row.company_id)
        still = Session.objects.filter(
            key_digest=request.session_row.key_digest,
            expires_at__gt=timezone.now(),
            user__status=User.Status.ACTIVE,
        )
        if request.person.is_administrator:
            still = still.filter(user__is_administrator=True)
        if not still.exists() or not may_come_from_here(request, company):
            raise PermissionDenied
        # What was read of it before may be old by now.
        request.person.company = company
        yield


def signed_in_only(view: View) -> View:
    """Lead strangers to the sign-in page, and back here afterwards; what was entered is kept."""

    @wraps(view)
    def guarded(request: PageRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.person is None:
            kept = entries(request)
            if kept:
                context = {"kept": kept, "has_files": bool(request.FILES)}
                return render(request, "session_ended.html", context, status=403)
            return redirect(
                f"{reverse('find_company')}?" + urlencode({"next": request.get_full_path()})
            )
        return view(request, *args, **kwargs)

    return guarded


def entries(request: HttpRequest, but: Collection[str] = ()) -> list[tuple[str, str]]:
    """What a form has sent, to be sent again by the next page; files excepted."""
    left_out = ("csrfmiddlewaretoken", *but)
    names = [name for name in request.POST if name not in left_out]
    return [(name, value) for name in names for value in request.POST.getlist(name)]


def administrators_only(view: View) -> View:
    """Only an administrator may, and only of their own company: there is no other to choose."""

    @wraps(view)
    def guarded(request: PageRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        assert request.person is not None
        if not request.person.is_administrator:
            raise PermissionDenied
        return view(request, *args, **kwargs)

    guarded.is_guarded = True  # type: ignore[attr-defined]
    return signed_in_only(guarded)
