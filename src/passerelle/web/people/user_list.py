"""Settings > Users: the list, and all of it as CSV."""

import csv
from collections.abc import Iterator

from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from passerelle.directory.models import User
from passerelle.infra.csv_lines import Echo, harmless
from passerelle.infra.rows import rows_of
from passerelle.web.frame import downloads
from passerelle.web.frame.access import administrators_only, company_of
from passerelle.web.frame.labels import ORIGINS, STATUSES
from passerelle.web.frame.middleware import PageRequest
from passerelle.web.frame.paging import number_in, page_of, typed
from passerelle.web.people.bulk_verbs import verb_choices
from passerelle.web.people.user_filters import (
    ORDERS,
    SEEN,
    as_query,
    filtered,
    filters_in,
    order_in,
)

COLUMNS = (
    "email",
    "first_name",
    "last_name",
    "status",
    "administrator",
    "made_by",
    "created_at",
    "last_sign_in_at",
    "rights",
)


@require_safe
@administrators_only
def user_list(request: PageRequest) -> HttpResponse:
    """In pages; filters and order stay in the address."""
    company, filters, sort = company_of(request), filters_in(request.GET), order_in(request.GET)
    order = ORDERS[sort]
    found = filtered(company, filters, now=timezone.now()).filter(order.only)
    found = found.order_by(*order.fields)
    after = typed(request.GET.get("after", ""))
    if after and (behind := order.behind(after)) is not None:
        found = found.filter(behind)
    kept = filters if sort == "email" else {**filters, "sort": sort}
    page = page_of(found, kept, order.cursor)
    context = {
        "page": page,
        **filters,
        "sort": sort,
        "is_filtered": any(filters.values()),
        "statuses": STATUSES,
        # Nobody has one by SCIM yet.
        "origins": {name: label for name, label in ORIGINS.items() if name != "scim"},
        "seen_choices": SEEN,
        "orders": {name: one.name for name, one in ORDERS.items()},
        "workspaces": company.workspaces.all(),
        "permission_sets": company.permission_sets.all(),
        "done_count": number_in(request.GET.get("done", "")) or 0,
        "query": as_query(filters, sort),
        "by_email": as_query(filters, "email"),
        "by_sign_in": as_query(filters, "seen"),
        "verbs": verb_choices(),
        "shown": [
            (user, STATUSES[user.status], ORIGINS[user.provisioned_by]) for user in page.rows
        ],
    }
    return render(request, "users.html", context)


@require_safe
@administrators_only
def download(request: PageRequest) -> HttpResponseBase:
    """Everybody who fits the filters, streamed, however many they are."""
    found = filtered(company_of(request), filters_in(request.GET), now=timezone.now())
    return downloads.download(
        request, _lines(found), name="users.csv", content_type="text/csv; charset=utf-8"
    )


def _lines(found: "QuerySet[User]") -> Iterator[str]:
    writer = csv.writer(Echo())
    yield writer.writerow(COLUMNS)
    rights = "memberships__workspace", "memberships__permission_set"
    for user in rows_of(found.prefetch_related(*rights), "email_key"):
        yield writer.writerow([harmless(value) for value in _row(user)])


def _row(user: User) -> tuple[str, ...]:
    rights = sorted(
        f"{membership.workspace.name}: {membership.permission_set.name}"
        for membership in user.memberships.all()
    )
    seen = user.last_sign_in_at
    return (
        user.email,
        user.first_name,
        user.last_name,
        user.status,
        "yes" if user.is_administrator else "no",
        user.provisioned_by,
        user.created_at.isoformat(),
        seen.isoformat() if seen else "",
        "; ".join(dict.fromkeys(rights)),
    )
