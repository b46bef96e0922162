"""Keep a trace of every attempt to sign in, for the administrator who is asked about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError
from django.db.models import Case, F, Q, QuerySet, When

from passerelle.directory.models import Application, Company, User
from passerelle.infra.identifiers import uuid7
from passerelle.infra.inserts import insert_or_nothing
from passerelle.infra.tokens import digest, new_reference
from passerelle.saml.checks import Check
from passerelle.sso.models import BY_STRANGERS, SIGNED, SamlConnection, SignIn
from passerelle.sso.records.explain import stored

# What is wrong with a message before anything in it can be believed.
UNVERIFIABLE = frozenset(
    {
        "malformed_message",
        "message_too_large",
        "doctype_forbidden",
        "unsupported_version",
        "wrong_message",
        "signature_missing",
        "signature_invalid",
        "signature_profile_forbidden",
        "algorithm_forbidden",
        "certificate_unknown",
        "decryption_failed",
        "assertion_count",
    }
)


VISIT_AGAIN_AFTER = timedelta(hours=1)
MAX_COUNTED = 50
"""So many different failures of strangers are told apart in an hour."""
MAX_OFFERED, MAX_CERTIFICATE = 10, 8000
"""Of them, so many keep the certificate they came with, of so many characters at most."""


@dataclass(slots=True, kw_only=True)
class Trace:
    """What is to be kept of one attempt. `email` only if it was read from verified bytes."""

    connection: SamlConnection
    now: datetime
    address: str | None
    verified: bool = False
    """Whether an identity provider of the company stands behind it: strangers' are only counted."""
    checks: list[dict[str, Any]] = field(default_factory=list)
    email: str | None = None
    offered_certificate: str = ""
    way: str = ""
    """How the message came, where that is not a sign-in: the two are counted apart."""
    steps: list[dict[str, Any]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    claims: dict[str, Any] | None = None
    about: str = ""
    """What was sent, where the same can be sent again and again: that is counted, too."""

    def failed(self, check: Check) -> str:
        """Add the check that refused, and return its reason."""
        self.checks.append(stored(check))
        return check.reason or ""


def keep(trace: Trace, *, outcome: str, reason: str = "", user_id: UUID | None = None) -> SignIn:
    """Write a trace. Failures that anybody could cause share one row for each reason and hour."""
    row = SignIn(
        id=uuid7(),
        company_id=trace.connection.company_id,
        connection=trace.connection,
        user_id=user_id,
        reference=new_reference(),
        time=trace.now,
        outcome=outcome,
        reason=reason,
        email=trace.email and trace.email[:300],
        checks=trace.checks,
        offered_certificate=trace.offered_certificate,
        steps=trace.steps,
        notes=trace.notes,
        address=trace.address,
        claims=trace.claims,
    )
    if not trace.verified or trace.about:
        way = f"{trace.connection.slug}{trace.way and '/'}{trace.way}"
        return _count(row, way, whose=trace.about, by_stranger=not trace.verified)
    row.save(force_insert=True)
    return row


def listed(rows: "QuerySet[SignIn]") -> "QuerySet[SignIn]":
    """Sign-ins as lists show them: what is large of them, only the page of one needs."""
    large = ("claims", "offered_certificate", "connection__metadata_held")
    return rows.select_related("connection", "user", "application").defer(*large)


def keep_password_attempt(
    company: Company,
    *,
    user: User | None,
    reason: str = "",
    address: str | None,
    now: datetime,
    check: str = "password",
    tried: tuple[str, User | None] | None = None,
) -> SignIn:
    """Write the trace of a password or passkey: of `user`, or of a stranger, who is counted.

    `tried` is the address that a stranger typed, and the account that has it, if there is one.
    Whether there is one makes no difference that the stranger could see.
    """
    passed = not reason
    made = Check(check, passed, reason=reason or None)
    row = SignIn(
        id=uuid7(),
        company=company,
        user=user,
        reference=new_reference(),
        time=now,
        outcome=SignIn.Outcome.SIGNED_IN if passed else SignIn.Outcome.REFUSED,
        reason=reason,
        email=user.email if user else None,
        checks=[stored(made)],
        address=address,
    )
    if user is None:
        typed, row.user = tried or ("", None)
        return _count(row, check, whose=typed)
    row.save(force_insert=True)
    return row


def keep_application_visit(
    application: Application,
    user: User,
    *,
    lacks: Mapping[str, str] | None = None,
    address: str | None,
    now: datetime,
) -> SignIn:
    """Write the trace of somebody who went on to an application, or `lacks` what it takes.

    `lacks` fills the sentences about it: its `case`, and what is wanted.
    """
    row = SignIn(
        id=uuid7(),
        company_id=user.company_id,
        user=user,
        application=application,
        reference=new_reference(),
        time=now,
        outcome=SignIn.Outcome.REFUSED if lacks else SignIn.Outcome.SIGNED_IN,
        reason="application_not_allowed" if lacks else "",
        email=user.email,
        address=address,
    )
    if lacks:
        wanted = lacks.get(lacks["case"], lacks["workspaces"])
        check = Check("application", False, wanted, None, "application_not_allowed", lacks)
        row.checks = [stored(check)]
        # A browser that asks again and again makes one row an hour.
        return _count(row, "application", whose=f"{application.id} {user.id}", by_stranger=False)
    row.checks = [stored(Check("application", True))]
    # Dashboards come again by themselves: once in a while is enough.
    lately = SignIn.objects.filter(
        user=user, application=application, reason="", time__gt=now - VISIT_AGAIN_AFTER
    )
    if same := lately.order_by("-time").first():
        return same
    row.save(force_insert=True)
    return row


def keep_google_attempt(
    company: Company,
    *,
    outcome: str,
    checks: list[Check],
    steps: list[dict[str, Any]],
    email: str | None,
    user_id: UUID | None,
    address: str | None,
    now: datetime,
) -> SignIn:
    """Write the trace of a way through Google; `email` only if Google vouches for it."""
    reason = next((check.reason or "" for check in checks if not check.passed), "")
    row = SignIn(
        id=uuid7(),
        company=company,
        user_id=user_id,
        reference=new_reference(),
        time=now,
        outcome=outcome,
        reason=reason,
        email=email,
        checks=[stored(check) for check in checks],
        steps=steps,
        address=address,
    )
    if email is None:
        return _count(row, "google")
    row.save(force_insert=True)
    return row


def _count(row: SignIn, way: str, *, whose: str = "", by_stranger: bool = True) -> SignIn:
    """One more of the same: anybody can send junk, and it must not fill the list."""
    hour = row.time.replace(minute=0, second=0, microsecond=0)
    counted = SignIn.objects.filter(BY_STRANGERS, company_id=row.company_id, time__gte=hour)
    # Who tries passwords uses up no room of those who send messages, nor the other way round.
    passwords = Q(reason="password_wrong")
    counted = counted.filter(passwords if row.reason == "password_wrong" else ~passwords)
    # What was received tells one fault from another, as long as nobody plays with it.
    received = row.checks[-1]["received"]
    known = counted.count() if by_stranger else 0
    if known >= MAX_OFFERED or len(row.offered_certificate) > MAX_CERTIFICATE:
        row.offered_certificate = ""
    if known >= MAX_COUNTED:
        # From here on one row stands for many: nothing of what one of them brought is kept.
        received, row.offered_certificate, whose, row.user, row.email = "", "", "", None, None
    row.same_as = digest(f"{way}\0{row.reason}\0{received}\0{whose}\0{hour}")
    if not by_stranger:
        row.same_as = f"{SIGNED}{row.same_as}"[:64]
    try:
        is_first = insert_or_nothing(row)
    except IntegrityError:
        # The account went while its password was looked at.
        row.user = None
        is_first = insert_or_nothing(row)
    if is_first:
        return row
    same = SignIn.objects.filter(company_id=row.company_id, same_as=row.same_as)
    # Of several places none is told, nor of several accounts.
    place = Case(When(address=row.address, then=F("address")), default=None)
    whose_account = Case(When(user_id=row.user_id, then=F("user_id")), default=None)
    same.update(count=F("count") + 1, time=row.time, address=place, user_id=whose_account)
    return same.get()
