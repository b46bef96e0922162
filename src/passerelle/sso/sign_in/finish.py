"""Finish a sign-in: the same browser, a plan, its application, a session."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, OperationalError, transaction
from django.db.models import Exists, OuterRef
from django.db.models.fields.json import KT

from passerelle import saml
from passerelle.audit.record import Actor
from passerelle.directory.models import User
from passerelle.directory.policy import load_names
from passerelle.infra.network import is_within
from passerelle.infra.tokens import digest, matches
from passerelle.provisioning import Plan, Refusal
from passerelle.provisioning.describe import described
from passerelle.provisioning.mapping import groups_of
from passerelle.provisioning.model import Note, Seen
from passerelle.saml.checks import Check
from passerelle.sso.connections.attributes_seen import note_attributes
from passerelle.sso.connections.claims import email_of, kept_claims, profile_of_pending
from passerelle.sso.connections.connection import find_connection
from passerelle.sso.models import PendingSignIn, SamlConnection, SignIn, SigningCertificate
from passerelle.sso.records.explain import account_check, stored
from passerelle.sso.records.traces import Trace, keep
from passerelle.sso.sessions.entry_locks import share_for_code
from passerelle.sso.sessions.session import (
    Browser,
    IdPSession,
    Proof,
    find_session,
    open_session,
)
from passerelle.sso.sign_in.decide import apply_with_retries, decide
from passerelle.sso.sign_in.saml import Refused

# Each round, a conflict means that another transaction has come further than we have.
_SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class SignedIn:
    user: User
    connection: SamlConnection
    session_key: str
    next: str
    signed_with: str
    subject: str
    """Who they are at the identity provider."""
    seen: Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A browser that comes to finish: the code in its address, and the cookies it brings."""

    slug: str
    code: str
    cookie: str | None
    binding: str | None
    session_key: str = ""
    agreed: bool = False
    """Whether whoever is signed in there has said that they go on as somebody else."""
    address: str | None
    agent: str = ""
    now: datetime


class WouldReplace(Exception):  # noqa: N818 - a question, not an error
    """Somebody else is signed in there, and may know nothing of it: nothing has happened."""

    def __init__(self, present: User, coming: User) -> None:
        super().__init__()
        self.present, self.coming = present, coming


def finish_sign_in(visit: Visit) -> SignedIn:
    """Let the person in, or refuse with a reason.

    Raises Refused, WouldReplace, UnknownConnection.
    """
    try:
        result = _finish(visit)
    except (IntegrityError, OperationalError) as error:
        # Settings changed under our feet, or two sign-ins waited for each other: all of it was
        # rolled back, the spent code too.
        if isinstance(error, OperationalError) and not _is_deadlock(error):
            raise
        result = _finish(visit)
    if isinstance(result, SignIn):
        raise Refused(result)
    _mark_connection_used(result.connection, result.signed_with, visit.now)
    note_attributes(result.connection, result.seen, subject=result.subject, now=visit.now)
    return result


def _is_deadlock(error: OperationalError) -> bool:
    return getattr(error.__cause__, "sqlstate", None) == "40P01"


@transaction.atomic
def _finish(visit: Visit) -> SignedIn | SignIn:
    """The one transaction of finish; a refusal, as the trace of it, commits too.

    Connection and company are read inside: what an administrator has switched off by now, is off,
    and who ends the sessions of a connection waits for those that are being opened.
    """
    share_for_code(
        visit.slug,
        code_digest=digest(visit.code),
        cookie_digest=digest(visit.cookie or ""),
        binding_digest=digest(visit.binding or ""),
        now=visit.now,
    )
    trusted = SigningCertificate.objects.filter(
        connection=OuterRef("connection"), fingerprint=OuterRef("signer")
    )
    waiting = PendingSignIn.objects.select_related("connection__company").annotate(
        signer=KT("claims__signed_with"), signer_is_trusted=Exists(trusted)
    )
    pending = waiting.filter(code_digest=digest(visit.code), connection__slug=visit.slug).first()
    connection = pending.connection if pending else find_connection(visit.slug)
    trace = Trace(connection=connection, now=visit.now, address=visit.address)
    reason = _consume(pending, visit, trace)
    if reason or pending is None:
        return keep(trace, outcome="refused", reason=reason)
    decided = _decide_and_apply(pending, trace)
    if isinstance(decided, Refusal):
        account = UUID(decided.account) if decided.account else None
        return keep(trace, outcome="refused", reason=decided.reason, user_id=account)
    user, decision = decided
    # The row of the company, as the connection has it: no need to read it again.
    user.company = connection.company
    if not visit.agreed:
        _replace_nobody(user, visit)
    return _open(user, decision, pending, trace, visit.agent)


def _replace_nobody(coming: User, visit: Visit) -> None:
    """Anybody's page can send a browser an answer, or begin a sign-in in it: it signs nobody out.

    Raised out of the transaction, so that all of it is undone: the code waits for who agrees.
    """
    if not visit.session_key:
        return
    session = find_session(visit.session_key, is_used=False, now=visit.now)
    if session and session.user != coming:
        raise WouldReplace(session.user, coming)


