"""`passerelle migrate`: bring the database's schema up to date."""

import argparse
import sys
from typing import Any

from passerelle.cli.framework import add_data_option, start_django
from passerelle.cli.terminal import UsageError


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "migrate",
        help="bring the database's schema up to date",
        epilog="example: passerelle migrate",
    )
    add_data_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    start_django(arguments, migrated=False)
    sys.stdout.write(f"{migrate()} migrations applied\n")
    return 0


def migrate() -> int:
    """Apply what is missing and return how many migrations that were."""
    from django.core.management import call_command
    from django.db import Error, connection
    from django.db.migrations.executor import MigrationExecutor

    from passerelle.directory.walls import raise_walls

    try:
        executor = MigrationExecutor(connection)
        waiting = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
        if waiting:
            call_command("migrate", verbosity=0, interactive=False)
        raise_walls(connection)
    except Error as error:
        raise UsageError(f"the database cannot be migrated: {error}") from error
    return waiting
