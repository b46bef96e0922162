"""The repairs on the page of a sign-in: each decides about what was looked at, and nothing else."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from passerelle import saml
from passerelle.administration.admit import admit
from passerelle.administration.connections import trust_certificate
from passerelle.administration.relink import relink_of, relinks, replace_identity
from passerelle.administration.settings import add_listed_domain
from passerelle.directory.actions import approve
from passerelle.directory.merge import duplicates
from passerelle.sso.models import SignIn
from passerelle.web.frame.access import acting, administrators_only, company_of
from passerelle.web.frame.confirm import confirmed_only
from passerelle.web.frame.methods import page_with_form
from passerelle.web.frame.middleware import PageRequest
from passerelle.web.frame.paging import number_in
from passerelle.web.records.attempt import find_sign_in
from passerelle.web.records.repair import listed_domain, offered_certificate, waiting_newcomer


def _back(row: SignIn, done: str = "") -> HttpResponse:
    return redirect(reverse("sign_in", args=[row.reference]) + (f"?done={done}" if done else ""))


@require_POST
@administrators_only
@confirmed_only
def approve_newcomer(request: PageRequest, reference: str) -> HttpResponse:
    """Let the newcomer of this sign-in in."""
    row = find_sign_in(company_of(request), reference)
    user = waiting_newcomer(row)
    if user is not None:
        approve(user, **acting(request))
    return _back(row, "approved")


@require_POST
@administrators_only
@confirmed_only
def accept_certificate(request: PageRequest, reference: str) -> HttpResponse:
    """Trust the certificate that this attempt was signed with, besides those trusted already."""
    row = find_sign_in(company_of(request), reference)
    certificate = offered_certificate(row)
    # The fingerprint that was looked at and confirmed, or the certificate itself, and no other.
    if certificate is None or row.connection is None:
        return _back(row)
    pasted = request.POST.get("certificate", "").strip()
    if pasted and not _is_the_same(pasted, certificate):
        return _back(row, "unlike")
    if not pasted and request.POST.get("fingerprint") != certificate.fingerprint:
        return _back(row, "unconfirmed")
    trust_certificate(row.connection, certificate, **acting(request))
    return _back(row, "trusted")


def _is_the_same(pasted: str, certificate: saml.Certificate) -> bool:
    """Whether what an administrator copied from the provider's console is this certificate."""
    try:
        found = saml.load_certificates(pasted)
    except saml.SAMLError:
        return False
    return certificate.fingerprint in {one.fingerprint for one in found}


@require_POST
@administrators_only
@confirmed_only
def admit_person(request: PageRequest, reference: str) -> HttpResponse:
    """Make the account that the settings refused to this one person."""
    row = find_sign_in(company_of(request), reference)
    return _back(row, "admitted" if admit(row, **acting(request)) else "")


@require_POST
@administrators_only
@confirmed_only
def replace(request: PageRequest, reference: str) -> HttpResponse:
    """It is the same person: their new identifier takes the place of the known one."""
    row = find_sign_in(company_of(request), reference)
    relink = relink_of(row)
    # What was looked at and no other: the identifiers of then.
    if relink is None or request.POST.get("known") != relink.known.subject:
        return _back(row)
    return _back(row, "replaced" if replace_identity(row, **acting(request)) else "")


@page_with_form
@administrators_only
@confirmed_only
def identities(request: PageRequest) -> HttpResponse:
    """Everybody whose identifier has changed, to be looked at and replaced together."""
    company, now = company_of(request), timezone.now()
    found = relinks(company, now=now)
    if request.method == "POST":
        chosen = set(request.POST.getlist("chosen"))
        count = sum(
            replace_identity(one.row, **acting(request))
            for one in found
            if f"{one.row.reference} {one.known.subject}" in chosen
        )
        return redirect(f"{reverse('identities')}?done={count}")
    done = number_in(request.GET.get("done", ""))
    context = {"relinks": found, "duplicates": duplicates(company), "done": done}
    return render(request, "identities.html", context)


@require_POST
@administrators_only
@confirmed_only
def add_domain(request: PageRequest, reference: str) -> HttpResponse:
    """Let everybody of this person's domain get an account."""
    row = find_sign_in(company_of(request), reference)
    if domain := listed_domain(row):
        add_listed_domain(row.company, domain, **acting(request))
        return _back(row, "domain")
    return _back(row)