def _consume(pending: PendingSignIn | None, visit: Visit, trace: Trace) -> str:
    """Spend the code, if this is the browser that may; return a reason otherwise."""
    if pending is None:
        return trace.failed(_used_up())
    trace.checks = pending.checks
    profile = profile_of_pending(pending, trace.connection)
    trace.email = email_of(profile)
    bound = not pending.binding_digest or matches(visit.binding, pending.binding_digest)
    # Checked before the code is spent: another browser cannot use a code up. Nor does it make us
    # keep anything but that it came.
    if not bound or not matches(visit.cookie, pending.cookie_digest):
        trace.about = pending.code_digest
        return trace.failed(
            Check("browser", False, "the same browser", "another browser", "browser_mismatch")
        )
    trace.verified = True
    trace.claims = kept_claims(pending.claims, profile, trace.connection)
    trace.notes = [note.stored for note in _notes_of_pending(pending)]
    spent, _ = PendingSignIn.objects.filter(code_digest=pending.code_digest).delete()
    if not spent:
        return trace.failed(_used_up())
    if pending.expires_at <= trace.now:
        return trace.failed(
            Check("request", False, "within a minute", "later", "request_expired", {"minutes": "1"})
        )
    trace.checks.append(stored(Check("browser", True)))
    return trace.failed(no_more) if (no_more := _trusted_no_more(pending, trace)) else ""


def _notes_of_pending(pending: PendingSignIn) -> list[Note]:
    elsewhere = pending.claims.get("next_elsewhere")
    return [Note("next_is_elsewhere", elsewhere)] if elsewhere else []


def _trusted_no_more(pending: Any, trace: Trace) -> Check | None:
    """What was verified a minute ago counts only as long as it would be verified again."""
    connection, claims = trace.connection, pending.claims
    if not connection.enabled:
        wanted = "a complete, enabled connection"
        return Check("connection", False, wanted, "switched off", "connection_disabled")
    if not pending.binding_digest and not connection.idp_initiated:
        return Check("request", False, "a request of ours", "none", "unsolicited_refused")
    issuer = claims.get("idp_entity_id")
    if issuer != connection.idp_entity_id:
        return Check("issuer", False, connection.idp_entity_id, issuer, "issuer_mismatch")
    if not pending.signer_is_trusted:
        wanted, received = "a key that is trusted", claims["signed_with"]
        return Check("signature", False, wanted, received, "certificate_unknown")
    return None


def _used_up() -> Check:
    used = "one that was used already"
    return Check("request", False, "a code that waits", used, "request_unknown")


def _decide_and_apply(pending: PendingSignIn, trace: Trace) -> tuple[User, Plan] | Refusal:
    """Plan from what the database holds, and apply; after a conflict, read and plan again."""
    company = trace.connection.company
    profile = profile_of_pending(pending, trace.connection)
    allowed = not company.ip_allowlist or is_within(trace.address, company.ip_allowlist)
    decided = apply_with_retries(
        lambda: decide(company, profile, connection=trace.connection, address_allowed=allowed),
        company,
        connection=trace.connection,
        provider=profile.idp_entity_id,
        actor=Actor("identity provider", trace.connection.name),
        now=trace.now,
    )
    if isinstance(decided, Refusal):
        return _refused(decided, trace)
    user, decision = decided
    _note(decision, trace)
    if decision.outcome == "pending":
        waits = Refusal("approval_pending", "approved", "pending", str(user.id))
        return _refused(waits, trace)
    trace.checks.append(stored(Check("account", True)))
    return user, decision


def _refused(refusal: Refusal, trace: Trace) -> Refusal:
    trace.failed(account_check(refusal))
    return refusal


def _note(decision: Plan, trace: Trace) -> None:
    trace.steps += described(decision.steps, load_names(trace.connection.company))
    trace.notes += [note.stored for note in decision.notes]


def _open(user: User, decision: Plan, pending: PendingSignIn, trace: Trace, agent: str) -> SignedIn:
    connection = trace.connection
    profile = profile_of_pending(pending, connection)
    at_idp = _session_at_idp(pending)
    browser = Browser(trace.address, agent)
    key = open_session(
        user,
        connection=connection,
        now=trace.now,
        at_idp=at_idp,
        browser=browser,
        confirmed_at=_authenticated_at(pending, trace.now),
        proof=Proof(
            (), str(pending.claims.get("authn_context") or ""), groups_of(profile.attributes)
        ),
    )
    keep(trace, outcome=decision.outcome, user_id=user.id)
    return SignedIn(
        user,
        connection,
        key,
        pending.next,
        signed_with=pending.claims["signed_with"] or "",
        subject=profile.subject or "",
        seen=decision.seen,
    )


def _session_at_idp(pending: PendingSignIn) -> IdPSession:
    claims = pending.claims
    ends = claims["session_ends"]
    # What was parked by the release before has no qualifiers.
    qualifiers = claims.get("name_id_qualifiers", [])
    return IdPSession(
        saml.NameID(claims["name_id"], claims["name_id_format"], *qualifiers),
        claims["session_index"],
        datetime.fromisoformat(ends) if ends else None,
    )


def _authenticated_at(pending: PendingSignIn, now: datetime) -> datetime | None:
    """When the person was authenticated there: a session of days ago proves nothing new."""
    at = pending.claims.get("authenticated_at")
    return min(datetime.fromisoformat(at), now) if at else None


def _mark_connection_used(connection: SamlConnection, fingerprint: str, now: datetime) -> None:
    """At most once a minute, and outside: sign-ins must not queue for the connection's row."""
    last = connection.last_success_at
    if last is None or now - last > _SEEN_EVERY:
        SamlConnection.objects.filter(id=connection.id).update(last_success_at=now)
        connection.certificates.filter(fingerprint=fingerprint).update(last_seen_at=now)
