"""Whom other rules about passwords, sessions, ways in and networks would concern at once.

Counted from what the database holds now. Nothing is written, and what a company has many of is
counted by the database, with the first few by name.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from operator import itemgetter

from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from passerelle.administration.provisioning_impact import DAYS
from passerelle.directory.models import Company, ExternalIdentity, User
from passerelle.sso.connections.connection import usable_connections
from passerelle.sso.models import SamlConnection, Session, SignIn
from passerelle.sso.sessions.enforcement import people_with_password
from passerelle.sso.sessions.session import open_sessions, still_used_since
from passerelle.sso.sign_in import google

NAMED = 20
SIGN_INS = 5000
"""So many of the newest are looked at for where people came from."""


@dataclass(frozen=True, slots=True)
class Concerned:
    """How many people or sessions, and the first people by name, with what says so."""

    count: int
    people: tuple[tuple[str, datetime | str | None], ...] = ()
    others: int = 0
    """How many people more there are than are named."""


def passwords_ended(company: Company, changed: Company, *, now: datetime) -> Concerned:
    """People whose password is good today, and would have to be replaced; with its age."""
    return _of_passwords(_too_old(changed, now) & ~_too_old(company, now), company)


def passwords_good_again(company: Company, changed: Company, *, now: datetime) -> Concerned:
    return _of_passwords(_too_old(company, now) & ~_too_old(changed, now), company)


def _too_old(company: Company, now: datetime) -> Q:
    """What `password_rules.is_expired` says, as a condition on `since`."""
    days = company.password_expiry_days
    return Q(since__lte=now - timedelta(days=days)) if days else Q(pk=None)


def _of_passwords(condition: Q, company: Company) -> Concerned:
    since = Coalesce("password_set_at", "created_at")
    found = people_with_password(company).annotate(since=since).filter(condition)
    named = tuple(found.order_by("since", "id").values_list("email", "since")[:NAMED])
    return _with_names(found.count(), named)


def next_passwords_to_end(company: Company, changed: Company) -> tuple[datetime, list[str]] | None:
    """The first day on which passwords would have to be replaced, and whose, as far as named."""
    if not changed.password_expiry_days:
        return None
    since = Coalesce("password_set_at", "created_at")
    oldest = people_with_password(company).annotate(since=since).order_by("since", "id")
    rows = list(oldest.values_list("email", "since")[:NAMED])
    if not rows:
        return None
    first = rows[0][1]
    whose = [email for email, since in rows if since.date() == first.date()]
    return first + timedelta(days=changed.password_expiry_days), whose


def passwords_kept(company: Company, changed: Company, *, now: datetime) -> int:
    """How many go on with the password that they have, whatever the rules for the next one."""
    since = Coalesce("password_set_at", "created_at")
    return (
        people_with_password(company).annotate(since=since).exclude(_too_old(changed, now)).count()
    )


def without_factor(company: Company) -> Concerned:
    """People who enter by password and have no app."""
    return _named(people_with_password(company).filter(totp=None))


def sessions_unused(
    company: Company, changed: Company, *, but: Session, now: datetime
) -> Concerned:
    """Sessions that are open and would have gone unused for too long; with their last use."""
    still_used = still_used_since(changed, now=now)
    found = open_sessions(company, now=now).filter(last_seen_at__lt=still_used)
    return _of_sessions(found.exclude(key_digest=but.key_digest))


def sessions_of_connection(
    connection: SamlConnection, changed: SamlConnection, *, but: Session, now: datetime
) -> Concerned:
    """Sessions that end with a connection which is switched off, or trusts another provider."""
    found = open_sessions(connection.company, now=now).filter(connection=connection)
    if not changed.enabled:
        return _of_sessions(found if connection.enabled else found.none())
    is_another = connection.idp_entity_id not in ("", changed.idp_entity_id)
    return _of_sessions(found.exclude(key_digest=but.key_digest) if is_another else found.none())


def sessions_of_google(
    company: Company, changed: Company, *, but: Session, now: datetime
) -> Concerned:
    """Sessions that end with Google SSO, or with another client or domain of it."""
    found = open_sessions(company, now=now).filter(by_google=True)
    if not changed.google_sso_enabled:
        return _of_sessions(found)
    is_another = any(getattr(company, one) != getattr(changed, one) for one in google.IDENTITY)
    return _of_sessions(found.exclude(key_digest=but.key_digest) if is_another else found.none())


def _of_sessions(sessions: "QuerySet[Session]") -> Concerned:
    people = sessions.values("user_id").annotate(email=F("user__email"), last=Max("last_seen_at"))
    named = tuple(people.order_by("-last", "user_id").values_list("email", "last")[:NAMED])
    return Concerned(sessions.count(), named, people.count() - len(named))


def without_way_in(
    company: Company,
    changed: Company,
    was: SamlConnection | None,
    will_be: SamlConnection | None,
) -> Concerned:
    """People who could not enter any more by what they have come by so far, nor by password.

    One connection `was` usable and `will_be` another, or None. Google SSO is as `changed` says, and
    lets nobody in any more whose accounts are of another domain.
    """
    usable = usable_connections(company)
    still = [one for one in usable if one != was] + ([will_be] if will_be else [])
    same_domain = company.google_hosted_domain == changed.google_hosted_domain
    can = _came_by(usable, by_google=google.is_usable(company))
    could = _came_by(still, by_google=google.is_usable(changed) and same_domain)
    found = company.users.filter(can & ~could, status=User.Status.ACTIVE)
    found = found.exclude(id__in=people_with_password(company).values("id"))
    return _named(found)


def _came_by(connections: list[SamlConnection], *, by_google: bool) -> Q:
    providers = [one.idp_entity_id for one in connections]
    if by_google:
        providers.append(google.ISSUER)
    identities = ExternalIdentity.objects.filter(user=OuterRef("id"), idp_entity_id__in=providers)
    return Q(Exists(identities))


def _named(people: "QuerySet[User]") -> Concerned:
    emails = people.order_by("email_key").values_list("email", flat=True)[:NAMED]
    return _with_names(people.count(), tuple((email, None) for email in emails))


def _with_names(count: int, named: tuple[tuple[str, datetime | str | None], ...]) -> Concerned:
    return Concerned(count, named, count - len(named))


@dataclass(frozen=True, slots=True)
class Moved:
    """What another list of networks does to those who signed in, or tried to, lately."""

    refused: Concerned
    let_in: Concerned
    is_all: bool
    """Whether all sign-ins of the period were looked at, and not only the newest."""


def of_networks(company: Company, changed: Company, *, now: datetime) -> Moved:
    """Who came last from outside the networks; and who was refused and would be inside.

    Somebody who was refused before they said who they are is known by their address.
    """
    recent = SignIn.objects.filter(
        company=company, time__gte=now - timedelta(days=DAYS), address__isnull=False
    ).order_by("-time", "-id")
    entered = recent.filter(user__status=User.Status.ACTIVE)
    entered = entered.exclude(outcome=SignIn.Outcome.REFUSED)
    barred = recent.filter(reason="address_not_allowed")
    came = list(entered.values_list("user__email", "address")[:SIGN_INS])
    rows = barred.values_list("email", "user__email", "address")[:SIGN_INS]
    tried = [(email or known or address or "", address) for email, known, address in rows]
    before, after = _Networks(company.ip_allowlist), _Networks(changed.ip_allowlist)
    out = [one for one in _newest(came) if one[1] in before and one[1] not in after]
    back = [one for one in _newest(tried) if one[1] not in before and one[1] in after]
    named = tuple((who, None if who == address else address) for who, address in back[:NAMED])
    return Moved(
        _with_names(len(out), tuple(out[:NAMED])),
        _with_names(len(back), named),
        is_all=max(len(came), len(tried)) < SIGN_INS,
    )


def _newest(rows: Iterable[tuple[str, str | None]]) -> list[tuple[str, str]]:
    """The newest address of each person."""
    found: dict[str, str] = {}
    for who, address in rows:
        if address:
            found.setdefault(who, address)
    return list(found.items())


class _Networks:
    """A list of networks, as ranges in order; an empty one holds every address."""

    def __init__(self, networks: list[str]) -> None:
        self.is_empty = not networks
        self.ranges: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        for network in map(ip_network, networks):
            ends = int(network.network_address), int(network.broadcast_address)
            self.ranges[network.version].append(ends)
        for version, ranges in self.ranges.items():
            self.ranges[version] = _joined(sorted(ranges))

    def __contains__(self, address: str) -> bool:
        if self.is_empty:
            return True
        parsed = ip_address(address)
        ranges = self.ranges[parsed.version]
        before = bisect_right(ranges, int(parsed), key=itemgetter(0)) - 1
        return before >= 0 and int(parsed) <= ranges[before][1]


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges in order without those that lie in another: networks overlap in no other way."""
    found: list[tuple[int, int]] = []
    for one in ranges:
        if not found or one[1] > found[-1][1]:
            found.append(one)
    return found
