"""Settings > Users > Merge: two accounts of one person, side by side, become one."""

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from passerelle.administration.lockout import refuse_lockout
from passerelle.directory.actions import Gone, LastAdministrator
from passerelle.directory.merge import keep_apart, looks_like, merge, merge_of
from passerelle.directory.models import Company, User
from passerelle.provisioning import parse_email
from passerelle.sso.sessions.enforcement import NoWayBack, end_closed_sessions
from passerelle.web.frame.access import acting, administrators_only, company_of
from passerelle.web.frame.confirm import confirmed_only
from passerelle.web.frame.labels import SOURCES, STATUSES
from passerelle.web.frame.methods import page_with_form
from passerelle.web.frame.middleware import PageRequest
from passerelle.web.frame.paging import identifier, typed
from passerelle.web.people.user_changes import LAST_ADMINISTRATOR, LAST_WAY_BACK


@page_with_form
@administrators_only
@confirmed_only
def merge_page(request: PageRequest, user_id: UUID) -> HttpResponse:
    """Choose the other account, compare the two, and say which one stays."""
    company = company_of(request)
    user = company.users.filter(id=user_id).first()
    if user is None:
        raise Http404
    address = typed(request.GET.get("with", ""))
    if request.method == "POST":
        # The account that was compared, whoever has its address by now.
        other_id = identifier(request.POST.get("other", ""))
        other = company.users.exclude(id=user.id).filter(id=other_id).first()
        if other is None:
            raise Http404
    else:
        other = _other(company, user, address)
    if other is None:
        context = {"user": user, "typed": address, "problem": _no_other(user, address)}
        status = 422 if context["problem"] else 200
        return render(request, "merge_with.html", context, status=status)
    if request.method != "POST":
        return render(request, "merge.html", _context(request, user, other))
    try:
        return _decide(request, user, other)
    except LastAdministrator:
        problem = str(LAST_ADMINISTRATOR)
    except NoWayBack:
        problem = str(LAST_WAY_BACK)
    except Gone:
        raise Http404 from None
    return render(request, "merge.html", _context(request, user, other, problem), status=422)


def _other(company: Company, user: User, address: str) -> User | None:
    email = parse_email(address)
    others = company.users.exclude(id=user.id)
    return others.filter(email_key=email.key).first() if email else None


def _no_other(user: User, address: str) -> str:
    if not address:
        return ""
    email = parse_email(address)
    if email is None:
        return _("Enter an e-mail address, such as ada@acme.example.")
    if email.key == user.email_key:
        return _("That is this account. Enter the address of the other one.")
    return _("No account here has this address. Check it on the list of users.")


def _context(request: PageRequest, user: User, other: User, problem: str = "") -> dict[str, Any]:
    # The one that is known better stays, unless somebody says otherwise.
    older = min(user, other, key=lambda one: (not one.is_administrator, one.created_at))
    kept = request.POST.get("keep", str(older.id))
    return {
        "user": user,
        "other": other,
        "problem": problem,
        "kept": kept,
        "suggested": looks_like(user, other),
        "sides": [_side(one, two) for one, two in ((user, other), (other, user))],
    }


def _side(kept: User, gone: User) -> dict[str, Any]:
    """One account as it is, and what it would get from the other."""
    gets = merge_of(kept, gone)
    return {
        "account": kept,
        "id": str(kept.id),
        "status": STATUSES[kept.status],
        "identities": kept.identities.all(),
        "rights": [
            (membership, SOURCES[membership.source]) for membership in kept.memberships.all()
        ],
        "gets": gets,
        "loses_administration": gone.is_administrator and not kept.is_administrator,
    }


def _decide(request: PageRequest, user: User, other: User) -> HttpResponse:
    if request.POST.get("do") == "apart":
        keep_apart(user, other, **acting(request))
        return redirect(f"{reverse('user', args=[user.id])}?done=apart")
    kept, gone = (user, other) if request.POST.get("keep") == str(user.id) else (other, user)
    if request.POST.get("keep") != str(kept.id):
        problem = _("Choose the account to keep.")
        return render(request, "merge.html", _context(request, user, other, problem), status=422)
    with refuse_lockout(kept.company):
        merge(kept, gone, **acting(request))
        end_closed_sessions(kept.company)
    return redirect(f"{reverse('user', args=[kept.id])}?done=merge")
