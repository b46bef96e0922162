"""What a response spends, and what it leaves for finish: each once, whoever sends it again."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast, Length

from passerelle import saml
from passerelle.infra.inserts import insert_or_nothing
from passerelle.infra.safe_next import own_path
from passerelle.infra.tokens import digest, is_message_id, new_token
from passerelle.saml.checks import Check
from passerelle.saml.errors import shortened
from passerelle.sso.models import AuthnRequest, ConsumedAssertion, PendingSignIn
from passerelle.sso.records.begun import note_begun
from passerelle.sso.records.explain import stored
from passerelle.sso.records.traces import Trace

REQUEST_LIFETIME = timedelta(minutes=15)
CODE_LIFETIME = timedelta(seconds=60)
CLOCK_SKEW = timedelta(seconds=60)
_LATEST = datetime.max.replace(tzinfo=UTC) - timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Parked:
    """The one-time code for the address of finish, and the cookie that it is bound to."""

    code: str
    cookie: str


def spend(
    assertion: saml.Assertion,
    request_id: str | None,
    request: AuthnRequest | None,
    trace: Trace,
) -> str:
    """Spend the assertion and the request it answers; return a reason when either cannot be.

    Both by the database: a unique row, and an update that can only succeed once.
    """
    used = ConsumedAssertion(
        company_id=trace.connection.company_id,
        digest=_digest_of(assertion),
        expires_at=_last_moment(assertion, trace.now),
    )
    if not insert_or_nothing(used):
        return trace.failed(
            Check(
                "replay",
                False,
                "a new assertion",
                "one that was used already",
                "assertion_replayed",
            )
        )
    trace.checks.append(stored(Check("replay", True)))
    if request_id is None:
        return ""
    if request is None and not is_message_id(request_id):
        return trace.failed(_never_made(request_id))
    waiting = AuthnRequest.objects.filter(id=request_id[:64], answered_at=None)
    if request is None or not waiting.update(answered_at=trace.now):
        received = request_id[:100]
        return trace.failed(
            Check("request", False, "a request that waits", received, "request_unknown")
        )
    if request.expires_at <= trace.now:
        return trace.failed(_expired(request))
    trace.checks.append(stored(Check("request", True, request_id, request_id)))
    return ""


def _never_made(request_id: str) -> Check:
    """No ID of ours looks like this: the identity provider has made it up, or always sends it."""
    expected, values = "a request that we made", {"case": "never_made"}
    received = shortened(request_id)
    return Check("request", False, expected, received, "request_unknown", values)


def _expired(request: AuthnRequest) -> Check:
    minutes = str(round(REQUEST_LIFETIME.total_seconds() / 60))
    started = f"started {request.created_at:%H:%M:%S} UTC"
    values = {"minutes": minutes}
    return Check("request", False, f"within {minutes} minutes", started, "request_expired", values)


def _last_moment(assertion: saml.Assertion, now: datetime) -> datetime:
    """When the assertion can be forgotten: by then its own end refuses it."""
    ends = [
        confirmation.not_on_or_after
        for confirmation in assertion.confirmations
        if confirmation.not_on_or_after
    ]
    # An end at the end of time is never forgotten.
    return min(max(ends, default=now), _LATEST) + 2 * CLOCK_SKEW


def _digest_of(assertion: saml.Assertion) -> str:
    return digest(f"{assertion.issuer}\0{assertion.id}")


LARGE = 10_000
"""Characters of claims that are many: those of people have one to three thousand."""
MOST_AT_ONCE = 500
"""Ended ones that are looked at in one go."""
MOST_LARGE = 20_000_000
"""Characters of large claims that a company's sign-ins keep at once while they wait."""
MOST_COPIES = 3
"""Of one answer that a browser may send while none of them is finished."""


