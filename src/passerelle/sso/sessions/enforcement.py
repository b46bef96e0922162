"""Single sign-on alone, in steps: nobody, a few people who try it, everybody.

It can always be undone: by one of ten emergency codes, by an administrator who breaks glass, by the
operator's configuration file. Each of these is recorded and announced.
"""

import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from passerelle.audit.events import EventName
from passerelle.audit.models import AuditEvent
from passerelle.audit.record import Actor, Entry, record
from passerelle.directory.links import may_activate
from passerelle.directory.models import Company, User
from passerelle.infra.tokens import digest
from passerelle.sso.connections.connection import usable_connections
from passerelle.sso.models import EmergencyCode, SecondStep, Session, SignIn
from passerelle.sso.outbox.letters import send_invitation, tell_administrators
from passerelle.sso.sessions.entry_locks import close, way_of_connection, way_of_google

CODES = 10
EMERGENCY_CODE = "emergency code"
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
RECENT = timedelta(days=30)


_WITH_PASSWORD = Q(("password__startswith", "argon2"), status=User.Status.ACTIVE)
ADMINISTRATOR_WITH_PASSWORD = _WITH_PASSWORD & Q(is_administrator=True)
_BREAKS_GLASS = Q(breaks_glass=True, is_administrator=True)


class GoogleIsOn(Exception):  # noqa: N818 - reads as what is the matter
    """SAML alone and Google exclude each other."""


class NotYet(Exception):  # noqa: N818 - reads as what is the matter
    """Whoever switches it on has not come in that way themselves."""


class NoWayBack(Exception):  # noqa: N818 - reads as what is the matter
    """No administrator could come in by password, not even after an emergency code."""


def may_use_password(user: User) -> bool:
    """Whether somebody may still enter by password."""
    enforcement = user.company.sso_enforcement
    if enforcement == Company.Enforcement.EVERYONE:
        return user.may_break_glass
    if enforcement == Company.Enforcement.TEST_USERS:
        return user.may_break_glass or not user.tests_sso
    return True


def people_with_password(company: Company) -> "QuerySet[User]":
    """Active people with a password by which `may_use_password` lets them enter."""
    people = company.users.filter(_WITH_PASSWORD)
    if company.sso_enforcement == Company.Enforcement.EVERYONE:
        return people.filter(_BREAKS_GLASS)
    if company.sso_enforcement == Company.Enforcement.TEST_USERS:
        return people.filter(_BREAKS_GLASS | Q(tests_sso=False))
    return people


def password_lets_an_administrator_in(company: Company) -> bool:
    """Whether at least one administrator has a password that counts."""
    return people_with_password(company).filter(is_administrator=True).exists()


def has_way_back(company: Company) -> bool:
    """Whether an administrator can enter when single sign-on fails: at once, or by a code."""
    if company.emergency_codes.filter(used_at=None).exists():
        return company.users.filter(ADMINISTRATOR_WITH_PASSWORD).exists()
    return password_lets_an_administrator_in(company)


def came_by_sso(session: Session) -> bool:
    """Whether this session came through a connection that can be used, and as it is now."""
    usable = {one.id: one for one in usable_connections(session.user.company)}
    connection = session.connection_id and usable.get(session.connection_id)
    if not connection:
        return False
    changed = connection.trusted_since
    return changed is None or session.created_at >= changed


def shut_out(company: Company, *, now: datetime) -> "QuerySet[User]":
    """Active people who have not come by single sign-on lately, and would have to."""
    came = SignIn.objects.filter(
        user=OuterRef("id"), connection__isnull=False, time__gte=now - RECENT
    ).exclude(outcome=SignIn.Outcome.REFUSED)
    people = company.users.filter(~_BREAKS_GLASS, status=User.Status.ACTIVE)
    return people.filter(~Exists(came)).order_by("email_key")


@transaction.atomic
def change_enforcement(
    company: Company,
    wanted: str,
    *,
    session: Session,
    actor: Actor,
    now: datetime,
) -> list[str]:
    """Go to another step; return the emergency codes where they are made now.

    Raises NotYet, NoWayBack, GoogleIsOn.
    """
    row = Company.locked(company.id)
    before = row.sso_enforcement
    if wanted == before:
        if undone_by_code(row):
            # To stay so is a choice as well: nobody is reminded any more.
            details = {"sso_enforcement": [before, wanted]}
            entry = Entry(EventName.ENFORCEMENT_CHANGED, row.name, details)
            record([entry], company_id=row.id, actor=actor, now=now)
        return []
    if wanted != Company.Enforcement.OFF and row.google_sso_enabled:
        raise GoogleIsOn
    if wanted != Company.Enforcement.OFF:
        if not came_by_sso(session):
            raise NotYet
        if not row.users.filter(ADMINISTRATOR_WITH_PASSWORD).exists():
            raise NoWayBack
    _set(row, wanted, actor, now)
    end_closed_sessions(row)
    if wanted == Company.Enforcement.OFF or row.emergency_codes.filter(used_at=None).exists():
        return []
    return _make_codes(row, actor, now)


