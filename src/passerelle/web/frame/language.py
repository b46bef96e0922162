"""Switch the language, and remember that it was chosen: the browser, and whoever is signed in."""

from django.conf import settings
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from passerelle.directory.models import User
from passerelle.infra.safe_next import safe_next
from passerelle.web.frame.cookies import YEAR, set_cookie
from passerelle.web.frame.middleware import PageRequest


@require_POST
def choose(request: PageRequest) -> HttpResponse:
    language = request.POST.get("language", "")
    if language not in dict(settings.LANGUAGES):
        return HttpResponseBadRequest()
    if request.person is not None:
        User.objects.filter(id=request.person.id).update(language=language)
    response = redirect(safe_next(request.POST.get("next")) or "/")
    set_cookie(response, settings.LANGUAGE_COOKIE_NAME, language, max_age=YEAR)
    return response
