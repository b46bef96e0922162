"""Pages that refuse: one sentence on what happened, one on what to do."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _


def refusal(request: HttpRequest, status: int, title: str, text: str) -> HttpResponse:
    context = {"title": title, "text": text}
    return render(request, "error.html", context, status=status)


def too_many_attempts(request: HttpRequest) -> HttpResponse:
    return refusal(
        request,
        429,
        _("Too many failed attempts"),
        _("Wait ten minutes, then start the sign-in again."),
    )


def too_many_downloads(request: HttpRequest) -> HttpResponse:
    answer = refusal(
        request,
        429,
        _("Several downloads of your company are under way"),
        _("Wait until one of them has ended, or cancel one, then download again."),
    )
    answer.headers["Retry-After"] = "30"
    return answer
