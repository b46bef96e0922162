"""Insert a row, or learn that the database already holds one that excludes it."""

from typing import Any, cast

from django.db import connection, models
from django.db.models import sql
from django.db.models.constants import OnConflict


def insert_or_nothing(row: models.Model) -> bool:
    """INSERT … ON CONFLICT DO NOTHING; tell whether the row is in.

    Uniqueness is the database's to decide: a check before an insert would be wrong by the time of
    the insert.
    """
    model = type(row)
    query = sql.InsertQuery(model, on_conflict=OnConflict.IGNORE)
    query.insert_values(list(model._meta.concrete_fields), [row])
    (statement, parameters), *_ = query.get_compiler(connection=connection).as_sql()
    with connection.cursor() as cursor:
        cursor.execute(statement, cast("Any", parameters))
        return bool(cursor.rowcount == 1)
