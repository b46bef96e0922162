"""One small function for each rule that a verified response has to satisfy, in order.

Every rule is checked even when an earlier one failed, so that an administrator sees all that is
wrong at once. A function returns None when its rule does not apply or could not be judged.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from passerelle.saml.assertion import Assertion, BearerConfirmation
from passerelle.saml.certificate import Certificate, PrivateKey, UnknownCertificate
from passerelle.saml.errors import DecryptionError, MessageError, shortened
from passerelle.saml.xml import written


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a response has to match; `now` is the only clock there is."""

    idp_entity_id: str
    certificates: tuple[Certificate, ...]
    sp_entity_id: str
    acs_url: str
    now: datetime
    request_id: str | None = None
    """The request it has to answer; None judges it as unsolicited (IdP-initiated)."""
    unsolicited_allowed: bool = True
    clock_skew: timedelta = timedelta(seconds=60)
    authenticated_since: datetime | None = None
    """When the person had to be authenticated anew (ForceAuthn): not before this."""
    authn_contexts: tuple[str, ...] = ()
    """The classes that were asked for; one of them must hold."""
    allow_sha1: bool = False
    decryption_keys: tuple[PrivateKey, ...] = ()
    """Ours, for encrypted assertions; several while one replaces another."""
    allow_cbc: bool = False
    """Whether AES-CBC is accepted even where no signature covers the ciphertext."""


class Envelope(NamedTuple):
    """What the response says around its assertion."""

    signed: bool
    issuer: str | None
    destination: str | None
    in_response_to: str | None


class Received(NamedTuple):
    """A response whose signature holds."""

    envelope: Envelope
    assertion: Assertion
    confirmation: BearerConfirmation | None
    """The bearer confirmation to judge."""

    @classmethod
    def of(cls, envelope: Envelope, assertion: Assertion, expected: Expected) -> "Received":
        """Choose the first bearer confirmation that fits, otherwise the first."""
        found = assertion.confirmations
        fitting = (one for one in found if _fits(one, expected))
        return cls(envelope, assertion, next(fitting, found[0] if found else None))


class Check(NamedTuple):
    """One rule's verdict. `values` fill the sentences of `explain`."""

    check: str
    passed: bool
    expected: str | None = None
    received: str | None = None
    reason: str | None = None
    values: Mapping[str, str] = MappingProxyType({})
    certificate: Certificate | None = None
    """The certificate that is not trusted, where that is what failed."""

    @classmethod
    def failed(cls, otherwise: str, error: MessageError) -> "Check":
        """The check that a failure while reading belongs to, `otherwise` where it names none."""
        check = check_of_reason(error.reason, otherwise)
        if isinstance(error, DecryptionError):
            check = "decryption"
        values = dict(error.values)
        received, reason = error.received, error.reason
        offered = error.certificate if isinstance(error, UnknownCertificate) else None
        return cls(check, False, error.expected, received, reason, values, offered)


def check_version(received: Received, expected: Expected) -> Check | None:
    """An assertion is of version 2.0 like its response (Core §2.3.3)."""
    version = received.assertion.version
    return _judged("version", version == "2.0", "unsupported_version", "2.0", version or "none")


def check_issuer(received: Received, expected: Expected) -> Check | None:
    """Response and assertion come from the identity provider of this connection (§4.1.4.2)."""
    issuers = [received.assertion.issuer]
    if received.envelope.issuer is not None:
        issuers.append(received.envelope.issuer)
    wrong = next((issuer for issuer in issuers if issuer != expected.idp_entity_id), None)
    return _judged(
        "issuer",
        wrong is None,
        "issuer_mismatch",
        expected.idp_entity_id,
        issuers[0] if wrong is None else wrong,
    )


def check_destination(received: Received, expected: Expected) -> Check | None:
    """A signed response names where it was sent (Bindings §3.5.5.2); an unsigned one may."""
    destination = received.envelope.destination
    if destination is None and not received.envelope.signed:
        return None
    passed = destination == expected.acs_url
    return _judged("destination", passed, "destination_mismatch", expected.acs_url, destination)


