"""The person's own account: who they are here, what they have and why, where they are signed in."""

from contextlib import suppress
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from passerelle.directory import actions
from passerelle.directory.models import Membership, User
from passerelle.infra.qr_code import picture_of
from passerelle.infra.tokens import digest
from passerelle.provisioning.person_name import is_one_line
from passerelle.sso.outbox.letters import queue_letter
from passerelle.sso.records.traces import listed
from passerelle.sso.sessions.enforcement import may_use_password
from passerelle.sso.sessions.session import shown_sessions
from passerelle.sso.sign_in import second_factor
from passerelle.sso.sign_in.passkeys import are_possible
from passerelle.sso.sign_in.password_rules import password_problem, reuse_problem, set_password
from passerelle.sso.sign_in.passwords import TooManyAttempts, confirm
from passerelle.web.frame.access import acting, signed_in_only
from passerelle.web.frame.browsers import described
from passerelle.web.frame.client import client_address
from passerelle.web.frame.confirm import confirmed_only
from passerelle.web.frame.middleware import PageRequest
from passerelle.web.frame.paging import typed

MAX_NAME = 150


@require_safe
@signed_in_only
def account(request: PageRequest) -> HttpResponse:
    return render(request, "account.html", _context(request, request.GET.get("done", "")))


def _context(request: PageRequest, done: str = "", problem: str = "") -> dict[str, Any]:
    user = _person(request)
    memberships = user.memberships.select_related("workspace", "permission_set")
    opened, session_count = shown_sessions(user, now=timezone.now())
    return {
        "user": user,
        "name_is_ours": _name_is_ours(user),
        "rights": [
            (membership, _why(membership))
            for membership in memberships.order_by("workspace__name", "permission_set__name")
        ],
        "sessions": [
            (one, described(one.agent), one.key_digest == _this_browser(request)) for one in opened
        ],
        "session_count": session_count,
        "has_password": user.has_password,
        "may_use_password": may_use_password(user),
        "passkeys": user.passkeys.order_by("-created_at") if are_possible() else [],
        "passkeys_possible": are_possible(),
        "has_app": second_factor.has_app(user),
        "codes_left": user.recovery_codes.filter(used_at=None).count(),
        "company": user.company,
        "sign_ins": listed(user.sign_ins.all()).order_by("-time", "-id")[:10],
        "done": done,
        "problem": problem,
    }


def _person(request: PageRequest) -> User:
    assert request.person is not None
    return request.person


def _this_browser(request: PageRequest) -> str:
    return digest(request.COOKIES.get(settings.SESSION_COOKIE, ""))


def _name_is_ours(user: User) -> bool:
    """Whether the name is kept here, and not taken from the identity provider at each sign-in."""
    return not (user.company.update_profile and user.identities.exists())


def _why(one: Membership) -> str:
    """Why somebody has a right, as a sentence to that person."""
    if one.source == Membership.Source.DEFAULT:
        return _("Everybody who is new here gets it.")
    if one.source == Membership.Source.RULE:
        return _("Your identity provider says of you: %(rule)s.") % {"rule": one.why}
    if one.source == Membership.Source.INVITATION:
        return _("It came with your invitation.")
    if one.source == Membership.Source.HAND and "@" in one.why:
        return _("%(who)s gave it to you.") % {"who": one.why}
    return _("Whoever runs this service gave it to you.")


@require_POST
@signed_in_only
def name(request: PageRequest) -> HttpResponse:
    """Change the own name, where it is kept here."""
    user = _person(request)
    first, last = (request.POST.get(one, "").strip() for one in ("first_name", "last_name"))
    if not _name_is_ours(user):
        return redirect("account")
    if any(len(one) > MAX_NAME or not is_one_line(one) for one in (first, last)):
        problem = _("A name has at most %(count)s characters.") % {"count": MAX_NAME}
        return render(request, "account.html", _context(request, problem=problem), status=422)
    with suppress(actions.Gone):
        actions.rename(user, first, last, **acting(request))
    return redirect(f"{reverse('account')}?done=name")


@require_POST
@signed_in_only
def sessions(request: PageRequest) -> HttpResponse:
    """End one session of one's own, or all but this one."""
    user = _person(request)
    if "others" in request.POST:
        with suppress(actions.Gone):
            actions.end_other_sessions(user, _this_browser(request), **acting(request))
    else:
        actions.end_one_session(user, typed(request.POST.get("session", "")), **acting(request))
    return redirect(f"{reverse('account')}?done=session")


@require_POST
@signed_in_only
def password(request: PageRequest) -> HttpResponse:
    """Change one's own password; every other session ends, and this one goes on.

    Passkeys end where that is ticked: the person sees which there are.
    """
    user, now = _person(request), timezone.now()
    end_passkeys = "end_passkeys" in request.POST and user.passkeys.exists()
    typed, current = request.POST.get("password", ""), request.POST.get("current", "")
    if not user.has_password or not may_use_password(user):
        return redirect("account")
    here = _this_browser(request)
    try:
        if not confirm(user, current, address=client_address(request), now=now):
            return _password_problem(request, "", wrong=_("This is not your password."))
        problem = password_problem(user, typed)
        problem = problem or reuse_problem(user, typed)
        if not problem and not set_password(
            user, typed, kept_session=here, end_passkeys=end_passkeys, now=now
        ):
            problem = _("The password was changed elsewhere in the meantime.")
    except TooManyAttempts:
        problem = _("Too many failed attempts. Wait ten minutes, then try again.")
    if problem:
        return _password_problem(request, problem)
    queue_letter(
        "password_changed",
        user.company,
        user.email,
        now=now,
        language=user.language,
        passkeys=end_passkeys,
    )
    return redirect(f"{reverse('account')}?done=password")


def _password_problem(request: PageRequest, problem: str, *, wrong: str = "") -> HttpResponse:
    context = {**_context(request), "password_problem": problem, "current_problem": wrong}
    return render(request, "account.html", context, status=422)


@require_POST
@signed_in_only
@confirmed_only
def app(request: PageRequest) -> HttpResponse:
    """Set an authenticator app up, or another one in its place."""
    user, problem = _person(request), ""
    secret = request.POST.get("secret", "")
    if second_factor.is_secret(secret) and "code" in request.POST:
        codes = second_factor.set_up(user, secret, request.POST["code"][:100], now=timezone.now())
        if codes is not None:
            return render(
                request, "recovery_codes.html", {"codes": codes, "next": reverse("account")}
            )
        problem = _("This is not the code of this moment. Wait for the next one, and type that.")
    secret = secret if problem else second_factor.random_secret()
    context = {
        "secret": secret,
        "app_address": second_factor.address_for_app(user, secret),
        "picture": picture_of(second_factor.address_for_app(user, secret)),
        "problem": problem,
    }
    return render(request, "account_app.html", context, status=422 if problem else 200)


@require_POST
@signed_in_only
@confirmed_only
def codes(request: PageRequest) -> HttpResponse:
    """Ten new recovery codes in place of the old ones."""
    user = _person(request)
    if not second_factor.has_app(user):
        return redirect("account")
    made = second_factor.new_recovery_codes(user)
    return render(request, "recovery_codes.html", {"codes": made, "next": reverse("account")})
