"""Who may see a page. Every administration view is wrapped by `administrators_only`."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect

from passerelle.dashboard.middleware import PageRequest

View = Callable[..., HttpResponse]


def signed_in_only(view: View) -> View:
    """Lead strangers to the sign-in page, and back here afterwards."""

    @wraps(view)
    def guarded(request: PageRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.person is None:
            return redirect("/login/?" + urlencode({"next": request.get_full_path()}))
        return view(request, *args, **kwargs)

    return guarded


def administrators_only(view: View) -> View:
    """Only an administrator may, and only of their own company: there is no other to choose."""

    @wraps(view)
    def guarded(request: PageRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        assert request.person is not None
        if not request.person.is_administrator:
            raise PermissionDenied
        return view(request, *args, **kwargs)

    guarded.is_guarded = True  # type: ignore[attr-defined]
    return signed_in_only(guarded)
