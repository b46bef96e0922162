"""What an administrator has given to others, which ends with their administration."""

from datetime import datetime

from django.db.models import F

from passerelle.audit.events import EventName
from passerelle.audit.record import Actor, Entry, record
from passerelle.directory.models import User


def end_what_was_given(user: User, *, actor: Actor, now: datetime) -> None:
    """End the set-up links that they made, and those by which others become administrators.

    Any administrator sees a link to choose a first password, and may have kept it.
    """
    if not user.is_administrator:
        return
    links = user.setup_links.filter(finished_at=None)
    names = list(links.values_list("connection__name", flat=True))
    links.delete()
    entries = [Entry(EventName.SETUP_LINK_REVOKED, name) for name in names]
    record(entries, company_id=user.company_id, actor=actor, now=now)
    others = User.objects.filter(company_id=user.company_id, is_administrator=True)
    waiting = others.exclude(id=user.id).exclude(password__startswith="argon2")  # noqa: S106
    waiting.update(links_ended=F("links_ended") + 1)
