"""Start Django for the commands that need the database, with errors as one line."""

import argparse
import os
from datetime import datetime
from typing import Any

from passerelle.cli.terminal import UsageError


def add_data_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", metavar="DIR", help="the data folder (default: PASSERELLE_DATA_DIR)"
    )


def start_django(arguments: argparse.Namespace, *, migrated: bool = True) -> None:
    """Read the environment and set Django up. Raises UsageError.

    With `migrated`, the schema must be up to date.
    """
    if getattr(arguments, "data", None):
        os.environ["PASSERELLE_DATA_DIR"] = arguments.data
    # What we write holds secrets: for the owner only.
    os.umask(0o077)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "passerelle.config.settings")
    import django

    from passerelle.config.env import WrongEnvironment

    try:
        django.setup()
    except WrongEnvironment as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        raise UsageError(
            f"data folder {error.filename}: {error.strerror} (--data or PASSERELLE_DATA_DIR)"
        ) from error
    if migrated:
        _require_schema()


def _require_schema() -> None:
    from django.conf import settings
    from django.db import Error, connection
    from django.db.migrations.executor import MigrationExecutor

    from passerelle.infra.database_faults import CURES, Fault, fault_of

    try:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Error as error:
        fault = fault_of(error) or Fault.AWAY
        raise UsageError(f"{fault}: {error}. {CURES[fault]}") from error
    if waiting and connection.vendor == "sqlite" and not executor.loader.applied_migrations:
        folder = settings.PASSERELLE.data_dir
        raise UsageError(
            f"no installation in {folder}: name its folder with --data, or make one there with "
            f"`passerelle migrate --data {folder}`"
        )
    if waiting:
        raise UsageError("the database is not up to date: run `passerelle migrate` first")


def require_base_url() -> None:
    """Raise UsageError unless the service knows its public address."""
    from django.conf import settings

    if not settings.PASSERELLE.base_url:
        raise UsageError(
            "PASSERELLE_BASE_URL: expected the public address of this service, such as "
            "https://sso.example; received nothing"
        )


def company_of(slug: str | None) -> Any:
    """The company with this slug, or None when none was asked for. Raises UsageError."""
    from passerelle.directory.models import Company

    if slug is None:
        return None
    # An argument that is not text in the terminal's encoding would be none for the database either.
    company = Company.objects.filter(slug=slug).first() if slug.isascii() else None
    if company is None:
        raise UsageError(f"--company: expected the slug of a company, received {slug!r}")
    return company


def written(moment: datetime | None) -> str | None:
    """A time as JSON has it: ISO 8601 in UTC."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None
