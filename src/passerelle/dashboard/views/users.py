"""Settings > Users: who has an account, with which rights, and where each comes from."""

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from passerelle.audit.models import AuditEvent
from passerelle.dashboard.access import administrators_only, by, company_of
from passerelle.dashboard.browsers import described
from passerelle.dashboard.confirm import confirmed_only
from passerelle.dashboard.event_names import event_label
from passerelle.dashboard.middleware import PageRequest
from passerelle.dashboard.paging import identifier, typed
from passerelle.dashboard.user_filters import ORIGINS, SOURCES, STATUSES
from passerelle.directory import actions
from passerelle.directory.models import User
from passerelle.provisioning import parse_email
from passerelle.sso import second_factor
from passerelle.sso.confirmation import is_recent
from passerelle.sso.enforcement import end_closed_sessions
from passerelle.sso.letters import can_send, send_invitation
from passerelle.sso.password_rules import activation_path, may_activate

RECENT = 20


@require_http_methods(["GET", "POST"])
@administrators_only
@confirmed_only
def invite(request: PageRequest) -> HttpResponse:
    """An account that waits; its link is shown once, to be handed over."""
    company = company_of(request)
    context: dict[str, Any] = {"typed": "", "problem": ""}
    if request.method == "POST":
        context["typed"] = request.POST.get("email", "")
        context["is_administrator"] = "is_administrator" in request.POST
        address = parse_email(context["typed"])
        if address is None:
            context["problem"] = _("Enter an e-mail address, such as ada@acme.example.")
            return render(request, "invite.html", context, status=422)
        user = actions.invite(
            company,
            address,
            is_administrator=context["is_administrator"],
            **by(request),
        )
        if user is not None:
            send_invitation(user, who=by(request)["actor"].name, now=timezone.now())
            return redirect(f"/settings/users/{user.id}/?done=invited")
        context["problem"] = _("This address has an account here already.")
        return render(request, "invite.html", context, status=422)
    return render(request, "invite.html", context)


@require_GET
@administrators_only
def user_page(request: PageRequest, user_id: UUID) -> HttpResponse:
    user = _user(request, user_id)
    return render(request, "user.html", _user_context(request, user, request.GET.get("done", "")))


def _user_context(request: PageRequest, user: User, done: str, problem: str = "") -> dict[str, Any]:
    company = company_of(request)
    memberships = user.memberships.select_related("workspace", "permission_set")
    events = AuditEvent.objects.filter(company=company, target=user.email)
    link = activation_path(user) if user.status == User.Status.INVITED else ""
    return {
        "user": user,
        "status": STATUSES[user.status],
        "origin": ORIGINS[user.provisioned_by],
        "memberships": [
            (one, SOURCES[one.source])
            for one in memberships.order_by("workspace__name", "permission_set__name")
        ],
        "identities": user.identities.select_related("connection"),
        "sessions": [
            (one, described(one.agent))
            for one in user.sessions.filter(expires_at__gt=timezone.now())
            .select_related("connection")
            .order_by("-last_seen_at")
        ],
        "sign_ins": user.sign_ins.select_related("connection").order_by("-time", "-id")[:RECENT],
        "events": [(one, event_label(one.event)) for one in events.order_by("-id")[:RECENT]],
        "workspaces": company.workspaces.all(),
        "permission_sets": company.permission_sets.all(),
        "has_app": second_factor.has_app(user),
        "passkeys": user.passkeys.count(),
        "has_password": user.password.startswith("argon2"),
        "mailed": can_send(),
        "waits": bool(link) and may_activate(user),
        # Whoever has the link becomes the user: it is shown to who has shown who they are.
        "link": request.build_absolute_uri(link)
        if link and may_activate(user) and _is_confirmed(request)
        else "",
        "is_self": request.person is not None and request.person.id == user.id,
        "done": DONE.get(done, ""),
        "problem": problem,
    }


def _is_confirmed(request: PageRequest) -> bool:
    return request.session_row is not None and is_recent(request.session_row, now=timezone.now())


@require_http_methods(["GET", "POST"])
@administrators_only
@confirmed_only
def change(request: PageRequest, user_id: UUID, verb: str) -> HttpResponse:
    """Ask first, on a page of its own that says what will be lost; then do it."""
    user = _user(request, user_id)
    if verb not in ASKED:
        raise Http404
    if request.method == "GET":
        sentences = {"suspend": SUSPEND, "remove": REMOVE, "demote": DEMOTE}
        context = {
            "user": user,
            "verb": verb,
            "question": _(ASKED[verb]) % {"email": user.email},
            "what": _(sentences[verb]),
            "memberships": user.memberships.count(),
            "sessions": user.sessions.count(),
        }
        return render(request, "user_change.html", context)
    try:
        if verb == "suspend":
            actions.suspend(user, **by(request))
        elif verb == "demote":
            actions.set_administrator(user, False, **by(request))
        else:
            actions.remove(user, tombstone="may_return" not in request.POST, **by(request))
            return redirect("/settings/users/?done=removed")
    except actions.LastAdministrator:
        problem = _("This is the last active administrator: make somebody else one first.")
        return render(request, "user.html", _user_context(request, user, "", problem), status=422)
    return redirect(f"/settings/users/{user.id}/?done={verb}")


