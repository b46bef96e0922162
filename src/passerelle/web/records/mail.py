"""The demonstration's outgoing mail, which goes nowhere but onto this page."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from passerelle.sso.models import Letter

SHOWN = 50


@require_safe
def outbox(request: HttpRequest) -> HttpResponse:
    if not settings.PASSERELLE.demo:
        raise Http404
    letters = Letter.objects.order_by("-created_at", "-id")[:SHOWN]
    return render(request, "outbox.html", {"letters": letters})
