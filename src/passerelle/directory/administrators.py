"""Who administers a company, and who gets in when nobody else does."""

from datetime import datetime
from typing import Any

from django.db import transaction

from passerelle.audit.events import EventName
from passerelle.audit.record import Actor, Entry, record
from passerelle.directory.actions import as_it_is, refuse_last_administrator
from passerelle.directory.given import end_what_was_given
from passerelle.directory.models import User


@transaction.atomic
def set_administrator(
    user: User, value: bool, *, by_rule: str = "", actor: Actor, now: datetime
) -> None:
    """Let a user administer the company, or no longer: then emergency access goes as well.

    `by_rule` is the rule that says so; empty where a person does. Raises LastAdministrator, Gone.
    """
    as_it_is(user)
    if user.is_administrator == value:
        return
    details: dict[str, Any] = {"is_administrator": [not value, value]}
    if by_rule:
        details["why"] = by_rule
    if not value:
        refuse_last_administrator(user)
        end_what_was_given(user, actor=actor, now=now)
        if user.breaks_glass:
            details["breaks_glass"] = [True, False]
            _take_emergency_access(user)
    elif user.breaks_glass:
        # It slept while they were no administrator, and is given anew or not at all.
        _take_emergency_access(user)
    user.is_administrator, user.administrator_by_rule = value, value and bool(by_rule)
    user.save()
    if value:
        # Whoever has seen a link to their first password would become an administrator by it.
        user.end_links()
    entry = Entry(EventName.ADMINISTRATOR_CHANGED, user.email, details)
    record([entry], company_id=user.company_id, actor=actor, now=now)


@transaction.atomic
def set_flag(user: User, name: str, value: bool, *, actor: Actor, now: datetime) -> None:
    """Change how somebody may enter: `breaks_glass` or `tests_sso`. Raises Gone."""
    as_it_is(user)
    if getattr(user, name) == value or (name == "breaks_glass" and value > user.is_administrator):
        return
    if name == "breaks_glass" and not value:
        _take_emergency_access(user)
    elif name == "breaks_glass" and not user.has_password:
        # It brings a link to choose a password: those that were out do not live again.
        user.password = User.no_password()
    setattr(user, name, value)
    if name == "breaks_glass" and value:
        # Somebody counts on them: no rule takes that away.
        user.administrator_by_rule = False
    user.save()
    emergency = name == "breaks_glass"
    event = EventName.ADMINISTRATOR_CHANGED if emergency else EventName.USER_UPDATED
    entry = Entry(event, user.email, {name: [not value, value]})
    record([entry], company_id=user.company_id, actor=actor, now=now)


def _take_emergency_access(user: User) -> None:
    """With it ends, for good, the link to choose a password that it brought; not saved here."""
    user.breaks_glass = False
    if not user.has_password:
        user.password = User.no_password()
