"""The repairs on the page of a sign-in: each decides about what was looked at, and nothing else."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from passerelle import saml
from passerelle.dashboard.access import administrators_only, by, company_of
from passerelle.dashboard.confirm import confirmed_only
from passerelle.dashboard.methods import page_with_form
from passerelle.dashboard.middleware import PageRequest
from passerelle.dashboard.paging import number_in
from passerelle.dashboard.repair import listed_domain, offered_certificate, waiting_newcomer
from passerelle.dashboard.security_save import add_listed_domain
from passerelle.dashboard.views.sign_ins import find_sign_in
from passerelle.directory.actions import approve
from passerelle.directory.merge import duplicates
from passerelle.sso.admit import admit
from passerelle.sso.connections import trust_certificate
from passerelle.sso.models import SignIn
from passerelle.sso.relink import relink_of, relinks, replace_identity


def _back(row: SignIn, done: str = "") -> HttpResponse:
    return redirect(f"/settings/sign-ins/{row.reference}/" + (f"?done={done}" if done else ""))


@require_POST
@administrators_only
@confirmed_only
def approve_newcomer(request: PageRequest, reference: str) -> HttpResponse:
    """Let the newcomer of this sign-in in."""
    row = find_sign_in(company_of(request), reference)
    user = waiting_newcomer(row)
    if user is not None:
        approve(user, **by(request))
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
    trust_certificate(row.connection, certificate, **by(request))
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
    return _back(row, "admitted" if admit(row, **by(request)) else "")


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
    return _back(row, "replaced" if replace_identity(row, **by(request)) else "")


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
            replace_identity(one.row, **by(request))
            for one in found
            if f"{one.row.reference} {one.known.subject}" in chosen
        )
        return redirect(f"/settings/identities/?done={count}")
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
        add_listed_domain(row.company, domain, **by(request))
        return _back(row, "domain")
    return _back(row)