def park_again(assertion: saml.Assertion, trace: Trace) -> Parked | None:
    """Another code for an answer that came twice within a second and still waits to be finished.

    Which of the two the browser goes on with, nobody knows. Both are worth something only in the
    browser that asked, by its binding; so one that nobody asked for is not parked again.
    """
    waiting = PendingSignIn.objects.filter(
        connection=trace.connection,
        claims__assertion=_digest_of(assertion),
        expires_at__gt=trace.now,
    ).exclude(binding_digest="")
    copies = list(waiting[:MOST_COPIES])
    if not 0 < len(copies) < MOST_COPIES:
        return None
    parked, copy = Parked(code=new_token(), cookie=new_token()), copies[0]
    copy.code_digest, copy.cookie_digest = digest(parked.code), digest(parked.cookie)
    copy.save(force_insert=True)
    _forget_large(copy)
    note_begun(copy)
    return parked


def park(
    judgement: saml.Judgement, request: AuthnRequest | None, relay_state: str, trace: Trace
) -> Parked:
    assertion, name_id = judgement.assertion, judgement.assertion.name_id
    assert name_id is not None
    ends, at = assertion.session_not_on_or_after, assertion.authenticated_at
    parked = Parked(code=new_token(), cookie=new_token())
    asked = "" if request else relay_state
    next_path = request.next if request else own_path(relay_state)
    pending = PendingSignIn(
        code_digest=digest(parked.code),
        company_id=trace.connection.company_id,
        connection=trace.connection,
        binding_digest=request.binding_digest if request else "",
        cookie_digest=digest(parked.cookie),
        claims={
            "assertion": _digest_of(assertion),
            "idp_entity_id": trace.connection.idp_entity_id,
            "name_id": name_id.value,
            "name_id_format": name_id.format,
            "name_id_qualifiers": name_id[2:],
            "session_index": assertion.session_index,
            "authenticated_at": at.isoformat() if at else None,
            "session_ends": ends.isoformat() if ends else None,
            "authn_context": next(iter(assertion.authn_contexts), ""),
            "signed_with": judgement.certificate.fingerprint if judgement.certificate else None,
            "attributes": assertion.named_attributes,
            "next_elsewhere": "" if next_path else shortened(asked),
        },
        checks=trace.checks,
        next=next_path,
        expires_at=trace.now + CODE_LIFETIME,
    )
    pending.save(force_insert=True)
    _forget_large(pending)
    note_begun(pending)
    return parked


def _large_claims(rows: "QuerySet[PendingSignIn]") -> list[tuple[str, int]]:
    """Those with large claims, and how large, the newest first."""
    measured = rows.annotate(size=Length(Cast("claims", TextField()))).filter(size__gt=LARGE)
    return list(measured.order_by("-expires_at").values_list("code_digest", "size"))


def _forget_large(newest: PendingSignIn) -> None:
    """Let the oldest of a company's large sign-ins go when they are too many together.

    Whose code goes by it hears that it was used or never made, and signs in again. It takes a
    thousand people with many groups, within the second or two that a browser takes to go on.
    """
    together, gone = len(json.dumps(newest.claims)), []
    if together <= LARGE:
        return
    others = PendingSignIn.objects.filter(company_id=newest.company_id)
    others = others.exclude(code_digest=newest.code_digest)
    for code, size in _large_claims(others):
        together += size
        if together > MOST_LARGE:
            gone.append(code)
    if gone:
        # What another process lets go at this moment is not waited for.
        free = others.filter(code_digest__in=gone).select_for_update(skip_locked=True)
        codes = list(free.values_list("code_digest", flat=True))
        others.filter(code_digest__in=codes).delete()


def drop_large_claims(*, now: datetime) -> None:
    """Of codes that have ended: that they are too late is said without the attributes."""
    ended = _large_claims(PendingSignIn.objects.filter(expires_at__lt=now))
    # One after the other: together they would fill the memory.
    for code, _size in ended[:MOST_AT_ONCE]:
        mine = PendingSignIn.objects.filter(code_digest=code)
        claims = mine.values_list("claims", flat=True).first()
        mine.update(claims={**(claims or {}), "attributes": {}})
