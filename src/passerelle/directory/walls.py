"""Walls between companies that stand in the database itself.

A reference within a company is held by a constraint that includes the company: a composite foreign
key on PostgreSQL, triggers on SQLite, which cannot add one to an existing table. A row of one
company can then never point at a row of another, whatever the code above does.
"""

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState


class TenantWall(Operation):
    """Hold `table.column` (nullable or not) to rows of `references` that have the same company.

    `own` is the column that names the row's company: `id` for the company's own table.
    """

    reversible = True

    def __init__(self, table: str, column: str, references: str, own: str = "company_id") -> None:
        self.table, self.column, self.references, self.own = table, column, references, own

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        arguments = [self.table, self.column, self.references, self.own]
        return (self.__class__.__qualname__, arguments, {})

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Models do not change."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        for statement in self._statements(schema_editor.connection.vendor):
            # No parameters: a percent sign or a question mark would otherwise be read as one.
            schema_editor.execute(statement, None)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"ALTER TABLE {self.table} DROP CONSTRAINT {self.name}", None)
            return
        for suffix in ("insert", "update", "moved"):
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {self.name}_{suffix}", None)

    @property
    def name(self) -> str:
        return f"wall_{self.table}_{self.column}"

    def describe(self) -> str:
        return f"Hold {self.table}.{self.column} within the company"

    def _statements(self, vendor: str) -> list[str]:
        if vendor == "postgresql":
            return [
                f"ALTER TABLE {self.table} ADD CONSTRAINT {self.name}"
                f" FOREIGN KEY ({self.own}, {self.column})"
                f" REFERENCES {self.references} (company_id, id)"
                " DEFERRABLE INITIALLY DEFERRED"
            ]
        return [
            f"CREATE TRIGGER {self.name}_{when.split()[0].lower()} BEFORE {when} ON {self.table}"
            f" WHEN NEW.{self.column} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {self.references}"
            f" WHERE id = NEW.{self.column} AND company_id = NEW.{self.own})"
            f" BEGIN SELECT RAISE(ABORT, 'FOREIGN KEY constraint failed: {self.name}'); END"
            for when in ("INSERT", f"UPDATE OF {self.column}, {self.own}")
        ] + [
            f"CREATE TRIGGER {self.name}_moved BEFORE UPDATE OF company_id ON {self.references}"
            f" WHEN NEW.company_id <> OLD.company_id AND EXISTS (SELECT 1 FROM {self.table}"
            f" WHERE {self.column} = OLD.id)"
            f" BEGIN SELECT RAISE(ABORT, 'FOREIGN KEY constraint failed: {self.name}'); END"
        ]
