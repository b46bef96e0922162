"""The way of a sign-in: start, accept the response, finish.

`start_sign_in` remembers a request and leads to the identity provider. `accept_response` takes the
response, which comes cross-site and therefore without our cookies: it verifies, spends request and
assertion, and parks the claims under a one-time code. `finish_sign_in` takes the code, same-site
and with cookies: it checks that the browser is the same, plans, applies, and opens the session.

Each of the last two is one transaction. A refusal commits, so that what was spent stays spent and
the trace is kept; only a crash rolls back, and then nothing has happened.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from passerelle import saml
from passerelle.infra.safe_next import safe_next
from passerelle.infra.tokens import digest, is_of_trial, new_message_id
from passerelle.infra.turns import reading
from passerelle.saml.checks import Check
from passerelle.saml.errors import MessageError
from passerelle.sso.connections.claims import email_of, profile_of
from passerelle.sso.connections.connection import (
    addresses_of,
    find_connection,
    is_usable,
    missing_for_sign_in,
    trusted_certificates,
)
from passerelle.sso.connections.keys import OwnKey, own_keys, signing_key
from passerelle.sso.models import (
    AuthnRequest,
    Binding,
    SamlConnection,
    SignIn,
)
from passerelle.sso.records.begun import note_begun
from passerelle.sso.records.explain import stored
from passerelle.sso.records.failures import (
    MAX_REFUSED,
    TooManyRefused,
    count_failure,
    has_failed_too_often,
)
from passerelle.sso.records.traces import Trace, keep
from passerelle.sso.sign_in.spend import (
    CLOCK_SKEW,
    REQUEST_LIFETIME,
    Parked,
    park,
    park_again,
    spend,
)

MOST_AGAIN = 3
"""That strangers' messages make us read the metadata of a connection within ten minutes."""


class Refused(Exception):  # noqa: N818 - an answer, not an error
    """A sign-in that is not let in; its trace is kept, and the person sees its reference."""

    def __init__(self, sign_in: SignIn) -> None:
        super().__init__(sign_in.reason)
        self.sign_in = sign_in


class AnswersTrial(Exception):  # noqa: N818 - where it belongs, not an error
    """A response to a test sign-in: nobody is signed in by it."""

    def __init__(self, request_id: str, message: bytes) -> None:
        super().__init__(request_id)
        self.request_id, self.message = request_id, message


class AnswersLogout(Exception):  # noqa: N818 - where it belongs, not an error
    """An answer about signing out, sent to where sign-ins arrive."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message on its way to the identity provider; with fields, it is posted."""

    address: str
    fields: dict[str, str] | None = None


def start_sign_in(
    connection: SamlConnection,
    *,
    next_path: str,
    binding: str,
    forced: bool = False,
    address: str | None,
    now: datetime,
) -> Outgoing:
    """Remember a request and return it on its way to the identity provider.

    `binding` is the browser's own secret, kept in its cookie. Who is `forced` authenticates anew.
    Raises Refused.
    """
    _refuse_if_unusable(connection, address, now)
    key = signing_key(connection, now=now) if connection.sign_requests else None
    if key is None and connection.sign_requests:
        raise _unusable(connection, "a key of ours that cannot be read", address, now)
    request = AuthnRequest(
        id=new_message_id(),
        company_id=connection.company_id,
        connection=connection,
        next=safe_next(next_path),
        binding_digest=digest(binding),
        forced=forced,
        created_at=now,
        expires_at=now + REQUEST_LIFETIME,
    )
    # A transaction, so that with SQLite it waits in line like every other writer.
    with transaction.atomic():
        request.save(force_insert=True)
    note_begun(request)
    return outgoing_request(connection, request.id, forced=forced, key=key, now=now)


