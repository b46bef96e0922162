"""Which methods an address answers: what changes something answers POST and nothing else."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.http.response import HttpResponseBase
from django.views.decorators.http import require_http_methods

Answer = TypeVar("Answer", bound=HttpResponseBase)


def page_with_form(view: Callable[..., Answer]) -> Callable[..., Answer]:
    """A page whose form posts to the page's own address.

    HEAD is answered as GET is. The view sees GET or POST, so that "not GET" and "POST" are the
    same: neither Django's token nor our confirmation asks anything of HEAD.
    """

    @wraps(view)
    def guarded(request: Any, *args: Any, **kwargs: Any) -> Answer:
        if request.method == "HEAD":
            request.method = "GET"
        return view(request, *args, **kwargs)

    return require_http_methods(["GET", "HEAD", "POST"])(guarded)
