"""Single logout, both ways: a session that ends here or there ends on the other side too."""

import logging
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet
from lxml import etree

from passerelle import saml
from passerelle.audit.events import EventName
from passerelle.audit.record import Actor, Entry, record
from passerelle.directory.models import ExternalIdentity
from passerelle.infra.tokens import digest, new_message_id
from passerelle.saml.names import NAME_ID_EMAIL, NAME_ID_TRANSIENT, STATUS_UNKNOWN_PRINCIPAL
from passerelle.saml.xmldsig import VerifiedElement
from passerelle.sso.connections.connection import addresses_of
from passerelle.sso.connections.keys import own_keys, signing_key
from passerelle.sso.models import Binding, SamlConnection, Session
from passerelle.sso.sessions.session import name_id_key
from passerelle.sso.sign_in.saml import Outgoing
from passerelle.sso.sign_in.spend import CLOCK_SKEW

log = logging.getLogger("passerelle")


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
        name_id=_name_id_of(session),
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
        keys=tuple(own_key.private for own_key in own_keys(connection, now=now)),
    )
    ended = _end_sessions(connection, request, now)
    status = {} if ended else _nothing_ended(connection, request)
    target = connection.logout_answer_url or connection.logout_url
    if not target:
        return None
    message = saml.build_logout_response(
        response_id=new_message_id(),
        issued_at=now,
        destination=target,
        sp_entity_id=addresses_of(connection).sp_entity_id,
        in_response_to=request.id,
        **status,
    )
    return _signed(
        connection, message, target, field="SAMLResponse", relay_state=relay_state, now=now
    )


def _name_id_of(session: Session) -> saml.NameID:
    """The NameID as it came, to the letter (Core §3.7.1)."""
    return saml.NameID(
        session.name_id,
        session.name_id_format,
        session.name_qualifier,
        session.sp_name_qualifier,
        session.sp_provided_id,
    )


@transaction.atomic
def _end_sessions(connection: SamlConnection, request: saml.LogoutRequest, now: datetime) -> int:
    """End what the request names; tell how many sessions that were."""
    # A request that is sent again ends nothing that began after it.
    sessions = _named(connection, request.name_id).filter(
        created_at__lte=request.issued_at + CLOCK_SKEW
    )
    if request.session_indexes:
        sessions = sessions.filter(session_index__in=request.session_indexes)
    found = list(sessions.select_related("user"))
    sessions.delete()
    people = sorted({one.user.email for one in found})
    record(
        [Entry(EventName.LOGGED_OUT_BY_IDP, email) for email in people],
        company_id=connection.company_id,
        actor=Actor("identity provider", connection.name),
        now=now,
    )
    return len(found)


def _named(connection: SamlConnection, name_id: saml.NameID) -> "QuerySet[Session]":
    """The sessions of this NameID, compared as at a sign-in: an address by its own rules."""
    # To the letter, as sessions of the release before are; and as they are compared now.
    same = Q(name_id_digest__in=[digest(name_id.value), digest(name_id_key(name_id))])
    as_address = digest(name_id_key(name_id._replace(format=NAME_ID_EMAIL)))
    same |= Q(name_id_digest=as_address, name_id_format=NAME_ID_EMAIL)
    return connection.sessions.filter(same)


def _nothing_ended(connection: SamlConnection, request: saml.LogoutRequest) -> dict[str, str]:
    """What the answer says where no session was found, and the log with it."""
    is_known = _is_known(connection, request.name_id)
    found = "no open session" if is_known else "nobody"
    log.warning("a logout request through %s named %s", connection.slug, found)
    if is_known:
        return {"message": "No session was open here."}
    unknown = {"message": "Nobody is known here by this NameID."}
    return {**unknown, "refused_as": STATUS_UNKNOWN_PRINCIPAL}


def _is_known(connection: SamlConnection, name_id: saml.NameID) -> bool:
    """Whether somebody has this NameID; true where people are known by something else."""
    if connection.subject_attribute or name_id.format == NAME_ID_TRANSIENT:
        return True
    spellings = {name_id.value, name_id.value.strip()}
    spellings.add(name_id_key(name_id._replace(format=NAME_ID_EMAIL)))
    return ExternalIdentity.objects.filter(
        company_id=connection.company_id,
        idp_entity_id=connection.idp_entity_id,
        subject__in=spellings,
    ).exists()


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
