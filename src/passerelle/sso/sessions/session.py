"""Sessions: rows that name their user, so that ending one is deleting it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from passerelle import saml
from passerelle.audit.events import EventName
from passerelle.audit.record import Actor, Entry, record
from passerelle.directory.models import Company, User
from passerelle.infra.tokens import digest, new_token
from passerelle.provisioning import parse_email
from passerelle.saml.names import NAME_ID_EMAIL
from passerelle.sso.models import PendingSignIn, SamlConnection, Session
from passerelle.sso.sessions.enforcement import may_use_password
from passerelle.sso.sessions.entry_locks import close_entry, way_of_connection, way_of_google

_REFRESH = timedelta(minutes=5)
"""How old "last seen" may be before it is written again: not at every request."""
MAX_AGE = timedelta(days=30)
"""However much it is used, a session ends after this long."""
MOST_OPEN = 100
"""Sessions of one person: at a sign-in beyond them, those end that were used longest ago."""
SHOWN = 50
"""Of one person, so many are listed."""


@dataclass(frozen=True, slots=True)
class IdPSession:
    """What the identity provider calls this session, and when it ends there."""

    name_id: saml.NameID
    session_index: str | None
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class Proof:
    """How somebody showed who they are, and what came with it: dashboards are told of it."""

    amr: tuple[str, ...]
    """Ways of authentication (RFC 8176); none where the identity provider does not say."""
    acr: str = ""
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Browser:
    """Where a session is opened: the network address, and what the browser says that it is."""

    address: str | None
    agent: str


def shown_agent(agent: str) -> str:
    """What a browser says of itself, as a database and a page can bear it."""
    return "".join(one for one in agent[:200] if one.isprintable())


def open_session(
    user: User,
    *,
    connection: SamlConnection | None,
    by_google: bool = False,
    now: datetime,
    at_idp: IdPSession | None = None,
    browser: Browser | None = None,
    confirmed_at: datetime | None = None,
    proof: Proof = Proof(()),
) -> str:
    """Open a session with a new key, and return the key: the value of the cookie."""
    key = new_token()
    if user.created_at < now:
        # Who was made just now has none.
        _end_unused(user)
    ends_at = at_idp.ends_at if at_idp else None
    Session.objects.create(
        key_digest=digest(key),
        company_id=user.company_id,
        user=user,
        connection=connection,
        by_google=by_google,
        **(_name_id(at_idp.name_id) if at_idp else {}),
        session_index=(at_idp.session_index or "") if at_idp else "",
        address=browser.address if browser else None,
        agent=shown_agent(browser.agent) if browser else "",
        acr=proof.acr[:200],
        amr=list(proof.amr),
        groups=list(proof.groups),
        created_at=now,
        last_seen_at=now,
        confirmed_at=confirmed_at,
        expires_at=_end(now, now, user.company.session_minutes, ends_at),
        ends_at=ends_at,
    )
    return key


def never_opened(user: User, *, now: datetime) -> Session:
    """A session that is none, of somebody who has none: to look at what one would tell."""
    return Session(key_digest="", company_id=user.company_id, user=user, created_at=now)


def _end_unused(user: User) -> None:
    """Make room for one session more."""
    newest_first = user.sessions.order_by("-last_seen_at", "-key_digest").values("key_digest")
    Session.objects.filter(key_digest__in=newest_first[MOST_OPEN - 1 :]).delete()


def _name_id(name_id: saml.NameID) -> dict[str, str]:
    return {
        "name_id": name_id.value,
        "name_id_digest": digest(name_id_key(name_id)),
        "name_id_format": name_id.format,
        "name_qualifier": name_id.name_qualifier,
        "sp_name_qualifier": name_id.sp_name_qualifier,
        "sp_provided_id": name_id.sp_provided_id,
    }


def name_id_key(name_id: saml.NameID) -> str:
    """What is compared: an address as addresses are, anything else without white space around."""
    address = parse_email(name_id.value) if name_id.format == NAME_ID_EMAIL else None
    return address.key if address else name_id.value.strip()


def _end(now: datetime, created_at: datetime, minutes: int, ends_at: datetime | None) -> datetime:
    """When a session that is used now ends: idle, too old, or at the identity provider."""
    ends = [now + timedelta(minutes=minutes), created_at + MAX_AGE]
    return min([*ends, ends_at] if ends_at else ends)


def find_session(key: str, *, is_used: bool = True, now: datetime) -> Session | None:
    """The session of a key, with its user and company; None when it ended.

    Using a session keeps it open: it ends after the company's minutes without use, and at once when
    the account, the connection or the Google SSO that it came through is switched off.
    """
    rows = Session.objects.select_related("user__company").filter(key_digest=digest(key))
    session = rows.filter(open_rows(now)).first()
    return session if session and is_still_open(session, is_used=is_used, now=now) else None


def open_rows(now: datetime, at: str = "") -> Q:
    """What the database can say of whether a session is open; `at` leads to it, as `grant__`."""
    open_now = Q((f"{at}expires_at__gt", now), (f"{at}user__status", User.Status.ACTIVE))
    closed = Q((f"{at}connection__enabled", False)) | Q(
        (f"{at}by_google", True), (f"{at}company__google_sso_enabled", False)
    )
    return open_now & ~closed


def is_still_open(session: Session, *, is_used: bool = True, now: datetime) -> bool:
    """Whether a session of `open_rows`, read with user and company, lets its person go on."""
    company = session.user.company
    if not _is_open(session):
        return False
    # The company's minutes may have been more when the end of this session was written.
    if session.last_seen_at < still_used_since(company, now=now):
        return False
    if is_used and now - session.last_seen_at > _unwritten(company):
        write_use(session, minutes=company.session_minutes, now=now)
    return True


def sid_of(key_digest: str) -> str:
    """What dashboards call a session: the same for all of them, and no secret."""
    return digest(f"sid {key_digest}")[:32]


def write_use(session: Session, *, minutes: int, now: datetime) -> None:
    """Write that a session is used now, in a company where one may go unused so many minutes."""
    session.last_seen_at = now
    session.expires_at = _end(now, session.created_at, minutes, session.ends_at)
    Session.objects.filter(key_digest=session.key_digest).update(
        last_seen_at=session.last_seen_at, expires_at=session.expires_at
    )


def open_sessions(company: Company, *, now: datetime) -> "QuerySet[Session]":
    """Those of active people that neither time nor disuse has ended."""
    active = Session.objects.filter(company=company, user__status=User.Status.ACTIVE)
    return active.filter(expires_at__gt=now, last_seen_at__gte=still_used_since(company, now=now))


def shown_sessions(user: User, *, now: datetime) -> tuple[list[Session], int]:
    """A person's newest sessions, with what a list shows of them, and how many there are."""
    found = user.sessions.filter(expires_at__gt=now)
    shown = ("user", "agent", "address", "last_seen_at", "connection__name")
    rows = list(found.select_related("connection").only(*shown).order_by("-last_seen_at")[:SHOWN])
    return rows, len(rows) if len(rows) < SHOWN else found.count()


