"""Single logout, both ways: a session that ends here or there ends on the other side too."""

from datetime import datetime

from django.db import transaction
from lxml import etree

from passerelle import saml
from passerelle.audit.events import EventName
from passerelle.audit.record import Actor, Entry, record
from passerelle.saml.xmldsig import VerifiedElement
from passerelle.sso.connection_keys import own_keys, signing_key
from passerelle.sso.connections import addresses_of
from passerelle.sso.flows import CLOCK_SKEW, Outgoing
from passerelle.sso.models import Binding, SamlConnection, Session
from passerelle.sso.tokens import digest, new_message_id


def start_logout(session: Session, *, now: datetime) -> Outgoing | None:
    """Our session has ended: how the identity provider hears of it, if it wants to."""
    connection = session.connection
    if connection is None or not connection.logout_url or not session.name_id:
        return None
    message = saml.build_logout_request(
        request_id=new_message_id(),
        issued_at=now,
        destination=connection.logout_url,
        sp_entity_id=addresses_of(connection).sp_entity_id,
        name_id=saml.NameID(session.name_id, session.name_id_format),
        session_index=session.session_index or None,
    )
    return _signed(connection, message, connection.logout_url, field="SAMLRequest", now=now)


def accept_logout(
    connection: SamlConnection,
    verified: VerifiedElement,
    *,
    arrived_at: str,
    relay_state: str,
    now: datetime,
) -> Outgoing | None:
    """End the sessions that the identity provider names, and answer where it can be answered.

    `arrived_at` is the one of our addresses that it was sent to, which it has to name.
    Raises MessageError for a request that may not be believed.
    """
    request = saml.read_logout_request(
        verified,
        idp_entity_id=connection.idp_entity_id,
        destination=arrived_at,
        now=now,
        clock_skew=CLOCK_SKEW,
        keys=tuple(one.private for one in own_keys(connection, now=now)),
    )
    _end_sessions(connection, request, now)
    target = connection.logout_answer_url or connection.logout_url
    if not target:
        return None
    message = saml.build_logout_response(
        response_id=new_message_id(),
        issued_at=now,
        destination=target,
        sp_entity_id=addresses_of(connection).sp_entity_id,
        in_response_to=request.id,
    )
    return _signed(
        connection, message, target, field="SAMLResponse", relay_state=relay_state, now=now
    )


@transaction.atomic
def _end_sessions(connection: SamlConnection, request: saml.LogoutRequest, now: datetime) -> None:
    # A request that is sent again ends nothing that began after it.
    sessions = connection.sessions.filter(
        name_id_digest=digest(request.name_id.value),
        created_at__lte=request.issued_at + CLOCK_SKEW,
    )
    if request.session_indexes:
        sessions = sessions.filter(session_index__in=request.session_indexes)
    people = sorted({one.user.email for one in sessions.select_related("user")})
    sessions.delete()
    record(
        [Entry(EventName.LOGGED_OUT_BY_IDP, email) for email in people],
        company_id=connection.company_id,
        actor=Actor("identity provider", connection.name),
        now=now,
    )


def _signed(
    connection: SamlConnection,
    message: etree._Element,
    target: str,
    *,
    field: saml.Field,
    now: datetime,
    relay_state: str = "",
) -> Outgoing:
    key = signing_key(connection, now=now)
    signer = key.signer if key else None
    if connection.logout_binding == Binding.POST:
        fields = {field: saml.post_field(message, signer=signer)}
        return Outgoing(target, fields | ({"RelayState": relay_state} if relay_state else {}))
    address = saml.redirect_url(
        target, message, field=field, relay_state=relay_state, signer=signer
    )
    return Outgoing(address)
