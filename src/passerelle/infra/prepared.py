"""Queries that are asked thousands of times: built and compiled once, then run with other values.

Django builds a query anew each time, which takes ten times as long as a database on the same
machine takes to answer it. Use it for what a machine's request asks, and for nothing else.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import local
from typing import Any, cast
from uuid import UUID, uuid4

from django.db import connection, connections, models
from django.db.models.query import get_related_populators
from django.db.models.sql.compiler import SQLCompiler


@dataclass(frozen=True, slots=True)
class _Compiled:
    """One query for one connection, and which value goes where in it."""

    compiler: SQLCompiler
    sql: str
    parameters: tuple[Any, ...]
    places: dict[int, str]


class Prepared:
    """A query by its values: `Prepared(lambda digest, now: Token.objects.filter(…), …)`.

    `kinds` gives the type of each value: str, datetime or UUID. Each must stand in the query as it
    is, and decide nothing else about it: no value chooses what is asked.
    """

    def __init__(
        self, build: Callable[..., "models.QuerySet[Any]"], **kinds: type[str | datetime | UUID]
    ) -> None:
        self._build, self._kinds = build, kinds
        self._of_thread = local()

    def rows(self, **values: str | datetime | UUID) -> Iterator[Any]:
        """The rows, as tuples in the order of the query's columns."""
        found = self._compiled()
        parameters = [
            _adapted(values[found.places[place]]) if place in found.places else one
            for place, one in enumerate(found.parameters)
        ]
        with connection.cursor() as cursor:
            cursor.execute(found.sql, parameters)
            fetched = cursor.fetchall()
        return map(tuple, found.compiler.results_iter(results=[fetched]))

    def objects(self, **values: str | datetime | UUID) -> Iterator[Any]:
        """The rows as models, with what the query selects beside them."""
        compiler = self._compiled().compiler
        told = cast("dict[str, Any]", compiler.klass_info)
        select = cast("list[Any]", compiler.select)
        start, end = told["select_fields"][0], told["select_fields"][-1] + 1
        names = [one[0].target.attname for one in select[start:end]]
        populators = get_related_populators(told, select, connection.alias)  # type: ignore[call-arg]
        for row in self.rows(**values):
            made = told["model"].from_db(connection.alias, names, row[start:end])
            for populator in populators:
                populator.populate(row, made)
            yield made

    def _compiled(self) -> _Compiled:
        """Of this thread's connection: what is compiled holds on to it."""
        known = getattr(self._of_thread, "known", None)
        if known is not None and known.compiler.connection is connection_of_thread():
            return cast("_Compiled", known)
        made = self._compile()
        self._of_thread.known = made
        return made

    def _compile(self) -> _Compiled:
        marks = {
            name: _mark(kind, number) for number, (name, kind) in enumerate(self._kinds.items())
        }
        query = self._build(**marks).query
        compiler = query.get_compiler(connection=connection_of_thread())
        sql, parameters = compiler.as_sql()
        adapted = {_adapted(mark): name for name, mark in marks.items()}
        places = {
            place: adapted[one] for place, one in enumerate(parameters) if _is_one(one, adapted)
        }
        missing = marks.keys() - set(places.values())
        assert not missing, f"{missing} stand nowhere in {sql}"
        return _Compiled(compiler, sql, tuple(parameters), places)


def connection_of_thread() -> Any:
    """The connection itself, and not what leads to each thread's own."""
    return connections[connection.alias]


def _mark(kind: type, number: int) -> str | datetime | UUID:
    """A value that stands nowhere else in a query, by which its place is found."""
    if kind is datetime:
        return datetime(2400, 1, 1, 0, 0, number, tzinfo=UTC)
    return uuid4() if kind is UUID else f"prepared {number} {uuid4().hex}"


def _adapted(value: str | datetime | UUID) -> Any:
    """As the database is given it."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, UUID) and not connection.features.has_native_uuid_field:
        return value.hex
    return value


def _is_one(parameter: Any, marks: dict[Any, str]) -> bool:
    try:
        return parameter in marks
    except TypeError:
        return False