def still_used_since(company: Company, *, now: datetime) -> datetime:
    """When a session has to have been seen last, as its row tells it, not to have ended by now."""
    return now - timedelta(minutes=company.session_minutes) - _unwritten(company)


def _unwritten(company: Company) -> timedelta:
    """How long a use of a session may go without being written."""
    return min(_REFRESH, timedelta(minutes=company.session_minutes) / 10)


def _is_open(session: Session) -> bool:
    """Whether the way in which this session came is still one."""
    by_password = session.connection_id is None and not session.by_google
    return not by_password or may_use_password(session.user)


@transaction.atomic
def end_sessions_through(
    connection: SamlConnection, *, but: Session, actor: Actor, now: datetime
) -> int:
    """Sign everybody out who came through a connection, one session excepted; tell how many.

    Also who is about to come: what waits to be finished ends, and what is being finished is waited
    for.
    """
    _nobody_is_coming(connection)
    rows = Session.objects.filter(connection=connection).exclude(key_digest=but.key_digest)
    ended = rows.delete()[0]
    if ended:
        entry = Entry(EventName.SESSIONS_ENDED, connection.name, {"sessions": ended})
        record([entry], company_id=connection.company_id, actor=actor, now=now)
    return ended


def end_sessions_of_another_provider(
    connection: SamlConnection, *, but: Session | None = None
) -> None:
    """Whoever came through a connection that trusts another identity provider now comes again."""
    _nobody_is_coming(connection)
    rows = Session.objects.filter(connection=connection)
    rows.exclude(key_digest=but.key_digest if but else "").delete()


def _nobody_is_coming(connection: SamlConnection) -> None:
    close_entry(way_of_connection(connection.slug))
    PendingSignIn.objects.filter(connection=connection).delete()


def end_google_sessions(company: Company, *, but: Session | None = None) -> None:
    """Whoever came by Google comes again: its domain, or the client, is another."""
    close_entry(way_of_google(company.id))
    rows = Session.objects.filter(company=company, by_google=True)
    rows.exclude(key_digest=but.key_digest if but else "").delete()


def end_session(key: str) -> None:
    Session.objects.filter(key_digest=digest(key)).delete()
