"""Single sign-on alone, in steps: nobody, a few people who try it, everybody.

It can always be undone: by one of ten emergency codes, by an administrator who breaks glass, by the
operator's configuration file. Each of these is recorded and announced.
"""

from django.db.models import Q, QuerySet

from passerelle.directory.models import Company, User
from passerelle.sso.connections.connection import usable_connections
from passerelle.sso.models import SecondStep, Session
from passerelle.sso.sessions.entry_locks import close_entry, way_of_connection, way_of_google

_WITH_PASSWORD = Q(("password__startswith", "argon2"), status=User.Status.ACTIVE)
ADMINISTRATOR_WITH_PASSWORD = _WITH_PASSWORD & Q(is_administrator=True)
BREAKS_GLASS = Q(breaks_glass=True, is_administrator=True)


class NoWayBack(Exception):  # noqa: N818 - reads as what is the matter
    """No administrator could come in by password, not even after an emergency code."""


def may_use_password(user: User) -> bool:
    """Whether somebody may still enter by password."""
    enforcement = user.company.sso_enforcement
    if enforcement == Company.Enforcement.EVERYONE:
        return user.may_break_glass
    if enforcement == Company.Enforcement.TEST_USERS:
        return user.may_break_glass or not user.tests_sso
    return True


def people_with_password(company: Company) -> "QuerySet[User]":
    """Active people with a password by which `may_use_password` lets them enter."""
    people = company.users.filter(_WITH_PASSWORD)
    if company.sso_enforcement == Company.Enforcement.EVERYONE:
        return people.filter(BREAKS_GLASS)
    if company.sso_enforcement == Company.Enforcement.TEST_USERS:
        return people.filter(BREAKS_GLASS | Q(tests_sso=False))
    return people


def password_lets_an_administrator_in(company: Company) -> bool:
    """Whether at least one administrator has a password that counts."""
    return people_with_password(company).filter(is_administrator=True).exists()


def has_way_back(company: Company) -> bool:
    """Whether an administrator can enter when single sign-on fails: at once, or by a code."""
    if company.emergency_codes.filter(used_at=None).exists():
        return company.users.filter(ADMINISTRATOR_WITH_PASSWORD).exists()
    return password_lets_an_administrator_in(company)


def came_by_sso(session: Session) -> bool:
    """Whether this session came through a connection that can be used, and as it is now."""
    usable = {one.id: one for one in usable_connections(session.user.company)}
    connection = session.connection_id and usable.get(session.connection_id)
    if not connection:
        return False
    changed = connection.trusted_since
    return changed is None or session.created_at >= changed


def end_closed_sessions(company: Company) -> None:
    """End the sessions that came by a way which is closed by now: opened again, it lets nobody in.

    Asked after whatever may have closed one; `find_session` takes none of them in any case.
    """
    sessions = Session.objects.filter(company=company)
    closed = company.connections.filter(enabled=False).order_by("slug")
    for slug in closed.values_list("slug", flat=True):
        close_entry(way_of_connection(slug))
    sessions.filter(connection__enabled=False).delete()
    if not company.google_sso_enabled:
        close_entry(way_of_google(company.id))
        sessions.filter(by_google=True).delete()
    if company.sso_enforcement == Company.Enforcement.OFF:
        return
    opened = sessions.filter(connection=None, by_google=False)
    people = {one.user for one in opened.select_related("user")}
    for user in people:
        user.company = company
    barred = [user.id for user in people if not may_use_password(user)]
    opened.filter(user_id__in=barred).delete()
    SecondStep.objects.filter(user_id__in=barred).delete()
