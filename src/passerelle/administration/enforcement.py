"""Single sign-on alone, in steps: nobody, a few people who try it, everybody.

It can always be undone: by one of ten emergency codes, by an administrator who breaks glass, by the
operator's configuration file. Each of these is recorded and announced.
"""

import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from passerelle.administration.announce import EMERGENCY_CODE
from passerelle.administration.settings import save_settings
from passerelle.audit.events import EventName
from passerelle.audit.models import AuditEvent
from passerelle.audit.record import Actor, Entry, record
from passerelle.directory.models import Company, User
from passerelle.infra.tokens import digest
from passerelle.sso.models import EmergencyCode, Session, SignIn
from passerelle.sso.sessions.enforcement import (
    ADMINISTRATOR_WITH_PASSWORD,
    BREAKS_GLASS,
    NoWayBack,
    came_by_sso,
)

CODES = 10
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
RECENT = timedelta(days=30)


class GoogleIsOn(Exception):  # noqa: N818 - reads as what is the matter
    """SAML alone and Google exclude each other."""


class NotYet(Exception):  # noqa: N818 - reads as what is the matter
    """Whoever switches it on has not come in that way themselves."""


def shut_out(company: Company, *, now: datetime) -> "QuerySet[User]":
    """Active people who have not come by single sign-on lately, and would have to."""
    came = SignIn.objects.filter(
        user=OuterRef("id"), connection__isnull=False, time__gte=now - RECENT
    ).exclude(outcome=SignIn.Outcome.REFUSED)
    people = company.users.filter(~BREAKS_GLASS, status=User.Status.ACTIVE)
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
    made = []
    if wanted != Company.Enforcement.OFF and not row.emergency_codes.filter(used_at=None).exists():
        made = _make_codes(row, actor, now)
    _set(row, wanted, actor, now)
    return made


@transaction.atomic
def make_codes(company: Company, *, actor: Actor, now: datetime) -> list[str]:
    """Ten new emergency codes in place of the old ones, to be shown once."""
    Company.locked(company.id)
    return _make_codes(company, actor, now)


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
    details = {"sso_enforcement": [company.sso_enforcement, wanted]}
    entry = Entry(EventName.ENFORCEMENT_CHANGED, company.name, details)
    save_settings(company, {"sso_enforcement": wanted}, entry=entry, actor=actor, now=now)
