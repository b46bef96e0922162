"""Settings > Users, several at once: what would happen to each first, then all of it or nothing."""

from dataclasses import dataclass

from django.db import transaction
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from passerelle.administration.lockout import refuse_lockout
from passerelle.directory import actions
from passerelle.directory.models import Company, Membership, PermissionSet, User, Workspace
from passerelle.sso.sessions.enforcement import NoWayBack
from passerelle.web.frame.access import Acting, acting, administrators_only, company_of
from passerelle.web.frame.confirm import confirmed_only
from passerelle.web.frame.middleware import PageRequest
from passerelle.web.frame.paging import SIZE, identifier
from passerelle.web.people.bulk_verbs import GIVE, VERBS, verb_choices
from passerelle.web.people.user_changes import LAST_WAY_BACK

GONE = gettext_lazy("Nothing was done: somebody else has removed one of them in the meantime.")


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was ticked and chosen on the list: rows of the company's own, all of them."""

    users: list[User]
    verb: str
    workspace: Workspace | None
    permission_set: PermissionSet | None

    @property
    def problem(self) -> str:
        if not self.users:
            return _("Tick at least one person.")
        if self.verb == GIVE and (self.workspace is None or self.permission_set is None):
            return _("Select a workspace and a permission set.")
        if self.verb != GIVE and self.verb not in VERBS:
            return _("Choose what to do.")
        return ""


def _chosen(company: Company, sent: QueryDict) -> Chosen:
    ids = [identifier(one) for one in sent.getlist("user")[:SIZE]]
    return Chosen(
        list(company.users.filter(id__in=ids).select_related("company").order_by("email_key")),
        sent.get("verb", ""),
        company.workspaces.filter(id=identifier(sent.get("workspace", ""))).first(),
        company.permission_sets.filter(id=identifier(sent.get("permission_set", ""))).first(),
    )


@require_POST
@administrators_only
def ask(request: PageRequest) -> HttpResponse:
    """What would happen to each; nothing is done yet, but tried and taken back."""
    chosen, problem = _chosen(company_of(request), request.POST), ""
    if not chosen.problem:
        with transaction.atomic():
            problem = _carry_out(request, chosen)[1]
            transaction.set_rollback(True)
    return _page(request, _chosen(company_of(request), request.POST), problem)


def _page(request: PageRequest, chosen: Chosen, problem: str = "") -> HttpResponse:
    people = [] if chosen.problem else _people(chosen)
    problem, company = problem or chosen.problem, company_of(request)
    context = {
        "chosen": chosen,
        "verb": VERBS.get(chosen.verb),
        "problem": problem,
        "people": people,
        "changing": sum(not idle for _user, idle in people),
        "verbs": verb_choices(),
        "workspaces": company.workspaces.all(),
        "permission_sets": company.permission_sets.all(),
    }
    return render(request, "several.html", context, status=422 if problem else 200)


def _people(chosen: Chosen) -> list[tuple[User, bool]]:
    """Each with whether it changes nothing for them."""
    if chosen.verb != GIVE:
        return [(user, VERBS[chosen.verb].idle(user)) for user in chosen.users]
    given = Membership.objects.filter(
        user__in=chosen.users,
        workspace=chosen.workspace,
        permission_set=chosen.permission_set,
        source=Membership.Source.HAND,
    )
    have = set(given.values_list("user_id", flat=True))
    return [(user, user.id in have) for user in chosen.users]


@require_POST
@administrators_only
@confirmed_only
def do(request: PageRequest) -> HttpResponse:
    """All of it in one transaction, or nothing where one of them cannot be."""
    chosen = _chosen(company_of(request), request.POST)
    if chosen.problem:
        return _page(request, chosen)
    done, problem = _carry_out(request, chosen)
    if problem:
        # As they are: what was begun is undone.
        return _page(request, _chosen(company_of(request), request.POST), problem)
    return redirect(f"{reverse('users')}?done={done}")


def _carry_out(request: PageRequest, chosen: Chosen) -> tuple[int, str]:
    """Do it to each; how many it changed, or why nothing was done."""
    try:
        with refuse_lockout(company_of(request)):
            return sum(_do(user, chosen, acting(request)) for user in chosen.users), ""
    except actions.Gone:
        return 0, str(GONE)
    except NoWayBack:
        return 0, str(LAST_WAY_BACK)
    except actions.LastAdministrator:
        return 0, _(
            "Nothing was done: no active administrator would be left. Leave one out of the "
            "selection."
        )


def _do(user: User, chosen: Chosen, who: Acting) -> bool:
    if chosen.verb == GIVE:
        assert chosen.workspace is not None and chosen.permission_set is not None
        return actions.give_by_hand(user, chosen.workspace, chosen.permission_set, **who)
    verb = VERBS[chosen.verb]
    if verb.idle(user):
        return False
    verb.do(user, who)
    return True
