"""What the other administrators are told of, for it concerns who can come in without them."""

from datetime import datetime

from passerelle.audit.record import Actor
from passerelle.directory.links import may_activate
from passerelle.directory.models import Company, User
from passerelle.sso.outbox.letters import send_invitation, tell_administrators

EMERGENCY_CODE = "emergency code"
"""The kind of actor that somebody is who has nothing but such a code."""


def announce_emergency_access(user: User, *, actor: Actor, now: datetime) -> None:
    """Tell the other administrators, and let who has no password choose one: it takes one."""
    tell_administrators(
        "emergency_access",
        user.company,
        now=now,
        but=actor.name,
        who=actor.name,
        email=user.email,
        given=user.breaks_glass,
    )
    if user.breaks_glass and may_activate(user):
        send_invitation(user, who=actor.name, now=now)


def tell_of_enforcement(
    company: Company, before: str, after: str, *, actor: Actor, now: datetime
) -> None:
    who, by_code = actor.name, actor.kind == EMERGENCY_CODE
    tell_administrators(
        "enforcement",
        company,
        now=now,
        but=who,
        who=who,
        by_code=by_code,
        before=before,
        after=after,
    )
