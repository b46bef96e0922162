"""E-mail: a request only puts a letter down; it is written and sent a moment later.

So no page waits for a mail server, and none takes longer for an address that has an account:
whether a letter is written at all is decided when it is sent. No link lies in the database: it is
made while writing.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Case, QuerySet, When, Window
from django.db.models.functions import RowNumber
from django.template.loader import render_to_string
from django.utils import translation

from passerelle.directory.links import activation_path, may_activate, reset_path
from passerelle.directory.models import Company, User
from passerelle.infra.shares import in_turns
from passerelle.provisioning import parse_email
from passerelle.sso.models import Letter
from passerelle.sso.records.failures import count_failure, failures

log = logging.getLogger("passerelle")

BATCH = 50
SECONDS = 5.0
"""Of one pass for one company: then what people wait for elsewhere is looked for again."""
PAUSES = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=4))
"""After each failure; after the last of them the letter is given up."""
KEPT = timedelta(days=7)
HOUR = timedelta(hours=1)
MAX_INVITATIONS = 2000
"""Of one company within an hour: who brings more people than that brings them by the hour."""
MAX_INVITATIONS_TO_ONE, MAX_RESETS_TO_ONE = 5, 10
"""To one address from one company within an hour, whoever asks for them: no more are sent."""
DEFAULT_LANGUAGE = "en"

Context = dict[str, Any]


def can_send() -> bool:
    return bool(settings.PASSERELLE.email_url) or settings.PASSERELLE.demo


def queue_letter(
    kind: str, company: Company, to: str, *, now: datetime, **values: str | bool | None
) -> None:
    """Have a letter sent; nothing where no mail server is set up."""
    if can_send():
        Letter.objects.create(
            company=company, kind=kind, to=to, values=values, created_at=now, due_at=now
        )


def send_invitation(user: User, *, who: str, many: bool = False, now: datetime) -> None:
    """In the language that the inviter reads, as long as nobody has said another.

    One of `many` is sent after whatever somebody waits for.
    """
    if not can_send() or not _may_invite(user, now):
        return
    language = user.language or translation.get_language()
    queue_letter(
        "invitation",
        user.company,
        user.email,
        now=now,
        email_key=user.email_key,
        who=who,
        language=language,
        many=many,
    )


def was_invited_by_mail(user: User) -> bool:
    """Whether an invitation is on its way to them, or was sent lately."""
    letters = Letter.objects.filter(company=user.company, kind="invitation", to=user.email)
    return letters.filter(created_at__gte=user.created_at).exists()


def has_room_for_invitations(company: Company, count: int, *, now: datetime) -> bool:
    """Whether a company may invite so many more within this hour; without mail it always may."""
    return not can_send() or (
        failures("invitations", str(company.id), now=now) + count <= MAX_INVITATIONS
    )


def _may_invite(user: User, now: datetime) -> bool:
    """Count an invitation; false where its address had enough of them."""
    count_failure("invitations", str(user.company_id), window=HOUR, now=now)
    to = f"{user.company_id}\0{user.email_key}"
    return count_failure("invitation", to, window=HOUR, now=now) <= MAX_INVITATIONS_TO_ONE


def may_send_reset(company: Company, key: str, *, now: datetime) -> bool:
    """Count a letter about a forgotten password, whether there is an account or not."""
    to = f"{company.id}\0{key}"
    return count_failure("reset to", to, window=HOUR, now=now) <= MAX_RESETS_TO_ONE


def tell_administrators(
    kind: str, company: Company, *, now: datetime, but: str = "", **values: str | bool | None
) -> None:
    """The same letter to every active administrator, whoever did it excepted."""
    administrators = User.objects.filter(
        company=company, is_administrator=True, status=User.Status.ACTIVE
    ).exclude(email=but)
    for administrator in administrators:
        queue_letter(
            kind, company, administrator.email, now=now, language=administrator.language, **values
        )


def send_letters(now: datetime) -> int:
    """Send what is due, each by one process only; return how many went."""
    due = in_turns(_due(now), company=lambda one: one.company_id, seconds=SECONDS)
    return sum(_send(letter, now) for letter in due)


def _due(now: datetime) -> "QuerySet[Letter]":
    """What somebody waits for first, then one of each company after the other."""
    is_of_many = Case(When(values__many=True, then=1), default=0)
    turn = Window(RowNumber(), partition_by=["company", is_of_many], order_by=["due_at", "id"])
    due = Letter.objects.filter(due_at__lte=now).select_related("company")
    return due.annotate(of_many=is_of_many, turn=turn).order_by("of_many", "turn", "due_at")[:BATCH]


def _send(letter: Letter, now: datetime) -> bool:
    again = now + PAUSES[letter.tries] if letter.tries < len(PAUSES) else None
    mine = Letter.objects.filter(id=letter.id, due_at=letter.due_at)
    if not mine.update(due_at=again, tries=letter.tries + 1):
        return False
    try:
        written = _write(letter)
        if written is None:
            _forget(letter)
            return False
        to, subject, body = written
        if settings.PASSERELLE.email_url:
            EmailMessage(subject, body, None, [to]).send()
    except Exception as error:
        # Whatever it is, it holds up no other letter.
        log.error("a letter (%s) could not be sent by e-mail: %s", letter.kind, error)
        return False
    sent = Letter.objects.filter(id=letter.id)
    sent.update(due_at=None, sent_at=now)
    if settings.PASSERELLE.demo:
        sent.update(subject=subject[:300], body=body)
    return True


def _forget(letter: Letter) -> None:
    """Asked for by somebody who has no account: nothing of it is kept, but where that is shown."""
    row = Letter.objects.filter(id=letter.id)
    if settings.PASSERELLE.demo:
        row.update(due_at=None)
    else:
        row.delete()


def _write(letter: Letter) -> tuple[str, str, str] | None:
    """Mailbox, subject and text, in the reader's language; None where there is nothing to say."""
    found = _CONTEXTS.get(letter.kind, _plain)(letter)
    if found is None:
        return None
    # To the address of the account that was found, never to what somebody typed to find it.
    address = found["user"].address if "user" in found else parse_email(letter.to)
    if address is None:
        return None
    context = {
        "company": letter.company,
        "base": settings.PASSERELLE.base_url,
        **letter.values,
        **found,
    }
    language = context.get("language") or DEFAULT_LANGUAGE
    with translation.override(language):
        text = render_to_string(f"letters/{letter.kind}.txt", context)
    subject, _separator, body = text.strip().partition("\n")
    return address.mailbox, " ".join(subject.split()), body.strip() + "\n"


def _plain(_letter: Letter) -> Context | None:
    return {}


def _user(letter: Letter) -> User | None:
    found = letter.company.users.select_related("company")
    return found.filter(email_key=letter.values["email_key"]).first()


def _invitation(letter: Letter) -> Context | None:
    user = _user(letter)
    if user is None or not may_activate(user):
        return None
    return {"user": user, "link": settings.PASSERELLE.base_url + activation_path(user)}


def _password_reset(letter: Letter) -> Context | None:
    """A link for who has an account here; for anybody else there is no letter at all."""
    user = _user(letter)
    # Who only ever came by single sign-on gets no password by mail: they would keep it when the
    # identity provider lets them go.
    if user is None or not user.is_active or not user.has_password:
        return None
    return {
        "user": user,
        "language": user.language or letter.values.get("language"),
        "link": settings.PASSERELLE.base_url + reset_path(user),
    }


_CONTEXTS: dict[str, Callable[[Letter], Context | None]] = {
    "invitation": _invitation,
    "password_reset": _password_reset,
}
