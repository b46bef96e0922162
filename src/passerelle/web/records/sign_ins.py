"""Settings > Sign-ins: every attempt, and why it ended as it did."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from passerelle.directory.models import Company, User
from passerelle.saml.consoles import console_of
from passerelle.sso.models import SignIn
from passerelle.sso.records.explain import (
    EXPLAINED,
    KINDS,
    title_of,
)
from passerelle.sso.records.traces import listed
from passerelle.web.frame.access import administrators_only, company_of
from passerelle.web.frame.middleware import PageRequest
from passerelle.web.frame.paging import typed
from passerelle.web.records.attempt import explained_attempt, find_sign_in, reference_of
from passerelle.web.records.chart import chart_of
from passerelle.web.records.repair import repairs_for

PAGE = 50
WAITING = 200


@require_safe
@administrators_only
def sign_in_list(request: PageRequest) -> HttpResponse:
    """Newest first, in pages by cursor; the filters stay in the address."""
    assert request.person is not None
    filters, company = _filters(request), request.person.company
    found = _filtered(SignIn.objects.filter(company=company), filters)
    before = _cursor(request.GET.get("before", ""))
    if before:
        time, identifier = before
        found = found.filter(Q(time__lt=time) | Q(time=time, id__lt=identifier))
    rows = list(listed(found).order_by("-time", "-id")[: PAGE + 1])
    more = ""
    if len(rows) > PAGE:
        last = rows[PAGE - 1]
        cursor = f"{last.time.isoformat()}_{last.id}"
        more = "?" + urlencode({**_chosen(filters), "before": cursor})
    for row in rows:
        row.why = _(title_of(row.reason)) if row.reason else ""  # type: ignore[attr-defined]
    context = {
        "rows": rows[:PAGE],
        "reasons": _reasons(),
        "more": more,
        "live": "" if before else "?" + urlencode({**_chosen(filters), "after": _newest(rows)}),
        "connections": list(company.connections.all()),
        "waiting": _all_waiting(company),
        **filters,
        "is_filtered": any(filters.values()),
    }
    return render(request, "sign_ins.html", context)


@require_safe
@administrators_only
def newer(request: PageRequest) -> HttpResponse:
    """How many attempts have come since the list was shown, for the list that is open."""
    filters, after = _filters(request), _cursor(request.GET.get("after", ""))
    count = 0
    if after is not None:
        time, identifier = after
        found = _filtered(SignIn.objects.filter(company=company_of(request)), filters)
        later = found.filter(Q(time__gt=time) | Q(time=time, id__gt=identifier))
        count = later.order_by()[:PAGE].count()
    context = {"count": count, "page": f"{reverse('sign_ins')}?" + urlencode(_chosen(filters))}
    return render(request, "_newer.html", context)


def _reasons() -> list[tuple[str, list[tuple[str, str]]]]:
    """Every reason in words, by kind."""
    return [
        (
            _(kind),
            sorted(
                ((slug, _(title_of(slug))) for slug in explained),
                key=lambda pair: pair[1].casefold(),
            ),
        )
        for kind, explained in KINDS
    ]


def _filters(request: PageRequest) -> dict[str, str]:
    names = ("outcome", "reason", "connection", "q")
    return {name: typed(request.GET.get(name, "")) for name in names}


def _chosen(filters: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in filters.items() if value}


def _newest(rows: list[SignIn]) -> str:
    """The place of the newest row; from now on where there is none."""
    if rows:
        return f"{rows[0].time.isoformat()}_{rows[0].id}"
    return f"{timezone.now().isoformat()}_{UUID(int=0)}"


@require_safe
@administrators_only
def chart(request: PageRequest) -> HttpResponse:
    """The last thirty days, by day and by reason."""
    found = chart_of(company_of(request), now=timezone.now())
    reasons = [(slug, _(title_of(slug)), number) for slug, number in found.reasons]
    context = {"chart": found, "reasons": reasons}
    return render(request, "sign_in_chart.html", context)


def _all_waiting(company: Company) -> list[SignIn]:
    """The newest attempt of each newcomer who waits for a decision."""
    attempts = SignIn.objects.filter(user=OuterRef("id"), reason="approval_pending")
    newest = attempts.order_by("-time", "-id").values("id")[:1]
    people = company.users.filter(status=User.Status.PENDING).annotate(newest=Subquery(newest))
    found = SignIn.objects.filter(id__in=people.order_by("-created_at").values("newest")[:WAITING])
    return list(listed(found).order_by("-time", "-id"))


def _filtered(found: QuerySet[SignIn], filters: dict[str, str]) -> QuerySet[SignIn]:
    if filters["outcome"] in SignIn.Outcome.values:
        found = found.filter(outcome=filters["outcome"])
    if filters["connection"]:
        found = found.filter(connection__slug=filters["connection"][:100])
    if filters["reason"]:
        found = found.filter(reason=filters["reason"][:100])
    if text := filters["q"][:100]:
        found = found.filter(
            Q(reference=reference_of(text))
            | Q(email__icontains=text)
            | Q(user__email__icontains=text, reason="password_wrong")
            | Q(reason=text.lower())
        )
    return found


def _cursor(text: str) -> tuple[datetime, UUID] | None:
    """The place to go on from; anything unreadable starts from the top."""
    time, _separator, identifier = text.rpartition("_")
    try:
        moment = parse_datetime(time)
        if moment is None or moment.tzinfo is None:
            return None
        return moment.astimezone(UTC), UUID(identifier)
    except (ValueError, OverflowError):
        return None


@require_safe
@administrators_only
def sign_in_detail(request: PageRequest, reference: str) -> HttpResponse:
    """One attempt with each check; a reference that occurs twice shows the newest."""
    assert request.person is not None
    row = find_sign_in(request.person.company, reference)
    context = {**_detail(row), **repairs_for(row)}
    return render(request, "sign_in.html", {**context, "done": request.GET.get("done", "")})


def _detail(row: SignIn) -> dict[str, Any]:
    by = row.connection
    console = console_of(by.idp_entity_id, product=by.product) if by else None
    return {
        "row": row,
        "who": row.user.email if row.user and row.outcome != SignIn.Outcome.REFUSED else row.email,
        "known_reason": row.reason in EXPLAINED,
        **explained_attempt(row.checks, row.steps, row.notes, console),
    }
