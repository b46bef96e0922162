"""Test sign-in: start one from the Security settings as they stand, and show what came of it."""

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from passerelle.sso.connections.connection import NO_CONNECTION, missing_for_sign_in
from passerelle.sso.models import Trial
from passerelle.web.frame.access import administrators_only, company_of
from passerelle.web.frame.client import client_address
from passerelle.web.frame.middleware import PageRequest
from passerelle.web.settings.security_form import LACKING, SecurityForm
from passerelle.web.settings.security_page import chosen_connection, settings_context
from passerelle.web.settings.test_page import leave_for_trial, trial_context


@require_POST
@administrators_only
def start(request: PageRequest) -> HttpResponse:
    """Try the form as it stands, saved or not; an incomplete one says what it lacks."""
    company, now = company_of(request), timezone.now()
    connection = chosen_connection(request, company)
    form = SecurityForm(company, connection, now=now, data=request.POST, files=request.FILES)
    form.upload_too_large = getattr(request, "upload_too_large", False)
    form.client_address = client_address(request)
    if not form.is_valid() or not _is_complete(form):
        return render(request, "security.html", settings_context(form, request), status=422)
    return leave_for_trial(request, form.draft, form.changed_company())


def _is_complete(form: SecurityForm) -> bool:
    draft = form.draft
    lacking = [NO_CONNECTION]
    if draft.connection is not None:
        lacking = missing_for_sign_in(draft.connection, len(draft.ends))
    if lacking:
        names = ", ".join(str(LACKING[one]) for one in lacking)
        sentence = _("There is nothing to test yet. Still missing: %(names)s.")
        form.add_error(None, sentence % {"names": names})
    return not lacking


@require_safe
@administrators_only
def result(request: PageRequest, trial_id: UUID) -> HttpResponse:
    found = Trial.objects.filter(id=trial_id, company=company_of(request))
    trial = found.select_related("connection").first()
    if trial is None:
        raise Http404
    return render(request, "trial.html", trial_context(trial))
