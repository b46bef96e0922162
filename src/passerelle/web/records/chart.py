"""Sign-ins by day, as numbers and as the bars of a drawing that the server makes."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db.models import Sum
from django.db.models.functions import TruncDate

from passerelle.directory.models import Company
from passerelle.sso.models import SignIn

DAYS = 30
WIDTH, HEIGHT, FOOT = 900, 220, 24
_KINDS = {"created": "newcomers", "linked": "newcomers", "signed_in": "signed_in"}


@dataclass(slots=True)
class Day:
    day: date
    signed_in: int = 0
    newcomers: int = 0
    refused: int = 0

    @property
    def total(self) -> int:
        return self.signed_in + self.newcomers + self.refused


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle of the drawing; `kind` chooses its look."""

    kind: str
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Chart:
    days: list[Day]
    bars: list[Bar]
    top: int
    """The number at the upper edge."""
    reasons: list[tuple[str, int]]

    @property
    def total(self) -> int:
        return sum(day.total for day in self.days)

    @property
    def newcomers(self) -> int:
        return sum(day.newcomers for day in self.days)

    @property
    def refused(self) -> int:
        return sum(day.refused for day in self.days)

    @property
    def first(self) -> date:
        return self.days[0].day

    @property
    def last(self) -> date:
        return self.days[-1].day


def chart_of(company: Company, *, now: datetime, length: int = DAYS) -> Chart:
    """The last days, today included, in two queries.

    Whoever opens an application has signed in before: only who may not is counted.
    """
    first = now.astimezone(UTC).date() - timedelta(days=length - 1)
    since = datetime(first.year, first.month, first.day, tzinfo=UTC)
    rows = SignIn.objects.filter(company=company, time__gte=since).order_by()
    rows = rows.exclude(application__isnull=False, outcome=SignIn.Outcome.SIGNED_IN)
    dates = [first + timedelta(days=number) for number in range(length)]
    days = {one: Day(one) for one in dates}
    by_day = rows.annotate(day=TruncDate("time", tzinfo=UTC)).values("day", "outcome")
    for row in by_day.annotate(number=Sum("count")):
        if (day := days.get(row["day"])) is not None:
            kind = _KINDS.get(row["outcome"], "refused")
            setattr(day, kind, getattr(day, kind) + row["number"])
    refused = rows.filter(outcome=SignIn.Outcome.REFUSED).values("reason")
    reasons = refused.annotate(number=Sum("count")).order_by("-number", "reason")
    found = list(days.values())
    top = max((one.total for one in found), default=0)
    return Chart(
        found, _bars(found, top), top, [(reason["reason"], reason["number"]) for reason in reasons]
    )


def _bars(days: list[Day], top: int) -> list[Bar]:
    step = WIDTH // len(days)
    bars = []
    for number, day in enumerate(days):
        y = HEIGHT - FOOT
        for kind in ("signed_in", "newcomers", "refused"):
            value = getattr(day, kind)
            # What there is shows, however small it is beside the rest.
            height = max(round(value * (HEIGHT - FOOT - 4) / top), 2) if value else 0
            if height:
                y -= height
                bars.append(Bar(kind, number * step + 3, y, step - 6, height))
    return bars