@require_POST
@administrators_only
@confirmed_only
def act(request: PageRequest, user_id: UUID, verb: str) -> HttpResponse:
    """What can be undone at once is done at once."""
    user = _user(request, user_id)
    if verb in ("break-glass", "reset-factor", "test-sso"):
        return _entry(request, user, verb)
    if verb == "give":
        return _give(request, user)
    if verb == "show-link":
        # Asked for who they are, if that was long ago: now the page shows it.
        return redirect(f"/settings/users/{user.id}/")
    if not _done(request, user, verb):
        raise Http404
    return redirect(f"/settings/users/{user.id}/?done={verb}")


def _done(request: PageRequest, user: User, verb: str) -> bool:
    """Carry a verb out; false where there is none of this name."""
    who = by(request)
    if verb == "reinstate":
        if user.status == User.Status.SUSPENDED:
            actions.reinstate(user, **who)
    elif verb == "approve":
        actions.approve(user, **who)
    elif verb == "promote":
        actions.set_administrator(user, True, **who)
    elif verb == "sign-out":
        actions.end_sessions(user, **who)
    elif verb == "end-session":
        actions.end_one_session(user, typed(request.POST.get("session", "")), **who)
    elif verb == "withdraw":
        row = user.memberships.filter(id=identifier(request.POST.get("membership", ""))).first()
        if row is not None:
            actions.withdraw_membership(row, **who)
    else:
        return False
    return True


def _entry(request: PageRequest, user: User, verb: str) -> HttpResponse:
    """How somebody may enter."""
    if verb == "reset-factor":
        second_factor.reset(user, **by(request))
    else:
        name = "breaks_glass" if verb == "break-glass" else "tests_sso"
        actions.set_flag(user, name, request.POST.get("value") == "on", **by(request))
        end_closed_sessions(user.company)
    return redirect(f"/settings/users/{user.id}/?done={verb}")


def _give(request: PageRequest, user: User) -> HttpResponse:
    company = company_of(request)
    workspace = company.workspaces.filter(id=identifier(request.POST.get("workspace", ""))).first()
    chosen = identifier(request.POST.get("permission_set", ""))
    permission_set = company.permission_sets.filter(id=chosen).first()
    if workspace is None or permission_set is None:
        problem = _("Select a workspace and a permission set.")
        return render(request, "user.html", _user_context(request, user, "", problem), status=422)
    actions.give_by_hand(user, workspace, permission_set, **by(request))
    return redirect(f"/settings/users/{user.id}/?done=give")


def _user(request: PageRequest, user_id: UUID) -> User:
    """A user of the asker's own company; there are no others."""
    user = company_of(request).users.select_related("company").filter(id=user_id).first()
    if user is None:
        raise Http404
    return user


DONE = {
    "invited": gettext_lazy("The account waits for its activation. Hand the link below over."),
    "suspend": gettext_lazy("The account is suspended, and its sessions have ended."),
    "demote": gettext_lazy("This person is no administrator any more."),
    "reinstate": gettext_lazy("The account is active again."),
    "approve": gettext_lazy("The account is approved."),
    "promote": gettext_lazy("This person is an administrator now."),
    "sign-out": gettext_lazy("Every session of this person has ended."),
    "end-session": gettext_lazy("This session has ended."),
    "break-glass": gettext_lazy("Changed: see “Ways to sign in” below."),
    "test-sso": gettext_lazy("Changed: see “Ways to sign in” below."),
    "reset-factor": gettext_lazy(
        "App, codes and passkeys are taken away, and every session has ended."
    ),
    "give": gettext_lazy("The right was given."),
    "withdraw": gettext_lazy("The right was withdrawn."),
}
ASKED = {
    "suspend": gettext_noop("Suspend %(email)s?"),
    "remove": gettext_noop("Remove %(email)s?"),
    "demote": gettext_noop("Take administration away from %(email)s?"),
}
SUSPEND = gettext_noop(
    "They are signed out at once and cannot sign in again until somebody reinstates them. Their "
    "rights are kept."
)
REMOVE = gettext_noop(
    "The account, its rights, its identities and its sessions are deleted. That cannot be undone. "
    "The audit log keeps what happened."
)
DEMOTE = gettext_noop("They keep their account and their rights in workspaces.")