@transaction.atomic
def make_codes(company: Company, *, actor: Actor, now: datetime) -> list[str]:
    """Ten new emergency codes in place of the old ones, to be shown once."""
    Company.locked(company.id)
    return _make_codes(company, actor, now)


def end_closed_sessions(company: Company) -> None:
    """End the sessions that came by a way which is closed by now: opened again, it lets nobody in.

    Asked after whatever may have closed one; `find_session` takes none of them in any case.
    """
    sessions = Session.objects.filter(company=company)
    closed = company.connections.filter(enabled=False).order_by("slug")
    for slug in closed.values_list("slug", flat=True):
        close(way_of_connection(slug))
    sessions.filter(connection__enabled=False).delete()
    if not company.google_sso_enabled:
        close(way_of_google(company.id))
        sessions.filter(by_google=True).delete()
    if company.sso_enforcement == Company.Enforcement.OFF:
        return
    opened = sessions.filter(connection=None, by_google=False)
    people = {one.user for one in opened.select_related("user")}
    for user in people:
        user.company = company
    barred = [user.id for user in people if not may_use_password(user)]
    opened.filter(user_id__in=barred).delete()
    SecondStep.objects.filter(user_id__in=barred).delete()


def _make_codes(company: Company, actor: Actor, now: datetime) -> list[str]:
    company.emergency_codes.all().delete()
    codes = [_new_code() for _ in range(CODES)]
    EmergencyCode.objects.bulk_create(
        EmergencyCode(company=company, digest=digest(_plain(code))) for code in codes
    )
    entry = Entry(EventName.EMERGENCY_CODES_MADE, company.name, {"codes": CODES})
    record([entry], company_id=company.id, actor=actor, now=now)
    return codes


def _new_code() -> str:
    """Twenty letters, a hundred bits: nobody guesses one, however often they try."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(20))
    return "-".join(letters[start : start + 5] for start in range(0, 20, 5))


def _plain(code: str) -> str:
    return "".join(one for one in code.upper() if one.isalnum())


@transaction.atomic
def undo_by_code(company: Company, code: str, *, address: str | None, now: datetime) -> bool:
    """Let everybody use passwords again, by one emergency code; false where it is none."""
    unused = EmergencyCode.objects.filter(
        company=company, digest=digest(_plain(code)), used_at=None
    )
    # Who guesses locks nothing.
    if not unused.exists():
        return False
    row = Company.locked(company.id)
    if not unused.update(used_at=now, used_by=address or ""):
        return False
    actor = Actor(EMERGENCY_CODE, address or "unknown address")
    entry = Entry(EventName.EMERGENCY_CODE_USED, company.name, {"address": address})
    record([entry], company_id=company.id, actor=actor, now=now)
    if row.sso_enforcement != Company.Enforcement.OFF:
        _set(row, Company.Enforcement.OFF, actor, now)
    return True


def undone_by_code(company: Company) -> AuditEvent | None:
    """The emergency code that allowed passwords again, if nobody has chosen another step since."""
    off = company.sso_enforcement == Company.Enforcement.OFF
    if not off or not company.emergency_codes.filter(used_at__isnull=False).exists():
        return None
    changes = AuditEvent.objects.filter(company=company, event=EventName.ENFORCEMENT_CHANGED)
    newest = changes.order_by("-id").first()
    return newest if newest and newest.actor_kind == EMERGENCY_CODE else None


def _set(company: Company, wanted: str, actor: Actor, now: datetime) -> None:
    # Whoever came in while a way was being closed does not come back when it is opened.
    end_closed_sessions(company)
    before, company.sso_enforcement = company.sso_enforcement, wanted
    company.save(update_fields=["sso_enforcement"])
    company.raise_version()
    details = {"sso_enforcement": [before, wanted]}
    entry = Entry(EventName.ENFORCEMENT_CHANGED, company.name, details)
    record([entry], company_id=company.id, actor=actor, now=now)
    tell_of_enforcement(company, before, wanted, actor=actor, now=now)


def announce_emergency_access(user: User, *, actor: Actor, now: datetime) -> None:
    """Tell the other administrators, and let who has no password choose one: it takes one."""
    tell_administrators(
        "emergency_access",
        user.company,
        now=now,
        but=actor.name,
        who=actor.name,
        email=user.email,
        given=user.breaks_glass,
    )
    if user.breaks_glass and may_activate(user):
        send_invitation(user, who=actor.name, now=now)


def tell_of_enforcement(
    company: Company, before: str, after: str, *, actor: Actor, now: datetime
) -> None:
    who, by_code = actor.name, actor.kind == EMERGENCY_CODE
    tell_administrators(
        "enforcement",
        company,
        now=now,
        but=who,
        who=who,
        by_code=by_code,
        before=before,
        after=after,
    )
