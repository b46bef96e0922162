"""Walls between companies that stand in the database itself.

A reference within a company is held by a constraint that includes the company: a composite foreign
key on PostgreSQL, triggers on SQLite, which cannot add one to an existing table. A row of one
company can then never point at a row of another, whatever the code above does.

The walls follow from the models, and are raised after every migration: none can be forgotten.
SQLite loses the triggers of a table that a migration makes anew, and stumbles over those that name
it; so they are taken down first.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.signals import post_migrate, pre_migrate


@dataclass(frozen=True, slots=True)
class TenantWall:
    """Holds `table.column` to rows of `references` that have the same company.

    `own` is the column that names the row's company: `id` for the company's own table.
    """

    table: str
    column: str
    references: str
    own: str

    @property
    def name(self) -> str:
        return f"wall_{self.table}_{self.column}"

    def composite_key(self) -> str:
        return (
            f"ALTER TABLE {self.table} ADD CONSTRAINT {self.name}"
            f" FOREIGN KEY ({self.own}, {self.column})"
            f" REFERENCES {self.references} (company_id, id)"
            " DEFERRABLE INITIALLY DEFERRED"
        )

    def triggers(self) -> dict[str, str]:
        """Each trigger by its name."""
        refuse = f"BEGIN SELECT RAISE(ABORT, 'FOREIGN KEY constraint failed: {self.name}'); END"
        points_elsewhere = (
            f"WHEN NEW.{self.column} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {self.references}"
            f" WHERE id = NEW.{self.column} AND company_id = NEW.{self.own})"
        )
        moves_away = (
            "WHEN NEW.company_id <> OLD.company_id AND EXISTS"
            f" (SELECT 1 FROM {self.table} WHERE {self.column} = OLD.id)"
        )
        of_table, own = f"ON {self.table} {points_elsewhere} {refuse}", f"{self.column}, {self.own}"
        moved = f"BEFORE UPDATE OF company_id ON {self.references} {moves_away} {refuse}"
        return {
            f"{self.name}_insert": f"BEFORE INSERT {of_table}",
            f"{self.name}_update": f"BEFORE UPDATE OF {own} {of_table}",
            f"{self.name}_moved": moved,
        }


def tenant_walls() -> Iterator[TenantWall]:
    """A wall for each reference from a row of a company to another row of a company."""
    company = apps.get_model("directory", "Company")
    tenants = {company} | {
        model
        for model in apps.get_models()
        if any(field.related_model is company for field in _references(model))
    }
    for model in sorted(tenants, key=lambda one: one._meta.db_table):
        for field in _references(model):
            if field.related_model in tenants - {company}:
                yield TenantWall(
                    model._meta.db_table,
                    str(field.column),
                    field.related_model._meta.db_table,
                    "id" if model is company else "company_id",
                )


def _references(model: type[models.Model]) -> list[Any]:
    return [
        field
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey) and getattr(field, "db_constraint", True)
    ]


def missing_walls(connection: BaseDatabaseWrapper) -> list[str]:
    """The names of walls that do not stand, as constraints or triggers."""
    return sorted(_wanted(connection.vendor).keys() - _standing(connection))


def _wanted(vendor: str) -> dict[str, str]:
    """Every statement that raises a wall, by the name of what it makes."""
    if vendor == "postgresql":
        return {wall.name: wall.composite_key() for wall in tenant_walls()}
    return {
        name: f"CREATE TRIGGER {name} {body}"
        for wall in tenant_walls()
        for name, body in wall.triggers().items()
    }


def _standing(connection: BaseDatabaseWrapper) -> set[str]:
    catalogue = {
        "postgresql": "SELECT conname FROM pg_constraint WHERE conname LIKE 'wall\\_%'",
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'wall_%'",
    }
    with connection.cursor() as cursor:
        # No parameters: a percent sign would otherwise be read as one.
        cursor.execute(catalogue[connection.vendor], None)
        return {name for (name,) in cursor.fetchall()}


def raise_walls(connection: BaseDatabaseWrapper) -> None:
    """Raise what is missing."""
    wanted = _wanted(connection.vendor)
    with connection.cursor() as cursor:
        for name in missing_walls(connection):
            cursor.execute(wanted[name], None)


def take_down_walls(connection: BaseDatabaseWrapper) -> None:
    """Take down all that stand."""
    drop = {
        "sqlite": "DROP TRIGGER {name}",
        "postgresql": "ALTER TABLE {table} DROP CONSTRAINT {name}",
    }
    table = {wall.name: wall.table for wall in tenant_walls()}
    with connection.cursor() as cursor:
        for name in _standing(connection):
            statement = drop[connection.vendor].format(name=name, table=table.get(name, ""))
            cursor.execute(statement, None)


def stand_through_migrations(sender: Any) -> None:
    """Raise the walls after every migration of the app `sender`'s database."""
    pre_migrate.connect(_before, sender=sender)
    post_migrate.connect(_after, sender=sender)


def _before(*, using: str, plan: list[Any], **_signal: Any) -> None:
    from django.db import connections

    # PostgreSQL's stand through a migration, unless it is taken back: what they refer to goes.
    is_taken_back = any(backwards for _migration, backwards in plan)
    if plan and (connections[using].vendor == "sqlite" or is_taken_back):
        take_down_walls(connections[using])


def _after(*, using: str, **_signal: Any) -> None:
    from django.db import connections

    raise_walls(connections[using])