def outgoing_request(
    connection: SamlConnection,
    request_id: str,
    *,
    forced: bool = False,
    key: OwnKey | None,
    now: datetime,
) -> Outgoing:
    """The request for authentication, as this connection sends it."""
    ours = addresses_of(connection)
    message = saml.build_authn_request(
        request_id=request_id,
        issued_at=now,
        destination=connection.request_address,
        acs_url=ours.acs_url,
        sp_entity_id=ours.sp_entity_id,
        force_authn=connection.force_authn or forced,
        name_id_format=connection.name_id_format,
        authn_contexts=tuple(connection.authn_contexts.split()),
    )
    signer = key.signer if key else None
    if connection.request_binding == Binding.POST:
        field = saml.post_field(message, signer=signer)
        return Outgoing(connection.request_address, {"SAMLRequest": field})
    return Outgoing(saml.redirect_url(connection.request_address, message, signer=signer))


def accept_response(
    slug: str,
    field: str,
    *,
    relay_state: str,
    address: str | None,
    read_again: Callable[[SamlConnection], object] = lambda _connection: None,
    now: datetime,
) -> Parked:
    """Verify a response and park its claims.

    `read_again` reads the metadata that the connection follows: a key that is not trusted may
    stand in it by now.

    Raises Refused, UnknownConnection, AnswersTrial, AnswersLogout, TooManyRefused, Busy.
    """
    with reading(field):
        parked = _accept(slug, field, relay_state, address, now)
    if isinstance(parked, _MayBeRenewed):
        # Nothing of the message is held on to: others read theirs while this one's turn is over.
        read_again(parked.connection)
        with reading(field):
            parked = _accept(slug, field, relay_state, address, now, is_renewed=True)
    assert isinstance(parked, Parked)
    return parked


@dataclass(frozen=True, slots=True)
class _MayBeRenewed:
    """None of the trusted keys made the signature: the metadata may have a new one by now."""

    connection: SamlConnection


def _accept(
    slug: str,
    field: str,
    relay_state: str,
    address: str | None,
    now: datetime,
    *,
    is_renewed: bool = False,
) -> Parked | _MayBeRenewed:
    """`is_renewed` where the metadata has been read again for this message."""
    message, claimed, unreadable = _open_message(field)
    if claimed.is_about_logout:
        raise AnswersLogout
    request_id = claimed.in_response_to
    if request_id and is_of_trial(request_id):
        raise AnswersTrial(request_id, message)
    connection, request = _who_is_asked(slug, request_id)
    _refuse_if_unusable(connection, address, now)
    if request is None and has_failed_too_often("callback", address, MAX_REFUSED, now=now):
        # Before it costs anything more; an answer to a request of ours is always looked at.
        raise TooManyRefused
    if unreadable:
        judgement = saml.Judgement(checks=[unreadable])
    else:
        judgement = _judged(message, connection, request, request_id, now)
        if (
            not is_renewed
            and _may_be_renewed(judgement)
            and _may_be_read_again(connection, now=now)
        ):
            return _MayBeRenewed(connection)
    trace = Trace(connection=connection, now=now, address=address)
    trace.checks = [stored(check) for check in judgement.checks]
    trace.verified = judgement.verified is not None
    trace.offered_certificate = judgement.stranger.pem if judgement.stranger else ""
    if judgement.verified and (name_id := judgement.verified.name_id):
        profile = profile_of(judgement.verified, name_id, connection)
        trace.email = email_of(profile)
        # A message that was signed once can be sent again as often as somebody likes.
        trace.about = digest(f"{judgement.verified.issuer}\0{judgement.verified.id}")
    if not judgement.accepted:
        reason = judgement.reason or "malformed_message"
        raise Refused(keep(trace, outcome="refused", reason=reason))
    with transaction.atomic():
        reason = spend(judgement.assertion, request_id, request, trace)
        if not reason:
            return park(judgement, request, relay_state, trace)
        if reason == "assertion_replayed" and (parked := park_again(judgement.assertion, trace)):
            return parked
        refused = keep(trace, outcome="refused", reason=reason)
    raise Refused(refused)


def _may_be_read_again(connection: SamlConnection, *, now: datetime) -> bool:
    """Whether metadata is read again because a message came with a key that is not trusted.

    Many providers sign with a new key at once. Strangers can cause it, so a few times within ten
    minutes.
    """
    if not connection.metadata_url:
        return False
    return count_failure("metadata again", str(connection.id), now=now) <= MOST_AGAIN


