"""Passkeys (WebAuthn): sign in with a device or a password manager, and nothing to type.

A passkey shows both that the device is there and that its owner unlocked it, so it needs no second
factor. The browser says which account it is for: nobody learns from us which accounts exist.
"""

import base64
import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db import transaction
from fido2.server import Fido2Server
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from passerelle.audit.events import EventName
from passerelle.audit.record import Actor, Entry, record
from passerelle.directory.models import Company, User
from passerelle.infra.tokens import digest, new_token
from passerelle.sso.models import Passkey, PasskeyChallenge
from passerelle.sso.outbox.letters import queue_letter
from passerelle.sso.records.begun import note_begun

LIFETIME = timedelta(minutes=5)
MAX_PASSKEYS = 20
MAX_RESPONSE = 50_000
MAX_ID = 1023
"""Bytes of a credential ID (WebAuthn §4)."""


class WrongPasskey(Exception):  # noqa: N818 - reads as what is the matter
    """What the browser brought does not hold."""


def are_possible() -> bool:
    """Whether our address has a name: browsers make no passkeys for numbers."""
    host = urlsplit(settings.PASSERELLE.base_url).hostname or ""
    return bool(host) and not host.replace(".", "").isdigit() and ":" not in host


def may_have(user: User) -> bool:
    """Whether somebody may enter by passkey: only who has a password, too.

    Who only comes by single sign-on would keep a way in when the identity provider lets them go.
    """
    return user.has_password


def _server() -> Fido2Server:
    base = urlsplit(settings.PASSERELLE.base_url)
    origin = f"{base.scheme}://{base.netloc}"
    party = PublicKeyCredentialRpEntity(name="Passerelle", id=base.hostname or "")
    return Fido2Server(party, verify_origin=lambda found: found == origin)


def begin_registration(user: User, *, now: datetime) -> tuple[str, dict[str, Any]]:
    """The token of the browser, and what it hands to the authenticator."""
    entity = PublicKeyCredentialUserEntity(
        id=user.id.bytes, name=user.email, display_name=user.shown_name
    )
    known = [_credential(row) for row in user.passkeys.all()]
    options, state = _server().register_begin(
        entity,
        known,
        resident_key_requirement=ResidentKeyRequirement.REQUIRED,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return _remember(user.company, user, state, now), dict(options)


def begin_sign_in(company: Company, *, now: datetime) -> tuple[str, dict[str, Any]]:
    options, state = _server().authenticate_begin(
        user_verification=UserVerificationRequirement.REQUIRED
    )
    return _remember(company, None, state, now), dict(options)


def _remember(company: Company, user: User | None, state: Any, now: datetime) -> str:
    token = new_token()
    challenge = PasskeyChallenge.objects.create(
        token_digest=digest(token),
        company=company,
        user=user,
        state=state,
        expires_at=now + LIFETIME,
    )
    note_begun(challenge)
    return token


def _spend(token: str, company: Company, user: User | None, now: datetime) -> Any:
    """The state of a challenge, once. Raises WrongPasskey."""
    waiting = PasskeyChallenge.objects.filter(
        token_digest=digest(token), company=company, user=user, expires_at__gt=now
    )
    row = waiting.first()
    if row is None or not waiting.delete()[0]:
        raise WrongPasskey
    return row.state


@transaction.atomic
def register(user: User, token: str, response: str, name: str, *, now: datetime) -> None:
    """Keep a new passkey. Raises WrongPasskey."""
    state = _spend(token, user.company, user, now)
    if user.passkeys.count() >= MAX_PASSKEYS:
        raise WrongPasskey
    try:
        made = RegistrationResponse.from_dict(json.loads(response[:MAX_RESPONSE]))
        data = _server().register_complete(state, made)
        credential = data.credential_data
    except Exception as error:
        # The library raises whatever its parsers do: nothing of it lets anybody in.
        raise WrongPasskey from error
    if credential is None or len(credential.credential_id) > MAX_ID:
        raise WrongPasskey
    identifier = websafe_encode(credential.credential_id)
    if Passkey.objects.filter(credential_id=identifier).exists():
        raise WrongPasskey
    Passkey.objects.create(
        company_id=user.company_id,
        user=user,
        credential_id=identifier,
        credential=base64.b64encode(bytes(credential)).decode(),
        sign_count=data.counter,
        name=name[:100],
        created_at=now,
    )
    _note(EventName.PASSKEY_ADDED, user, name, now)
    queue_letter(
        "passkey_added", user.company, user.email, now=now, language=user.language, name=name
    )


def user_of(company: Company, token: str, response: str, *, now: datetime) -> User:
    """Whose passkey this is. Raises WrongPasskey."""
    state = _spend(token, company, None, now)
    try:
        brought = AuthenticationResponse.from_dict(json.loads(response[:MAX_RESPONSE]))
        identifier = websafe_encode(brought.raw_id)
    except Exception as error:
        # The library raises whatever its parsers do: nothing of it lets anybody in.
        raise WrongPasskey from error
    # Outside of that: a database that is away is not a wrong passkey.
    known = Passkey.objects.select_related("user__company").filter(company=company)
    row = known.filter(credential_id=identifier, user__status=User.Status.ACTIVE).first()
    if row is None or not may_have(row.user):
        raise WrongPasskey
    try:
        _server().authenticate_complete(state, [_credential(row)], brought)
        counter = brought.response.authenticator_data.counter
        handle = brought.response.user_handle
    except Exception as error:
        raise WrongPasskey from error
    if handle is not None and bytes(handle) != row.user.id.bytes:
        raise WrongPasskey
    # A counter that does not grow tells of a copy; authenticators without one say zero.
    if (counter or row.sign_count) and counter <= row.sign_count:
        raise WrongPasskey
    Passkey.objects.filter(id=row.id).update(sign_count=counter, last_used_at=now)
    return row.user


def _credential(row: Passkey) -> AttestedCredentialData:
    return AttestedCredentialData(base64.b64decode(row.credential))


@transaction.atomic
def remove(user: User, passkey_id: UUID, *, now: datetime) -> None:
    row = user.passkeys.filter(id=passkey_id).first()
    if row is not None:
        row.delete()
        _note(EventName.PASSKEY_REMOVED, user, row.name, now)


def _note(event: EventName, user: User, name: str, now: datetime) -> None:
    entry = Entry(event, user.email, {"name": name[:100]})
    actor = Actor("user", user.email)
    record([entry], company_id=user.company_id, actor=actor, now=now)