def check_recipient(received: Received, expected: Expected) -> Check | None:
    """The bearer confirmation names our assertion consumer service (Profiles §4.1.4.2)."""
    confirmation = received.confirmation
    if confirmation is None:
        return None
    passed = confirmation.recipient == expected.acs_url
    return _judged(
        "recipient", passed, "recipient_mismatch", expected.acs_url, confirmation.recipient
    )


def check_audience(received: Received, expected: Expected) -> Check | None:
    """Refuse an assertion meant for another service provider.

    Names inside one AudienceRestriction are alternatives; several restrictions must all hold
    (Core §2.5.1.4). None at all is refused (Profiles §4.1.4.2).
    """
    limits = received.assertion.conditions.audiences
    wrong = next((names for names in limits if expected.sp_entity_id not in names), None)
    shown = wrong if wrong is not None else (limits[0] if limits else ())
    return _judged(
        "audience",
        bool(limits) and wrong is None,
        "audience_mismatch",
        expected.sp_entity_id,
        ", ".join(shown) or None,
    )


def check_conditions(received: Received, expected: Expected) -> Check | None:
    """A condition that we do not understand makes an assertion indeterminate (Core §2.5.1)."""
    unknown = received.assertion.conditions.unknown
    if not unknown:
        return None
    return _judged(
        "conditions", False, "condition_unknown", "conditions of SAML 2.0", ", ".join(unknown)
    )


def check_subject_confirmation(received: Received, expected: Expected) -> Check | None:
    """There is a bearer confirmation, with an end (Profiles §4.1.4.2)."""
    confirmation = received.confirmation
    wanted = "bearer with NotOnOrAfter"
    if confirmation is None:
        return _judged(
            "subject_confirmation", False, "subject_confirmation_invalid", wanted, "none"
        )
    passed = confirmation.not_on_or_after is not None
    got = "bearer with NotOnOrAfter" if passed else "bearer without NotOnOrAfter"
    return _judged("subject_confirmation", passed, "subject_confirmation_invalid", wanted, got)


def check_in_response_to(received: Received, expected: Expected) -> Check | None:
    """The response answers our request, or answers none where that is allowed (§4.1.4.3)."""
    name, wanted = "in_response_to", expected.request_id
    around = received.envelope.in_response_to
    inside = received.confirmation.in_response_to if received.confirmation else None
    if "" in (around, inside):
        return _misnamed("empty", "a response to our request", "an empty InResponseTo")
    if wanted is None and around is None and inside is None:
        allowed, missing = expected.unsolicited_allowed, "a response to our request"
        return _judged(name, allowed, "unsolicited_refused", None if allowed else missing, None)
    if wanted is None and around is None:
        return _misnamed(
            "inside_only",
            "InResponseTo on the Response as well",
            "only in the SubjectConfirmationData",
        )
    named = next((answer for answer in (around, inside) if answer not in (None, wanted)), None)
    if named is not None:
        return _judged(name, False, "in_response_to_mismatch", wanted, named)
    if inside is None:
        return _misnamed("left_out", wanted, None)
    return _judged(name, True, "in_response_to_mismatch", wanted, inside)


def _misnamed(case: str, expected: str | None, received: str | None) -> Check:
    """The identity provider names no request that we made, or leaves it out."""
    found = _judged("in_response_to", False, "in_response_to_mismatch", expected, received)
    return found._replace(values={"case": case})


def check_expiry(received: Received, expected: Expected) -> Check | None:
    """Nothing that limits the assertion in time has ended (Core §2.5.1.2)."""
    confirmation = received.confirmation
    ends = [
        received.assertion.conditions.not_on_or_after,
        received.assertion.session_not_on_or_after,
        confirmation and confirmation.not_on_or_after,
    ]
    end = min((one for one in ends if one), default=None)
    if end is None:
        return None
    passed = expected.now - end < expected.clock_skew
    return _timed("expiry", passed, "expired", expected, end)


