"""Which users a list shows, and in what order: for the page and for its download."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from passerelle.directory.models import Company, Membership, User
from passerelle.infra.domain_names import normalise_domain
from passerelle.web.frame.labels import ORIGINS, STATUSES
from passerelle.web.frame.paging import identifier, typed

SEEN: dict[str, Promise] = {
    "7": gettext_lazy("in the last 7 days"),
    "30": gettext_lazy("in the last 30 days"),
    "not-90": gettext_lazy("not in the last 90 days"),
    "never": gettext_lazy("never"),
}
NO_RIGHT = "none"
"""In place of a workspace: people who have no right in any."""
FILTERS = ("q", "status", "origin", "workspace", "permission_set", "seen")


def filters_in(query: QueryDict) -> dict[str, str]:
    return {name: typed(query.get(name, "")) for name in FILTERS}


def filtered(company: Company, filters: dict[str, str], *, now: datetime) -> "QuerySet[User]":
    """The users of a company that fit; a filter that means nothing is none."""
    found = company.users.all()
    if filters["status"] in STATUSES:
        found = found.filter(status=filters["status"])
    if filters["origin"] in ORIGINS:
        found = found.filter(provisioned_by=filters["origin"])
    if filters["workspace"] == NO_RIGHT:
        found = found.filter(memberships=None)
    for name in ("workspace", "permission_set"):
        if filters[name] and (name, filters[name]) != ("workspace", NO_RIGHT):
            of_it = Membership.objects.filter(company=company, **{name: identifier(filters[name])})
            found = found.filter(id__in=of_it.values("user_id"))
    if filters["seen"] in SEEN:
        found = found.filter(_seen(filters["seen"], now))
    if filters["q"]:
        found = found.filter(_searched(filters["q"]))
    return found


def _seen(when: str, now: datetime) -> Q:
    if when == "never":
        return Q(last_sign_in_at=None)
    if when == "not-90":
        return Q(last_sign_in_at=None) | Q(last_sign_in_at__lt=now - timedelta(days=90))
    return Q(last_sign_in_at__gte=now - timedelta(days=int(when)))


def _as_in_a_key(text: str) -> str:
    """Part of an address as keys hold it: a domain is encoded."""
    local, at, domain = text.rpartition("@")
    encoded = normalise_domain(domain)
    return f"{local.casefold()}{at}{encoded}" if encoded else text.casefold()


def _searched(text: str) -> Q:
    return (
        Q(email_key__contains=_as_in_a_key(text))
        | Q(first_name__icontains=text)
        | Q(last_name__icontains=text)
    )


@dataclass(frozen=True, slots=True)
class Order:
    """One order of the list: its fields, and how the next page goes on behind a row."""

    name: Promise
    fields: tuple[str, ...]
    cursor: Callable[[User], str]
    behind: Callable[[str], Q | None]
    """The condition for rows behind a cursor; None where the cursor is none."""
    only: Q = field(default_factory=Q)


def _by_time(name: Promise, column: str) -> Order:
    def behind(text: str) -> Q | None:
        time, _separator, key = text.rpartition("_")
        try:
            moment = parse_datetime(time)
            if moment is None or moment.tzinfo is None:
                return None
            moment = moment.astimezone(UTC)
        except (ValueError, OverflowError):
            return None
        earlier, same = Q(**{f"{column}__lt": moment}), Q(**{column: moment})
        return earlier | (same & Q(id__lt=identifier(key)))

    return Order(
        name,
        (f"-{column}", "-id"),
        lambda user: f"{getattr(user, column).isoformat()}_{user.id}",
        behind,
        # Who never signed in has no place in an order by sign-in.
        Q(**{f"{column}__isnull": False}),
    )


ORDERS: dict[str, Order] = {
    "email": Order(
        gettext_lazy("E-mail address"),
        ("email_key",),
        lambda user: user.email_key,
        lambda text: Q(email_key__gt=text),
    ),
    "newest": _by_time(gettext_lazy("Newest account first"), "created_at"),
    "seen": _by_time(gettext_lazy("Latest sign-in first"), "last_sign_in_at"),
}


def order_in(query: QueryDict) -> str:
    chosen = query.get("sort", "")
    return chosen if chosen in ORDERS else "email"


def as_query(filters: dict[str, str], sort: str) -> str:
    """Filters and order as the query of an address."""
    kept = {**{name: value for name, value in filters.items() if value}}
    if sort != "email":
        kept["sort"] = sort
    return urlencode(kept)
