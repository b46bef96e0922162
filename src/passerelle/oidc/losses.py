"""Triggers that note which sessions and rights have ended, for applications to be told.

Whatever deletes a session or a membership (a sign-out, a suspension, a rule, an administrator, the
end of its time) passes the table. Noted only where somebody has gone on to an application.
"""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.signals import post_migrate, pre_migrate

# Of each table: the columns of the note, its values, and whether anybody is to be told.
_NOTED = {
    "sso_session": ("session_id", "OLD.key_digest", "session_id = OLD.key_digest"),
    "directory_membership": ("user_id", "OLD.user_id", "subject = OLD.user_id"),
}


def _name(table: str) -> str:
    return f"loss_{table}"


def _statements(vendor: str, table: str) -> list[str]:
    column, value, told = _NOTED[table]
    note = f"INSERT INTO oidc_loss ({column}) VALUES ({value})"  # noqa: S608 - names of ours
    wanted = f"EXISTS (SELECT 1 FROM oidc_grant WHERE {told})"  # noqa: S608
    name = _name(table)
    if vendor == "sqlite":
        body = f"AFTER DELETE ON {table} WHEN {wanted} BEGIN {note}; END"
        return [f"CREATE TRIGGER IF NOT EXISTS {name} {body}"]
    function = f"BEGIN IF {wanted} THEN {note}; END IF; RETURN NULL; END"
    return [
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS '{function}'",
        f"CREATE OR REPLACE TRIGGER {name} AFTER DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {name}()",
    ]


def raise_triggers(connection: BaseDatabaseWrapper) -> None:
    """Once the tables are there that they name: a migration may have taken them away."""
    with connection.cursor() as cursor:
        if not {"oidc_grant", "oidc_loss", *_NOTED} <= set(
            connection.introspection.table_names(cursor)
        ):
            return
        for table in _NOTED:
            for statement in _statements(connection.vendor, table):
                cursor.execute(statement, None)


def take_down_triggers(connection: BaseDatabaseWrapper) -> None:
    """SQLite makes a table anew to change it, and stumbles over triggers; PostgreSQL does not."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            for table in _NOTED:
                cursor.execute(f"DROP TRIGGER IF EXISTS {_name(table)}", None)


def stand_through_migrations(sender: Any) -> None:
    pre_migrate.connect(_before, sender=sender)
    post_migrate.connect(_after, sender=sender)


def _before(*, using: str, plan: list[Any], **_signal: Any) -> None:
    from django.db import connections

    if plan:
        take_down_triggers(connections[using])


def _after(*, using: str, **_signal: Any) -> None:
    from django.db import connections

    raise_triggers(connections[using])