def check_start(received: Received, expected: Expected) -> Check | None:
    """Nothing that limits the assertion in time is still to come (Core §2.5.1.2)."""
    confirmation = received.confirmation
    starts = [
        received.assertion.conditions.not_before,
        confirmation and confirmation.not_before,
        received.assertion.issued_at,
    ]
    start = max(one for one in starts if one)
    passed = start - expected.now <= expected.clock_skew
    return _timed("start", passed, "not_yet_valid", expected, start)


def check_authentication(received: Received, expected: Expected) -> Check | None:
    """Who was to be authenticated anew was (Core §3.4.1, ForceAuthn)."""
    since = expected.authenticated_since
    if since is None:
        return None
    at = received.assertion.authenticated_at
    passed = at is not None and since - at <= expected.clock_skew
    shown = None if at is None else written(at)
    wanted = f"{written(since)} or later"
    return _judged("authentication", passed, "authentication_too_old", wanted, shown)


def check_authn_context(received: Received, expected: Expected) -> Check | None:
    """The person was authenticated in one of the ways that were asked for (Core §3.3.2.2.1)."""
    if not expected.authn_contexts:
        return None
    used = received.assertion.authn_contexts
    passed = any(one in expected.authn_contexts for one in used)
    wanted, shown = ", ".join(expected.authn_contexts), ", ".join(used) or None
    return _judged("authn_context", passed, "authn_context_mismatch", wanted, shown)


def check_name_id(received: Received, expected: Expected) -> Check | None:
    """The assertion says whom it is about (Profiles §4.1.4.2)."""
    name_id = received.assertion.name_id
    shown = name_id.value if name_id else None
    return _judged("name_id", name_id is not None, "name_id_missing", "a NameID", shown)


def check_authn_statement(received: Received, expected: Expected) -> Check | None:
    """The assertion states that the person was authenticated (Profiles §4.1.4.2)."""
    passed = received.assertion.is_authentication
    wanted = "an AuthnStatement"
    shown = wanted if passed else "none"
    return _judged("authn_statement", passed, "authn_statement_missing", wanted, shown)


CHECKS: tuple[Callable[[Received, Expected], Check | None], ...] = (
    check_version,
    check_issuer,
    check_destination,
    check_recipient,
    check_audience,
    check_conditions,
    check_subject_confirmation,
    check_in_response_to,
    check_expiry,
    check_start,
    check_authn_statement,
    check_authentication,
    check_authn_context,
    check_name_id,
)

_CHECK_OF_REASON = {
    "unsupported_version": "version",
    "assertion_count": "assertion_count",
    "issuer_mismatch": "issuer",
    "decryption_failed": "decryption",
}


def check_of_reason(reason: str, otherwise: str) -> str:
    """The check to which a failure belongs that was met while reading."""
    return _CHECK_OF_REASON.get(reason, otherwise)


def _fits(confirmation: BearerConfirmation, expected: Expected) -> bool:
    # Differences of times, never sums: an end in the year 9999 has nothing after it.
    start, end = confirmation.not_before, confirmation.not_on_or_after
    return (
        confirmation.recipient == expected.acs_url
        and confirmation.in_response_to == expected.request_id
        and (start is None or start - expected.now <= expected.clock_skew)
        and (end is not None and expected.now - end < expected.clock_skew)
    )


def _judged(
    check: str, passed: bool, reason: str, expected: str | None, received: str | None
) -> Check:
    shown = None if received is None else shortened(received)
    return Check(check, passed, expected, shown, None if passed else reason)


def _timed(check: str, passed: bool, reason: str, expected: Expected, limit: datetime) -> Check:
    seconds = abs(round((expected.now - limit).total_seconds()))
    skew = round(expected.clock_skew.total_seconds())
    values = {"seconds": str(seconds), "skew": str(skew)}
    return Check(
        check,
        passed,
        f"{written(expected.now)} ± {skew} s",
        written(limit),
        None if passed else reason,
        values,
    )
