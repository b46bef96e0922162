"""Settings > Users: who has an account, with which rights, and where each comes from."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from passerelle.administration.announce import announce_emergency_access
from passerelle.administration.lockout import NoOtherWayIn, has_another_way_in, refuse_lockout
from passerelle.administration.relink import remove_identity
from passerelle.audit.models import AuditEvent
from passerelle.directory import actions
from passerelle.directory.administrators import set_administrator, set_flag
from passerelle.directory.links import activation_path, could_choose_another, may_activate
from passerelle.directory.models import ExternalIdentity, User
from passerelle.directory.snapshot import opened_domain
from passerelle.provisioning import parse_email
from passerelle.sso.outbox.letters import (
    can_send,
    has_room_for_invitations,
    queue_letter,
    send_invitation,
    was_invited_by_mail,
)
from passerelle.sso.records.traces import listed
from passerelle.sso.sessions.enforcement import NoWayBack, end_closed_sessions, may_use_password
from passerelle.sso.sessions.session import shown_sessions
from passerelle.sso.sign_in import second_factor
from passerelle.sso.sign_in.reauthenticate import is_recent
from passerelle.web.frame.access import acting, administrators_only, company_of
from passerelle.web.frame.browsers import described
from passerelle.web.frame.confirm import confirmed_only
from passerelle.web.frame.event_names import actor_label, event_label
from passerelle.web.frame.labels import ORIGINS, SOURCES, STATUSES
from passerelle.web.frame.methods import page_with_form
from passerelle.web.frame.middleware import PageRequest
from passerelle.web.frame.paging import identifier, typed
from passerelle.web.people.people_file import too_many_invitations
from passerelle.web.people.user_changes import ASKED, DONE, LAST_ADMINISTRATOR, LAST_WAY_BACK

RECENT = 20


@page_with_form
@administrators_only
@confirmed_only
def invite(request: PageRequest) -> HttpResponse:
    """An account that waits; its link is shown once, to be handed over."""
    company = company_of(request)
    context: dict[str, Any] = {
        "typed": "",
        "problem": "",
        "mailed": can_send(),
        "workspaces": company.workspaces.all(),
        "permission_sets": company.permission_sets.all(),
        "workspace": request.POST.get("workspace", ""),
        "permission_set": request.POST.get("permission_set", ""),
    }
    if request.method == "POST":
        context["typed"] = request.POST.get("email", "")
        context["is_administrator"] = "is_administrator" in request.POST
        address = parse_email(context["typed"])
        if address is None:
            context["problem"] = _("Enter an e-mail address, such as ada@acme.example.")
            return render(request, "invite.html", context, status=422)
        if not has_room_for_invitations(company, 1, now=timezone.now()):
            context["problem"] = too_many_invitations()
            return render(request, "invite.html", context, status=422)
        chosen = _chosen_right(request)
        if len(chosen) == 1:
            context["right_problem"] = _("Select a workspace and a permission set, or neither.")
            return render(request, "invite.html", context, status=422)
        user = actions.invite(
            company,
            address,
            is_administrator=context["is_administrator"],
            **acting(request),
        )
        if user is not None:
            if chosen:
                actions.give_by_hand(user, *chosen, **acting(request))
            send_invitation(user, who=acting(request)["actor"].name, now=timezone.now())
            return redirect(f"{reverse('user', args=[user.id])}?done=invited")
        context["problem"] = _("This address has an account here already.")
        context["known"] = company.users.filter(email_key=address.key).first()
        return render(request, "invite.html", context, status=422)
    return render(request, "invite.html", context)


@require_safe
@administrators_only
def user_page(request: PageRequest, user_id: UUID) -> HttpResponse:
    user = _user(request, user_id)
    return render(request, "user.html", _user_context(request, user, request.GET.get("done", "")))


def _user_context(request: PageRequest, user: User, done: str, problem: str = "") -> dict[str, Any]:
    company = company_of(request)
    memberships = user.memberships.select_related("workspace", "permission_set")
    events = AuditEvent.objects.filter(company=company, target=user.email)
    sessions, session_count = shown_sessions(user, now=timezone.now())
    waits = may_activate(user)
    link = activation_path(user) if waits and _is_confirmed(request) else ""
    return {
        "user": user,
        "status": STATUSES[user.status],
        "origin": ORIGINS[user.provisioned_by],
        "memberships": [
            (membership, SOURCES[membership.source])
            for membership in memberships.order_by("workspace__name", "permission_set__name")
        ],
        "identities": user.identities.select_related("connection", "duplicate_of").defer(
            "connection__metadata_held"
        ),
        "sessions": [(session, described(session.agent)) for session in sessions],
        "session_count": session_count,
        "sign_ins": listed(user.sign_ins.all()).order_by("-time", "-id")[:RECENT],
        "events": [
            (event, event_label(event.event), actor_label(event.actor_kind, event.actor))
            for event in events.order_by("-id")[:RECENT]
        ],
        "workspaces": company.workspaces.all(),
        "permission_sets": company.permission_sets.all(),
        "has_app": second_factor.has_app(user),
        "passkeys": user.passkeys.count(),
        "has_password": user.has_password,
        "could_do_without": user.has_password and has_another_way_in(user),
        "could_choose_another": _may_replace(request, user),
        "remembered": user.trusted_devices.count(),
        "password_counts": may_use_password(user),
        "opens_domain": opened_domain(user),
        "mailed": bool(link) and was_invited_by_mail(user),
        "waits": waits,
        # Whoever has the link becomes the user: it is shown to who has shown who they are.
        "link": settings.PASSERELLE.base_url + link if link else "",
        "is_self": request.person == user,
        "done": DONE["no-password"] if done == "break-glass" and waits else DONE.get(done, ""),
        "problem": problem,
    }


def _is_confirmed(request: PageRequest) -> bool:
    return request.session_row is not None and is_recent(request.session_row, now=timezone.now())


@page_with_form
@administrators_only
@confirmed_only
def change(request: PageRequest, user_id: UUID, verb: str) -> HttpResponse:
    """Ask first, on a page of its own that says what will be lost; then do it."""
    user = _user(request, user_id)
    if verb not in ASKED:
        raise Http404
    identity = _identity(request, user) if verb == "unlink" else None
    if request.method != "POST":
        question, what, button = ASKED[verb]
        context = {
            "identity": identity,
            "user": user,
            "verb": verb,
            "question": _(question) % {"email": user.email},
            "what": what,
            "button": button,
            "is_self": request.person == user,
            "memberships": user.memberships.count(),
            "sessions": user.sessions.count(),
        }
        return render(request, "user_change.html", context)
    try:
        with refuse_lockout(user.company):
            _change(request, user, verb)
    except actions.LastAdministrator:
        return _with_problem(request, user_id, str(LAST_ADMINISTRATOR))
    except NoWayBack:
        return _with_problem(request, user_id, str(LAST_WAY_BACK))
    except NoOtherWayIn:
        problem = _(
            "They could not come in any more: they have not come by single sign-on yet, or "
            "not by a connection that is on."
        )
        return _with_problem(request, user_id, problem)
    except actions.Gone:
        raise Http404 from None
    if verb == "remove":
        return redirect(f"{reverse('users')}?done=removed")
    return redirect(f"{reverse('user', args=[user_id])}?done={verb}")


def _change(request: PageRequest, user: User, verb: str) -> None:
    who = acting(request)
    if verb == "suspend":
        actions.suspend(user, **who)
    elif verb == "promote":
        set_administrator(user, True, **who)
    elif verb == "demote":
        set_administrator(user, False, **who)
        end_closed_sessions(user.company)
    elif verb == "reset-factor":
        second_factor.reset(user, **who)
    elif verb == "unlink":
        remove_identity(_identity(request, user), **who)
    elif verb == "replace-password":
        if not _may_replace(request, user):
            raise Http404
        actions.remove_password(user, **who)
        queue_letter(
            "password_changed", user.company, user.email, now=who["now"], language=user.language
        )
    elif verb == "remove-password":
        if not has_another_way_in(user):
            raise NoOtherWayIn
        actions.remove_password(user, **who)
    else:
        actions.remove(user, tombstone="may_return" not in request.POST, **who)


def _identity(request: PageRequest, user: User) -> ExternalIdentity:
    sent = request.POST if request.method == "POST" else request.GET
    found = user.identities.select_related("connection", "user")
    return get_object_or_404(found, id=identifier(sent.get("identity", "")))


def _may_replace(request: PageRequest, user: User) -> bool:
    """One's own is changed on one's own page; and a link that lets nobody in is none."""
    return user != request.person and could_choose_another(user) and may_use_password(user)


def _with_problem(request: PageRequest, user_id: UUID, problem: str) -> HttpResponse:
    """The person's page as it is, since nothing was done."""
    user = _user(request, user_id)
    return render(request, "user.html", _user_context(request, user, "", problem), status=422)


