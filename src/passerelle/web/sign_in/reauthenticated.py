"""Where somebody arrives who has just authenticated anew, in a tab of its own."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from passerelle.web.frame.access import signed_in_only
from passerelle.web.frame.middleware import PageRequest


@require_safe
@signed_in_only
def confirmed(request: PageRequest) -> HttpResponse:
    return render(request, "confirmed.html")
