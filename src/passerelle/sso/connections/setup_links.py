"""Links that let the identity provider's own administrator set up one connection.

Whoever opens a link keeps it, in that browser; it cannot be opened a second time. It reaches a
connection that is switched off and nothing else: switching on stays with the company.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from passerelle.audit.events import EventName
from passerelle.audit.record import Actor, Entry, record
from passerelle.directory.models import User
from passerelle.infra.tokens import digest, new_token
from passerelle.sso.connections.connection import locked
from passerelle.sso.models import SamlConnection, SetupLink

LIFETIME = timedelta(days=7)
ACTOR_KIND = "set-up link"


class SwitchedOn(Exception):  # noqa: N818 - reads as what is the matter
    """The connection is in use: no stranger may change it."""


@transaction.atomic
def make_link(connection: SamlConnection, *, actor: Actor, now: datetime) -> str:
    """Make the connection's link, in place of an earlier one, and return its token.

    Raises SwitchedOn.
    """
    if locked(connection).enabled:
        raise SwitchedOn
    SetupLink.objects.filter(connection=connection).delete()
    token = new_token()
    SetupLink.objects.create(
        company_id=connection.company_id,
        connection=connection,
        token_digest=digest(token),
        made_by=actor.name,
        maker=User.objects.filter(company_id=connection.company_id, email=actor.name).first(),
        expires_at=now + LIFETIME,
    )
    _note(connection, EventName.SETUP_LINK_MADE, actor, now)
    return token


@transaction.atomic
def revoke_link(connection: SamlConnection, *, actor: Actor, now: datetime) -> None:
    """End the link at once, whoever has opened it."""
    if SetupLink.objects.filter(connection=connection).delete()[0]:
        _note(connection, EventName.SETUP_LINK_REVOKED, actor, now)


def end_links(connection: SamlConnection) -> None:
    """The connection is on: who set it up from outside is done, even if it goes off again."""
    SetupLink.objects.filter(connection=connection).delete()


def still_holds(link: SetupLink, *, now: datetime) -> bool:
    """Whether a link holds now, asked within the transaction that relies on it."""
    return _usable(now).filter(id=link.id).exists()


def unopened_link(token: str, *, now: datetime) -> SetupLink | None:
    return _usable(now).filter(token_digest=digest(token), opened_at=None).first()


@transaction.atomic
def open_link(token: str, *, now: datetime) -> str | None:
    """Bind the link to a browser and return that browser's secret; None where it cannot be."""
    link = unopened_link(token, now=now)
    secret = new_token()
    if link is None or not SetupLink.objects.filter(id=link.id, opened_at=None).update(
        opened_at=now, browser_digest=digest(secret)
    ):
        return None
    actor = Actor(ACTOR_KIND, f"made by {link.made_by}")
    _note(link.connection, EventName.SETUP_LINK_OPENED, actor, now)
    return secret


def opened_link(secret: str | None, *, now: datetime) -> SetupLink | None:
    """The link that this browser has opened, while it holds."""
    if not secret:
        return None
    return _usable(now).filter(browser_digest=digest(secret), opened_at__isnull=False).first()


@transaction.atomic
def finish_link(link: SetupLink, *, now: datetime) -> None:
    """Done: from here on the link opens nothing."""
    if SetupLink.objects.filter(id=link.id, finished_at=None).update(finished_at=now):
        actor = Actor(ACTOR_KIND, f"made by {link.made_by}")
        _note(link.connection, EventName.SETUP_LINK_FINISHED, actor, now)


def _usable(now: datetime) -> QuerySet[SetupLink]:
    found = SetupLink.objects.select_related("connection__company").filter(
        maker__is_administrator=True, maker__status=User.Status.ACTIVE
    )
    return found.filter(finished_at=None, expires_at__gt=now, connection__enabled=False)


def _note(connection: SamlConnection, event: EventName, actor: Actor, now: datetime) -> None:
    entry = Entry(event, connection.name)
    record([entry], company_id=connection.company_id, actor=actor, now=now)
