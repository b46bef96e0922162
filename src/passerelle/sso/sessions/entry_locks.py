"""Who is coming in by a way, and who closes it: the one waits for the other.

A sign-in asks whether its way is open, and then opens a session. Whoever closes the way in between,
and ends its sessions, would not see that one. So sign-ins share a lock for their way, and whoever
closes it takes it alone: advisory locks of PostgreSQL, which queue fairly, held to the end of the
transaction. SQLite lets one transaction write at a time.
"""

from datetime import datetime

from django.db import connection as database

_KEY = "hashtextextended('passerelle way ' || %s, 0)"


def way_of_connection(slug: str) -> str:
    return f"saml {slug}"


def way_of_google(company_id: object) -> str:
    return f"google {company_id}"


def share(way: str) -> None:
    """Keep a way from being closed until this transaction ends; others may come as well."""
    _lock(f"SELECT pg_advisory_xact_lock_shared({_KEY})", way)


def share_for_code(
    slug: str, *, code_digest: str, cookie_digest: str, binding_digest: str, now: datetime
) -> None:
    """The same for who brings a code that waits there, in its browser: strangers hold nobody up."""
    _lock(
        f"SELECT pg_advisory_xact_lock_shared({_KEY}) "  # noqa: S608 - names of ours
        "FROM sso_pendingsignin JOIN sso_samlconnection ON connection_id = id "
        "WHERE slug = %s AND code_digest = %s AND cookie_digest = %s "
        "AND binding_digest IN (%s, '') AND expires_at > %s",
        way_of_connection(slug),
        slug,
        code_digest,
        cookie_digest,
        binding_digest,
        now,
    )


def close_entry(way: str) -> None:
    """Wait until nobody is coming by a way, and let nobody come until this transaction ends."""
    _lock(f"SELECT pg_advisory_xact_lock({_KEY})", way)


def _lock(statement: str, *values: str | datetime) -> None:
    if database.vendor == "postgresql":
        with database.cursor() as cursor:
            cursor.execute(statement, values)
