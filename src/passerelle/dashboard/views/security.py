"""Settings > Security settings."""

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from passerelle.dashboard.access import administrators_only
from passerelle.dashboard.middleware import PageRequest
from passerelle.dashboard.security_form import SecurityForm, early_access_sentence
from passerelle.dashboard.security_save import Outdated, free_slug, save_security
from passerelle.directory.models import Company, Domain
from passerelle.sso.connections import addresses_for_slug, addresses_of, missing_for_sign_in
from passerelle.sso.models import SamlConnection


@require_http_methods(["GET", "POST"])
@administrators_only
def settings_page(request: PageRequest) -> HttpResponse:
    assert request.person is not None
    company, now = request.person.company, timezone.now()
    connection = _chosen_connection(request, company)
    if request.method == "POST":
        form = SecurityForm(company, connection, now=now, data=request.POST, files=request.FILES)
        if form.is_valid() and _saved(form, request):
            slug = form.draft.connection.slug if form.draft.connection else ""
            return redirect(f"/settings/security/?connection={slug}&saved=1")
        return render(request, "security.html", _context(form, request), status=422)
    form = SecurityForm(
        company, connection, now=now, initial=SecurityForm.current(company, connection)
    )
    return render(request, "security.html", _context(form, request))


def _saved(form: SecurityForm, request: PageRequest) -> bool:
    assert request.person is not None
    try:
        save_security(form, administrator=request.person, now=timezone.now())
    except Outdated:
        form.add_error(
            None,
            _(
                "Someone else saved these settings while you were editing. Your "
                "entries are still here: reload the page to see theirs, then save "
                "again."
            ),
        )
        return False
    return True


def _chosen_connection(request: PageRequest, company: Company) -> SamlConnection | None:
    found = list(company.connections.select_related("company"))
    wanted = request.GET.get("connection")
    return next((one for one in found if one.slug == wanted), found[0] if found else None)


def _context(form: SecurityForm, request: PageRequest) -> dict[str, Any]:
    company, connection = form.company, form.connection
    bound = form.is_bound
    return {
        "form": form,
        "company": company,
        "connection": connection,
        "connections": list(company.connections.all()),
        "certificates": form.certificates,
        "removed": set(form.data.getlist("removed_certificates")) if bound else set(),  # type: ignore[attr-defined]
        "ours": addresses_of(connection)
        if connection
        else addresses_for_slug(free_slug(company.slug)),
        "lacking": missing_for_sign_in(connection, len(form.certificates)) if connection else [],
        "domains": _domains_sentence(company),
        "early_access": early_access_sentence(),
        "contact": settings.PASSERELLE.early_access_contact,
        "saved": "saved" in request.GET and not bound,
        "now": form.now,
    }


def _domains_sentence(company: Company) -> str:
    """For whom automatic provisioning is open, in words."""
    if company.provisioning_domains == Company.Domains.LISTED:
        names = ", ".join(company.provisioning_domain_list)
        return _("For e-mail addresses at %(names)s.") % {"names": names or "–"}
    verified = Domain.objects.filter(company=company, verified_at__isnull=False)
    names = ", ".join(verified.order_by("name").values_list("name", flat=True)[:10])
    if company.provisioning_domains == Company.Domains.VERIFIED:
        if not names:
            return _("For no e-mail address yet: no domain of the company is verified.")
        return _("For e-mail addresses at verified domains: %(names)s.") % {"names": names}
    if not names:
        return _("For e-mail addresses at domains already used in the company.")
    return _("For e-mail addresses at %(names)s, and at domains already used in the company.") % {
        "names": names
    }
