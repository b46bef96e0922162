"""What an administrator finds on their dashboard: the last weeks, what needs them, what is next."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from passerelle.administration.enforcement import undone_by_code
from passerelle.directory.models import (
    Application,
    Company,
    Domain,
    PermissionSet,
    User,
    Workspace,
)
from passerelle.infra.identifiers import first_of
from passerelle.sso.models import SamlConnection, SetupLink, SignIn
from passerelle.sso.outbox.expiry_notices import ending_soon
from passerelle.web.records.chart import chart_of

DAYS = 14
LATELY = timedelta(days=1)
UNUSED_FOR = timedelta(days=30)


def overview_of(user: User, *, now: datetime) -> dict[str, Any] | None:
    """What waits for an administrator; nothing for anybody else."""
    if not user.is_administrator:
        return None
    company, row = user.company, _with_what_it_has(user.company)
    login = reverse("company_login", args=[company.slug])
    return {
        "first_steps": _first_steps(row),
        "attention": _attention(row, now),
        "has_application": row.has_application,
        "sign_in_address": settings.PASSERELLE.base_url + login,
        "chart": chart_of(company, now=now, length=DAYS),
    }


def _with_what_it_has(company: Company) -> Any:
    """The company's row, with what it has at least one of."""

    def exists(rows: QuerySet[Any]) -> Exists:
        return Exists(rows.filter(company=OuterRef("id")))

    done = SetupLink.objects.filter(
        company=OuterRef("id"),
        finished_at__isnull=False,
        connection__enabled=False,
        connection__identities=None,
    )
    return Company.objects.annotate(
        connected=exists(SamlConnection.objects.filter(enabled=True)),
        verified=exists(Domain.objects.filter(verified_at__isnull=False)),
        has_workspace=exists(Workspace.objects.all()),
        has_set=exists(PermissionSet.objects.all()),
        has_application=exists(Application.objects.all()),
        handed_back=Subquery(done.values("connection__slug")[:1]),
    ).get(id=company.id)


def _first_steps(row: Any) -> list[tuple[Promise, str, bool]]:
    """What a company does once, in this order, and whether it has; nothing once all is done."""
    steps: list[tuple[Promise, str, bool]] = [
        (
            gettext_lazy("Connect your identity provider"),
            reverse("connect"),
            row.connected or row.google_sso_enabled,
        ),
        (gettext_lazy("Verify your e-mail domain"), reverse("domains"), row.verified),
        (gettext_lazy("Make a workspace"), reverse("workspaces"), row.has_workspace),
        (gettext_lazy("Make a permission set"), reverse("permission_sets"), row.has_set),
    ]
    if row.jit_provisioning_available and not row.google_sso_enabled:
        page = f"{reverse('security')}#jit-title"
        done = row.automatic_user_provisioning
        steps.append((gettext_lazy("Switch automatic user provisioning on"), page, done))
    return steps if not all(done for _step, _page, done in steps) else []


def _attention(row: Any, now: datetime) -> list[tuple[str, str]]:
    """What needs an administrator, the most urgent first: each a sentence and its page."""
    found = []
    if undone_by_code(row):
        sentence = _("An emergency code let everybody use passwords again: look at single sign-on")
        found.append((sentence, reverse("enforcement")))
    for connection, end in ending_soon(row, now=now):
        sentence = (
            _("The certificate of %(name)s ended on %(day)s: nobody gets in by it")
            if end <= now
            else _("The certificate of %(name)s ends on %(day)s")
        )
        day = date_format(end, "DATE_FORMAT")
        found.append((sentence % {"name": connection.name, "day": day}, reverse("security")))
    if row.handed_back:
        sentence = _("A connection was set up by your link and waits to be switched on")
        found.append((sentence, reverse("connect_guide", args=[row.handed_back])))
    if waiting := row.users.filter(status=User.Status.PENDING).count():
        sentence = ngettext(
            "%(count)s person waits for your decision",
            "%(count)s people wait for your decision",
            waiting,
        )
        found.append((sentence % {"count": waiting}, reverse("sign_ins")))
    lately = SignIn.objects.filter(company=row, outcome="refused", time__gte=now - LATELY)
    if refused := lately.count():
        sentence = ngettext(
            "%(count)s sign-in refused in the last 24 hours",
            "%(count)s sign-ins refused in the last 24 hours",
            refused,
        )
        page = f"{reverse('sign_ins')}?outcome=refused"
        found.append((sentence % {"count": refused}, page))
    for application in _unopened(row, now):
        sentence = _("Nobody has opened %(name)s for 30 days") % {"name": application.name}
        found.append((sentence, reverse("application", args=[application.id])))
    return found


def _unopened(company: Company, now: datetime) -> QuerySet[Application]:
    """Applications that we would know of, long there, that nobody has gone to lately."""
    since = now - UNUSED_FOR
    visits = SignIn.objects.filter(application=OuterRef("id"), reason="", time__gte=since)
    rows = company.applications.exclude(kind=Application.Kind.LINK)
    return rows.filter(~Exists(visits), id__lt=first_of(since)).only("name", "company")