def _may_be_renewed(judgement: saml.Judgement) -> bool:
    """Whether none of the keys that are trusted made the signature, of the provider we know."""
    failed = next((check for check in judgement.checks if not check.passed), None)
    if failed is None or failed.reason not in ("certificate_unknown", "signature_invalid"):
        return False
    # A trusted key made it, or another provider did.
    return "fingerprint" not in failed.values and "case" not in failed.values


def _judged(
    message: bytes,
    connection: SamlConnection,
    request: AuthnRequest | None,
    request_id: str | None,
    now: datetime,
) -> saml.Judgement:
    forced = request is not None and (request.forced or connection.force_authn)
    since = request.created_at if request and forced else None
    certificates = trusted_certificates(connection)
    expected = expected_of(connection, certificates, request_id, since=since, now=now)
    return saml.judge(message, expected)


def _open_message(field: str) -> tuple[bytes, saml.Peek, Check | None]:
    """The message and what it claims, unverified; or the check that it fails."""
    try:
        message = saml.decode_response(field)
        return message, saml.peek(message), None
    except MessageError as error:
        return b"", saml.Peek(None, None), Check.failed("message", error)


def _who_is_asked(slug: str, request_id: str | None) -> tuple[SamlConnection, AuthnRequest | None]:
    """The connection, with the request where it is one of its own: one query for both."""
    if request_id:
        requests = AuthnRequest.objects.select_related("connection__company")
        if request := requests.filter(id=request_id[:64], connection__slug=slug).first():
            return request.connection, request
    return find_connection(slug), None


def refuse_message(
    connection: SamlConnection, error: MessageError, *, address: str | None, now: datetime
) -> SignIn:
    """Keep the trace of a message that could not even be taken out of its form."""
    trace = Trace(connection=connection, now=now, address=address)
    reason = trace.failed(Check.failed("message", error))
    return keep(trace, outcome="refused", reason=reason)


def refuse_logout(
    connection: SamlConnection, error: MessageError, *, address: str | None, now: datetime
) -> SignIn:
    """Keep the trace of a logout request that was not believed, among the sign-ins."""
    trace = Trace(connection=connection, now=now, address=address, way="logout")
    reason = trace.failed(Check.failed("logout", error)._replace(check="logout"))
    return keep(trace, outcome="refused", reason=reason)


def _refuse_if_unusable(connection: SamlConnection, address: str | None, now: datetime) -> None:
    if is_usable(connection):
        return
    lacking = missing_for_sign_in(connection, len(trusted_certificates(connection)))
    raise _unusable(connection, ", ".join(lacking) or "switched off", address, now)


def _unusable(
    connection: SamlConnection, received: str, address: str | None, now: datetime
) -> Refused:
    trace = Trace(connection=connection, now=now, address=address)
    reason = trace.failed(
        Check(
            "connection", False, "a complete, enabled connection", received, "connection_disabled"
        )
    )
    return Refused(keep(trace, outcome="refused", reason=reason))


def expected_of(
    connection: SamlConnection,
    certificates: tuple[saml.Certificate, ...],
    request_id: str | None,
    *,
    since: datetime | None,
    now: datetime,
) -> saml.Expected:
    """The response is judged as an answer to the request it names; `_spend` sees if it is ours.

    `since` is when that request was made, where the person had to be authenticated anew.
    """
    ours = addresses_of(connection)
    return saml.Expected(
        idp_entity_id=connection.idp_entity_id,
        certificates=certificates,
        sp_entity_id=ours.sp_entity_id,
        acs_url=ours.acs_url,
        now=now,
        request_id=request_id,
        unsolicited_allowed=connection.idp_initiated,
        clock_skew=CLOCK_SKEW,
        authenticated_since=since,
        authn_contexts=tuple(connection.authn_contexts.split()),
        decryption_keys=tuple(own_key.private for own_key in own_keys(connection, now=now)),
        allow_cbc=connection.allow_cbc,
    )