@require_POST
@administrators_only
@confirmed_only
def act(request: PageRequest, user_id: UUID, verb: str) -> HttpResponse:
    """What can be undone at once is done at once."""
    user = _user(request, user_id)
    try:
        if verb in ("break-glass", "test-sso"):
            return _entry(request, user, verb)
        if verb == "give":
            return _give(request, user)
        return _act(request, user, verb)
    except NoWayBack:
        return _with_problem(request, user_id, str(LAST_WAY_BACK))
    except actions.Gone:
        raise Http404 from None


def _act(request: PageRequest, user: User, verb: str) -> HttpResponse:
    if verb == "show-link":
        # Asked for who they are, if that was long ago: now the page shows it.
        return redirect("user", user.id)
    if not _done(request, user, verb):
        raise Http404
    return redirect(f"{reverse('user', args=[user.id])}?done={verb}")


def _done(request: PageRequest, user: User, verb: str) -> bool:
    """Carry a verb out; false where there is none of this name."""
    who = acting(request)
    if verb == "reinstate":
        actions.reinstate(user, **who)
    elif verb == "approve":
        actions.approve(user, **who)
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
    name = "breaks_glass" if verb == "break-glass" else "tests_sso"
    value = request.POST.get("value") == "on"
    if name == "breaks_glass" and value and not user.is_administrator:
        problem = _("Emergency access is for administrators: make this person one first.")
        return _with_problem(request, user.id, problem)
    before = getattr(user, name)
    with refuse_lockout(user.company):
        # Before as well: what came by a way that was closed does not come back.
        end_closed_sessions(user.company)
        set_flag(user, name, value, **acting(request))
        end_closed_sessions(user.company)
        if verb == "break-glass" and value != before:
            announce_emergency_access(user, **acting(request))
    return redirect(f"{reverse('user', args=[user.id])}?done={verb}")


def _give(request: PageRequest, user: User) -> HttpResponse:
    chosen = _chosen_right(request)
    if len(chosen) != 2:
        problem = _("Select a workspace and a permission set.")
        return render(request, "user.html", _user_context(request, user, "", problem), status=422)
    actions.give_by_hand(user, *chosen, **acting(request))
    return redirect(f"{reverse('user', args=[user.id])}?done=give")


def _chosen_right(request: PageRequest) -> tuple[Any, ...]:
    """The workspace and the permission set that were chosen: the company's own, both or fewer."""
    company, sent = company_of(request), request.POST
    found = (
        company.workspaces.filter(id=identifier(sent.get("workspace", ""))).first(),
        company.permission_sets.filter(id=identifier(sent.get("permission_set", ""))).first(),
    )
    return tuple(one for one in found if one is not None)


def _user(request: PageRequest, user_id: UUID) -> User:
    """A user of the asker's own company; there are no others."""
    user = company_of(request).users.select_related("company").filter(id=user_id).first()
    if user is None:
        raise Http404
    return user
